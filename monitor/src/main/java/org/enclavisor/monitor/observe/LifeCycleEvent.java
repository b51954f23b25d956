package org.enclavisor.monitor.observe;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** {@code org.enclavisor.LifeCycle}. */
@Name("org.enclavisor.LifeCycle")
@Label("Enclave Life Cycle")
@Description("An enclave went from one state of its life to the next")
@Category("Enclavisor")
@StackTrace(false)
final class LifeCycleEvent extends Event {
  @Label("Enclave")
  long enclave;

  @Label("Generation")
  int generation;

  @Label("From")
  String from = "";

  @Label("To")
  String to = "";

  @Label("Reason")
  String reason = "";
}
