package org.enclavisor.monitor.observe;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** {@code org.enclavisor.Paging}. Made when it is over: {@link #took} says for how long it ran before that. */
@Name("org.enclavisor.Paging")
@Label("Enclave Paging")
@Description("Pages of an enclave were evicted, reloaded, or added while it runs")
@Category("Enclavisor")
@StackTrace(false)
final class PagingEvent extends Event {
  @Label("Enclave")
  long enclave;

  @Label("Kind")
  @Description("EVICTED (EWB), RELOADED (ELDU, ELDB), GROWN (EAUG)")
  String kind = "";

  @Label("Pages")
  long pages;

  @Label("Took")
  @Timespan(Timespan.NANOSECONDS)
  long took;
}
