/* printf through an OCALL, which the enclave's own proxy makes. */
#include "encl.h"

enum sgx_status ocall_print_string(const char *text);

int encl_printf(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return ocall_print_string(text) == SGX_SUCCESS ? length : -1;
}
