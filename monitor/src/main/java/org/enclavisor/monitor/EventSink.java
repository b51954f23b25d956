package org.enclavisor.monitor;

import java.util.function.Consumer;

/**
 * A consumer of events that does not always want them. {@link MonitorConfig#withEvents} takes it like any other; while
 * nobody wants them, no event is made, and no time is taken for one.
 */
public interface EventSink extends Consumer<MonitorEvent> {

  /** Whether events are wanted now. Asked before each one: has to cost next to nothing. */
  boolean wanted();
}
