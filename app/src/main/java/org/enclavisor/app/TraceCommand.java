package org.enclavisor.app;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.enclavisor.app.bench.Times;
import org.enclavisor.host.HostException;
import org.enclavisor.host.LoadException;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.Outcome;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code enclavisor trace}: the same as {@code run}, with a timeline of what the monitor did. */
@Command(
    name = "trace",
    mixinStandardHelpOptions = true,
    description = "Run an enclave as 'run' does, and print a timeline of its leaves, exits and faults.",
    footer = {
      "",
      "Examples:",
      "  enclavisor trace examples/exceptions",
      "  enclavisor trace examples/hello --epc 160K      (pages come and go)"
    })
final class TraceCommand implements Callable<Integer> {
  @Mixin private Output output;
  @Mixin private RunCommand.Target target;

  private final ConcurrentLinkedQueue<MonitorEvent> events = new ConcurrentLinkedQueue<>();

  @Override
  public Integer call() {
    Session session = new Session(output);
    Map<String, Object> tree = new LinkedHashMap<>();
    try {
      target.run(
          RunCommand.Target.Setup.of(MonitorConfig.defaults().withEvents(events::add), session), output, session,
          tree);
    } catch (HostException e) {
      timeline(); // of what led there: that is what a trace is wanted for
      tree.put("calls", session.calls());
      tree.put("events", eventTrees());
      Failure failure = Failures.of(e);
      throw (e instanceof LoadException ? failure // which knows better than a timeline
              : failure.then("The timeline says what led there; docs/trace.md, how to read it."))
          .after(tree);
    }
    timeline();
    tree.put("calls", session.calls());
    tree.put("events", eventTrees());
    output.value(tree);
    return session.asExpected() ? ExitCode.OK : ExitCode.NO;
  }

  private void timeline() {
    output.line("");
    output.line("%12s  %12s  %s", "time", "duration", "event");
    long zero = events.isEmpty() ? 0 : begin(events.peek());
    for (MonitorEvent event : events) {
      long duration = duration(event);
      output.line(
          "%12s  %12s  %s",
          Times.text(begin(event) - zero), duration == 0 ? "" : Times.text(duration), describe(event));
    }
  }

  private List<Map<String, Object>> eventTrees() {
    List<Map<String, Object>> trees = new ArrayList<>();
    long zero = events.isEmpty() ? 0 : begin(events.peek());
    for (MonitorEvent event : events) {
      Map<String, Object> tree = new LinkedHashMap<>();
      tree.put("kind", event.getClass().getSimpleName());
      tree.put("at", begin(event) - zero);
      tree.put("duration", duration(event));
      tree.put("text", describe(event));
      trees.add(tree);
    }
    return trees;
  }

  private static long begin(MonitorEvent event) {
    return event.nanos() - duration(event);
  }

  private static long duration(MonitorEvent event) {
    return switch (event) {
      case MonitorEvent.Encls e -> e.duration();
      case MonitorEvent.Enclu e -> e.duration();
      case MonitorEvent.Served e -> e.duration();
      case MonitorEvent.Entered _,
          MonitorEvent.Refused _,
          MonitorEvent.Exited _,
          MonitorEvent.AsynchronousExit _,
          MonitorEvent.LifeCycle _ ->
          0;
    };
  }

  private static String describe(MonitorEvent event) {
    return switch (event) {
      case MonitorEvent.Encls e ->
          "ENCLS[%s]%s%s".formatted(e.leaf(), e.pages() > 1 ? " × " + e.pages() : "", unlessOk(e.outcome()));
      case MonitorEvent.Enclu e -> "  tcs 0x%x  ENCLU[%s]%s".formatted(e.tcs(), e.leaf(), unlessOk(e.outcome()));
      case MonitorEvent.Entered e -> "> tcs 0x%x  %s  CSSA %d".formatted(e.tcs(), e.leaf(), e.cssa());
      case MonitorEvent.Refused e -> "! tcs 0x%x  %s refused: %s".formatted(e.tcs(), e.leaf(), e.fault());
      case MonitorEvent.Exited e -> "< tcs 0x%x  EEXIT".formatted(e.tcs());
      case MonitorEvent.AsynchronousExit e ->
          "< tcs 0x%x  AEX %s at 0x%x%s"
              .formatted(
                  e.tcs(),
                  e.vector() == null ? "interrupt" : e.vector().toString(),
                  e.rip(),
                  e.address() == 0 ? "" : ", address 0x%x, error code 0x%x".formatted(e.address(), e.errorCode()));
      case MonitorEvent.Served e -> "  tcs 0x%x  page fault at 0x%x served".formatted(e.tcs(), e.page());
      case MonitorEvent.LifeCycle e -> "enclave %s -> %s: %s".formatted(e.from(), e.to(), e.reason());
    };
  }

  private static String unlessOk(Outcome outcome) {
    return outcome.ok() ? "" : "  " + outcome;
  }
}
