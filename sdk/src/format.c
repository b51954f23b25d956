/* printf's formatting, as far as enclaves need it. */
#include "edge.h"

struct output {
  char *to;
  size_t size, length; /* length may run past size: it is what would have been written */
};

static void put(struct output *out, char c) {
  if (out->length + 1 < out->size) {
    out->to[out->length] = c;
  }
  out->length++;
}

struct form {
  bool left, zeroes;
  int width, precision; /* precision < 0: none given */
};

static void put_padded(struct output *out, struct form form, const char *sign, const char *text, size_t length) {
  size_t used = length + strlen(sign);
  size_t padding = (size_t)form.width > used ? (size_t)form.width - used : 0;
  for (size_t i = 0; !form.left && !form.zeroes && i < padding; i++) {
    put(out, ' ');
  }
  while (*sign) {
    put(out, *sign++);
  }
  for (size_t i = 0; !form.left && form.zeroes && i < padding; i++) {
    put(out, '0');
  }
  for (size_t i = 0; i < length; i++) {
    put(out, text[i]);
  }
  for (size_t i = 0; form.left && i < padding; i++) {
    put(out, ' ');
  }
}

/* Writes digits backwards, ending before `end`; at least `least` of them. */
static char *digits(char *end, uint64_t value, unsigned base, bool upper, int least) {
  while (value || least > 0) {
    unsigned digit = (unsigned)(value % base);
    *--end = (char)(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
    value /= base;
    least--;
  }
  return end;
}

static void put_double(struct output *out, struct form form, double value) {
  char text[64];
  char *end = text + sizeof text;
  const char *sign = __builtin_signbit(value) ? "-" : "";
  double size = __builtin_fabs(value);
  int places = form.precision < 0 ? 6 : form.precision > 18 ? 18 : form.precision;
  if (!(size < 1e18)) {
    const char *name = size != size ? "nan" : __builtin_isinf(size) ? "inf" : "huge";
    put_padded(out, form, sign, name, strlen(name));
    return;
  }
  uint64_t scale = 1;
  for (int i = 0; i < places; i++) {
    scale *= 10;
  }
  uint64_t whole = (uint64_t)size;
  uint64_t part = (uint64_t)((size - (double)whole) * (double)scale + 0.5);
  if (part >= scale) {
    part -= scale;
    whole++;
  }
  char *start = end;
  if (places) {
    start = digits(start, part, 10, false, places);
    *--start = '.';
  }
  start = digits(start, whole, 10, false, 1);
  put_padded(out, form, sign, start, (size_t)(end - start));
}

static void put_integer(struct output *out, struct form form, char kind, uint64_t value) {
  char text[64];
  char *end = text + sizeof text;
  const char *sign = kind == 'p' ? "0x" : "";
  if (kind == 'd' && (int64_t)value < 0) {
    sign = "-";
    value = -value;
  }
  unsigned base = kind == 'd' || kind == 'u' ? 10 : 16;
  int least = form.precision < 0 ? 1 : form.precision > 40 ? 40 : form.precision;
  char *start = digits(end, value, base, kind == 'X', least);
  put_padded(out, form, sign, start, (size_t)(end - start));
}

static int number(const char **format, va_list *arguments) {
  if (**format == '*') {
    ++*format;
    return va_arg(*arguments, int);
  }
  int value = 0;
  while (**format >= '0' && **format <= '9' && value < 10000) {
    value = value * 10 + *(*format)++ - '0';
  }
  return value;
}

static void put_argument(struct output *out, const char **format, va_list *arguments) {
  struct form form = {.precision = -1};
  for (;; ++*format) {
    if (**format == '-') {
      form.left = true;
    } else if (**format == '0') {
      form.zeroes = true;
    } else {
      break;
    }
  }
  form.width = number(format, arguments);
  if (**format == '.') {
    ++*format;
    form.precision = number(format, arguments);
  }
  int longs = 0;
  for (; **format == 'l' || **format == 'z' || **format == 'h'; ++*format) {
    longs += **format != 'h';
  }
  char kind = *(*format)++;
  switch (kind) {
    case 'd':
    case 'i':
      put_integer(out, form, 'd', (uint64_t)(longs ? va_arg(*arguments, int64_t) : va_arg(*arguments, int)));
      break;
    case 'u':
    case 'x':
    case 'X':
      put_integer(out, form, kind, longs ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned));
      break;
    case 'p':
      put_integer(out, form, 'p', (uint64_t)va_arg(*arguments, void *));
      break;
    case 'f':
      put_double(out, form, va_arg(*arguments, double));
      break;
    case 'c': {
      char c = (char)va_arg(*arguments, int);
      put_padded(out, form, "", &c, 1);
      break;
    }
    case 's': {
      const char *text = va_arg(*arguments, const char *) ?: "(null)";
      put_padded(out, form, "", text, form.precision < 0 ? strlen(text) : strnlen(text, (size_t)form.precision));
      break;
    }
    case 0:
      --*format; /* a lone % at the end */
      break;
    default:
      put(out, kind); /* %% and what is not known */
  }
}

int vsnprintf(char *to, size_t size, const char *format, va_list arguments) {
  struct output out = {to, size, 0};
  va_list rest;
  va_copy(rest, arguments);
  while (*format) {
    char c = *format++;
    if (c == '%') {
      put_argument(&out, &format, &rest);
    } else {
      put(&out, c);
    }
  }
  va_end(rest);
  if (size) {
    to[out.length < size ? out.length : size - 1] = 0;
  }
  return (int)out.length;
}

int snprintf(char *to, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(to, size, format, arguments);
  va_end(arguments);
  return length;
}
