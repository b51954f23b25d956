package org.enclavisor.host;

import org.jspecify.annotations.Nullable;

/** The enclave is gone for good: its process died, or it cannot be entered any more. Load it again. */
public final class EnclaveLostException extends HostException {
  private static final long serialVersionUID = 1;

  EnclaveLostException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
