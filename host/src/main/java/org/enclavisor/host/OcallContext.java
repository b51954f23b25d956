package org.enclavisor.host;

/**
 * The OCALL under way. A Java method that serves an OCALL may have it as its first parameter. Belongs to the thread
 * that serves it, for as long as it does.
 */
public final class OcallContext {
  private final Enclave enclave;
  private final String name;
  private int errno;

  OcallContext(Enclave enclave, String name) {
    this.enclave = enclave;
    this.name = name;
  }

  /** The enclave that made it; ECALLs that its allow list names can be made on it. */
  public Enclave enclave() {
    return enclave;
  }

  /** The function's name in C. */
  public String name() {
    return name;
  }

  /** What the enclave finds in {@code errno} afterwards, if the EDL says {@code propagate_errno}. At first 0. */
  public void errno(int value) {
    errno = value;
  }

  int errno() {
    return errno;
  }
}
