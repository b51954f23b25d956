package org.enclavisor.host.marshal;

/** Names in C's manner and in Java's. */
public final class Names {
  private Names() {}

  /** {@code ecall_sum_all} becomes {@code ecallSumAll}; what has no underscore stays. */
  public static String lowerCamel(String name) {
    var camel = new StringBuilder();
    boolean up = false;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c == '_') {
        up = !camel.isEmpty();
      } else {
        camel.append(up ? Character.toUpperCase(c) : c);
        up = false;
      }
    }
    return camel.isEmpty() ? name : camel.toString();
  }
}
