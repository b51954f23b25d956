package org.enclavisor.monitor.observe;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** {@code org.enclavisor.Stay}. */
@Name("org.enclavisor.Stay")
@Label("Stay in Enclave")
@Description("A thread inside an enclave, from EENTER or ERESUME to the way out, with handing over there and back")
@Category("Enclavisor")
@StackTrace(false)
final class StayEvent extends Event {
  @Label("Enclave")
  long enclave;

  @Label("TCS")
  @Description("Linear address of the thread control structure")
  long tcs;

  @Label("Entered By")
  @Description("EENTER or ERESUME")
  String leaf = "";

  @Label("CSSA")
  int cssa;

  @Label("Left By")
  @Description("EEXIT, an exception or interrupt")
  String exit = "";
}
