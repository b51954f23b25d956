package org.enclavisor.monitor.observe;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** {@code org.enclavisor.Fault}. Made when it is over: {@link #took} says for how long it ran before that. */
@Name("org.enclavisor.Fault")
@Label("Served Fault")
@Description("A page fault in an enclave, after which it went on without an exit")
@Category("Enclavisor")
@StackTrace(false)
final class FaultEvent extends Event {
  @Label("Enclave")
  long enclave;

  @Label("TCS")
  @Description("Linear address of the thread control structure")
  long tcs;

  @Label("Page")
  @Description("The page's address")
  long page;

  @Label("Took")
  @Timespan(Timespan.NANOSECONDS)
  long took;
}
