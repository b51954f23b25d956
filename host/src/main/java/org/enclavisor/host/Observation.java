package org.enclavisor.host;

import jdk.jfr.FlightRecorder;
import org.enclavisor.host.CallObserver.Direction;
import org.enclavisor.host.CallObserver.UnderWay;
import org.enclavisor.monitor.EnclaveId;
import org.jspecify.annotations.Nullable;

/** Who is told of an enclave's calls: the observer of its configuration, the Flight Recorder while it records. */
final class Observation {
  private final EnclaveId enclave;
  private final @Nullable CallObserver observer;

  Observation(EnclaveId enclave, @Nullable CallObserver observer) {
    this.enclave = enclave;
    this.observer = observer;
  }

  /** Null if nobody wants to know. */
  @Nullable UnderWay begins(long tcs, Direction direction, int index, String function) {
    // To load a class of the recorder's events takes tens of milliseconds: not before somebody records.
    boolean recorded = FlightRecorder.isInitialized() && CallEvent.isWanted();
    if (observer == null) {
      return recorded ? CallEvent.begun(enclave.instance(), tcs, direction, index, function) : null;
    }
    UnderWay observed = observer.begins(enclave, tcs, direction, index, function);
    if (!recorded) {
      return observed;
    }
    CallEvent event = CallEvent.begun(enclave.instance(), tcs, direction, index, function);
    return status -> {
      event.ended(status);
      observed.ended(status);
    };
  }
}
