package org.enclavisor.host;

import org.enclavisor.host.sdk.RuntimeState.HostThread;

/** An ECALL that another process has begun: whoever calls {@link #finish} is its thread from then on. */
public final class PendingCall {
  private final Enclave enclave;
  private final String ecall;
  private final HostThread thread;
  private boolean taken;

  PendingCall(Enclave enclave, String ecall, HostThread thread) {
    this.enclave = enclave;
    this.ecall = ecall;
    this.thread = thread;
  }

  /** The name of the ECALL. */
  public String ecall() {
    return ecall;
  }

  HostThread thread() {
    return thread;
  }

  /**
   * Goes on with it to its end. What was to be handed back through parameters comes as bytes.
   *
   * @throws HostException as {@link Enclave#call}
   * @throws WrongUseException if it has been finished already
   */
  public CallResult finish() {
    synchronized (this) {
      if (taken) {
        throw new WrongUseException("ECALL " + ecall + ": expected a pending call, found one that was taken up");
      }
      taken = true;
    }
    return enclave.finish(this);
  }
}
