package org.enclavisor.monitor.observe;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** {@code org.enclavisor.AsynchronousExit}. */
@Name("org.enclavisor.AsynchronousExit")
@Label("Asynchronous Exit")
@Description("A thread came out of an enclave by an exception or an interrupt")
@Category("Enclavisor")
@StackTrace(false)
final class AsynchronousExitEvent extends Event {
  @Label("Enclave")
  long enclave;

  @Label("TCS")
  @Description("Linear address of the thread control structure")
  long tcs;

  @Label("Cause")
  @Description("An exception, or interrupt")
  String cause = "";

  @Label("Error Code")
  int errorCode;

  @Label("Page")
  @Description("Of a page fault: the page's address; else 0")
  long page;
}
