package org.enclavisor.monitor.observe;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** {@code org.enclavisor.Leaf}. Made when the leaf is over: {@link #took} says for how long it ran before that. */
@Name("org.enclavisor.Leaf")
@Label("SGX Leaf")
@Description("A leaf of ENCLS; a leaf of ENCLU executed inside; an EENTER or ERESUME that was refused")
@Category("Enclavisor")
@StackTrace(false)
final class LeafEvent extends Event {
  @Label("Enclave")
  long enclave;

  @Label("Instruction")
  @Description("ENCLS or ENCLU")
  String instruction = "";

  @Label("Leaf")
  String leaf = "";

  @Label("TCS")
  @Description("Linear address of the thread control structure; 0 for ENCLS")
  long tcs;

  @Label("Pages")
  long pages;

  @Label("Took")
  @Timespan(Timespan.NANOSECONDS)
  long took;

  @Label("Outcome")
  @Description("ok, the name of an error code, or an exception")
  String outcome = "";
}
