package org.enclavisor.host;

import org.jspecify.annotations.Nullable;

/** An ECALL under way on the calling thread, and what went wrong in its OCALLs. Confined to that thread. */
final class Activation {
  private static final ThreadLocal<@Nullable Activation> CURRENT = new ThreadLocal<>();

  private final Enclave enclave;
  private final String ecall;
  private final @Nullable Activation outer;
  private @Nullable Throwable failure;
  private String failedOcall = "";

  private Activation(Enclave enclave, String ecall, @Nullable Activation outer) {
    this.enclave = enclave;
    this.ecall = ecall;
    this.outer = outer;
  }

  static Activation begin(Enclave enclave, String ecall) {
    var activation = new Activation(enclave, ecall, CURRENT.get());
    CURRENT.set(activation);
    return activation;
  }

  /** The innermost ECALL of the calling thread into an enclave, or null: it may be a thread the enclave started. */
  static @Nullable Activation of(Enclave enclave) {
    Activation activation = CURRENT.get();
    while (activation != null && activation.enclave != enclave) {
      activation = activation.outer;
    }
    return activation;
  }

  /** Whether its thread makes no other call around this one, into whatever enclave. */
  boolean isOutermost() {
    return outer == null;
  }

  void end() {
    if (outer == null) {
      CURRENT.remove();
    } else {
      CURRENT.set(outer);
    }
  }

  /** Remembers what an OCALL threw; the first is the cause, others are added to it. */
  void failed(String ocall, Throwable thrown) {
    if (failure == null) {
      failure = thrown;
      failedOcall = ocall;
    } else if (failure != thrown) {
      failure.addSuppressed(thrown);
    }
  }

  @Nullable Throwable failure() {
    return failure;
  }

  String failedOcall() {
    return failedOcall;
  }

  @Override
  public String toString() {
    return "Activation[" + ecall + "]";
  }
}
