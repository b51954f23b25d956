package org.enclavisor.monitor;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Where the events of one monitor go, if anywhere. {@link #wanted} comes before everything that is done for one. */
final class Events {
  private final @Nullable Consumer<MonitorEvent> consumer;
  private final @Nullable EventSink choosy;

  Events(@Nullable Consumer<MonitorEvent> consumer) {
    this.consumer = consumer;
    choosy = consumer instanceof EventSink sink ? sink : null;
  }

  boolean wanted() {
    return consumer != null && (choosy == null || choosy.wanted());
  }

  void tell(MonitorEvent event) {
    if (consumer != null) {
      consumer.accept(event);
    }
  }
}
