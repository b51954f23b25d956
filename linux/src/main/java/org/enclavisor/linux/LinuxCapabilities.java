package org.enclavisor.linux;

/** x */
public final class LinuxCapabilities {
  private LinuxCapabilities() {}

  static void require() {}
}
