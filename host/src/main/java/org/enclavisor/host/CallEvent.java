package org.enclavisor.host;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.enclavisor.host.CallObserver.Direction;

/** {@code org.enclavisor.Call} of the Flight Recorder. While nothing is recorded, only {@link #isWanted} is run. */
@Name("org.enclavisor.Call")
@Label("Enclave Call")
@Description("An ECALL or an OCALL, with its marshalling")
@Category("Enclavisor")
@StackTrace(false)
final class CallEvent extends Event implements CallObserver.UnderWay {
  /** Never recorded: it is asked whether others would be. Asking the class would start the Flight Recorder. */
  private static final CallEvent PROBE = new CallEvent();

  @Label("Enclave")
  long enclave;

  @Label("Direction")
  @Description("ECALL or OCALL")
  String direction = "";

  @Label("Function")
  String function = "";

  @Label("Index")
  @Description("Number of the function in the EDL")
  int index;

  @Label("TCS")
  @Description("Linear address of the thread control structure")
  long tcs;

  @Label("Status")
  @Description("sgx_status_t, or -1 if the call did not return")
  int status;

  /** Whether a recording takes these events now. */
  static boolean isWanted() {
    return PROBE.isEnabled();
  }

  static CallEvent begun(long enclave, long tcs, Direction direction, int index, String function) {
    CallEvent event = new CallEvent();
    event.enclave = enclave;
    event.tcs = tcs;
    event.direction = direction.name();
    event.index = index;
    event.function = function;
    event.begin();
    return event;
  }

  @Override
  public void ended(int answer) {
    status = answer;
    commit();
  }
}
