package org.enclavisor.monitor;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** Where an enclave is in its life. Forward only, whoever races. Thread-safe. */
final class LifeCycle {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(LifeCycle.class, "state", EnclaveState.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile EnclaveState state = EnclaveState.CREATING;

  EnclaveState state() {
    return state;
  }

  /** Whether the first may be followed by the second. */
  static boolean allowed(EnclaveState from, EnclaveState to) {
    return switch (from) {
      case CREATING -> to == EnclaveState.INITIALISED || to == EnclaveState.DESTROYED;
      case INITIALISED -> to == EnclaveState.STOPPED || to == EnclaveState.DESTROYED;
      case STOPPED -> to == EnclaveState.DESTROYED;
      case DESTROYED -> false;
    };
  }

  /**
   * Goes on to a state.
   *
   * @return where it came from, which is {@code to} itself or a later state if nothing was done
   */
  EnclaveState advance(EnclaveState to) {
    while (true) {
      EnclaveState from = state;
      if (!allowed(from, to)) {
        return from;
      }
      if (STATE.compareAndSet(this, from, to)) {
        return from;
      }
    }
  }

  /** Begins another life of a stopped enclave, whose generation has been raised before. False if it is not stopped. */
  boolean reborn() {
    return STATE.compareAndSet(this, EnclaveState.STOPPED, EnclaveState.INITIALISED);
  }
}
