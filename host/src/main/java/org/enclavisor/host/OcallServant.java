package org.enclavisor.host;

import org.enclavisor.host.marshal.OcallFrame;
import org.jspecify.annotations.Nullable;

/** Serves one OCALL. */
@FunctionalInterface
interface OcallServant {

  /** Takes the arguments from the frame and returns the result, which is written to it afterwards. */
  @Nullable Object serve(OcallContext context, OcallFrame frame);

  /** A Java method threw its cause. */
  final class FailedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    FailedException(Throwable cause) {
      super(cause);
    }

    @Override
    public synchronized Throwable getCause() {
      return java.util.Objects.requireNonNull(super.getCause());
    }
  }
}
