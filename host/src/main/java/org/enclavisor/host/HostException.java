package org.enclavisor.host;

/** What can go wrong between a host and its enclave. Its kinds say whose turn it is to do something about it. */
public abstract sealed class HostException extends RuntimeException
    permits WrongUseException, EnclaveException, EnclaveLostException, OcallFailedException, LoadException {
  private static final long serialVersionUID = 1;

  HostException(String message, @org.jspecify.annotations.Nullable Throwable cause) {
    super(message, cause);
  }
}
