package org.enclavisor.linux;

/** The memory files of an enclave process, as the JVM's descriptors; the process gets them under the same numbers. */
final class StubFiles implements AutoCloseable {
  static final long PATCH_BYTES = 1L << 24;
  private static final int NONE = -1;

  final int program;
  final int stub;
  final int enclave;
  final int untrusted;
  final int patches;
  private final int[] open = {NONE, NONE, NONE, NONE, NONE};

  StubFiles(StubLayout layout) {
    boolean done = false;
    try {
      program = open[0] = Kernel.memfdProgram("enclavisor-enclave");
      stub = open[1] = Kernel.memfd("enclavisor-stub", layout.stubBytes());
      enclave = open[2] = Kernel.memfd("enclavisor-elrange", layout.enclaveBytes());
      untrusted = open[3] = Kernel.memfd("enclavisor-untrusted", untrustedFileBytes(layout));
      patches = open[4] = Kernel.memfd("enclavisor-patches", PATCH_BYTES);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /** A file without a byte could not be mapped. */
  static long untrustedFileBytes(StubLayout layout) {
    return Math.max(layout.untrustedBytes(), Kernel.PAGE);
  }

  /** Closes all but the ELRANGE's, which tells how much memory it costs. */
  void closeButEnclave() {
    for (int i = 0; i < open.length; i++) {
      if (open[i] != enclave) {
        close(i);
      }
    }
  }

  @Override
  public void close() {
    for (int i = 0; i < open.length; i++) {
      close(i);
    }
  }

  private void close(int i) {
    if (open[i] != NONE) {
      Kernel.close(open[i]);
      open[i] = NONE;
    }
  }
}
