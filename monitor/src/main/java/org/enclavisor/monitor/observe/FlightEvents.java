package org.enclavisor.monitor.observe;

import java.util.function.Consumer;
import jdk.jfr.FlightRecorder;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EventSink;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * Tells the JDK's Flight Recorder what the monitor does: {@code org.enclavisor.Leaf}, {@code Stay}, {@code
 * AsynchronousExit}, {@code Fault}, {@code Paging} and {@code LifeCycle}. Does nothing while none of them is recorded.
 *
 * <p>Thread-safe. A stay is begun and ended by the thread that makes it.
 */
public final class FlightEvents implements EventSink {
  /**
   * Never recorded: they are asked whether others of their kind would be. In a class of their own, since to load such
   * classes takes tens of milliseconds, which nobody should pay who does not record.
   */
  private static final class Probe {
    private static final LeafEvent LEAF = new LeafEvent();
    private static final StayEvent STAY = new StayEvent();
    private static final AsynchronousExitEvent EXIT = new AsynchronousExitEvent();
    private static final FaultEvent FAULT = new FaultEvent();
    private static final PagingEvent PAGING = new PagingEvent();
    private static final LifeCycleEvent LIFE_CYCLE = new LifeCycleEvent();

    static boolean any() {
      return LEAF.isEnabled()
          || STAY.isEnabled()
          || EXIT.isEnabled()
          || FAULT.isEnabled()
          || PAGING.isEnabled()
          || LIFE_CYCLE.isEnabled();
    }
  }

  private final ThreadLocal<@Nullable StayEvent> stay = new ThreadLocal<>();

  /** The same configuration, with the Flight Recorder told beside whoever is told already. */
  public static MonitorConfig attachedTo(MonitorConfig config) {
    Consumer<MonitorEvent> events = config.events();
    return config.withEvents(events == null ? new FlightEvents() : beside(events));
  }

  /** Tells the recorder and somebody else. */
  static EventSink beside(Consumer<MonitorEvent> other) {
    FlightEvents recorder = new FlightEvents();
    EventSink choosy = other instanceof EventSink sink ? sink : null;
    return new EventSink() {
      @Override
      public boolean wanted() {
        return choosy == null || choosy.wanted() || recorder.wanted();
      }

      @Override
      public void accept(MonitorEvent event) {
        if (recorder.wanted()) {
          recorder.accept(event);
        }
        other.accept(event);
      }
    };
  }

  /** Whether a recording takes any of the events now. A few comparisons. */
  @Override
  public boolean wanted() {
    return FlightRecorder.isInitialized() && Probe.any();
  }

  @Override
  public void accept(MonitorEvent event) {
    switch (event) {
      case MonitorEvent.Encls e -> {
        leaf(e.id().instance(), "ENCLS", e.leaf().name(), 0, e.pages(), e.duration(), e.outcome());
        if (Probe.PAGING.isEnabled()) {
          PagingKind.of(e.leaf()).ifPresent(kind -> paging(e.id().instance(), kind, e.pages(), e.duration()));
        }
      }
      case MonitorEvent.Enclu e -> {
        EncluLeaf leaf = e.leaf();
        leaf(
            e.id().instance(), "ENCLU", leaf == null ? "unknown" : leaf.name(), e.tcs(), 0, e.duration(),
            e.outcome());
      }
      case MonitorEvent.Refused e ->
          leaf(e.id().instance(), "ENCLU", e.leaf().name(), e.tcs(), 0, 0, e.fault());
      case MonitorEvent.Entered e -> entered(e);
      case MonitorEvent.Exited _ -> left("EEXIT");
      case MonitorEvent.AsynchronousExit e -> asynchronousExit(e);
      case MonitorEvent.Served e -> served(e);
      case MonitorEvent.LifeCycle e -> lifeCycle(e);
    }
  }

  private static void leaf(
      long enclave, String instruction, String leaf, long tcs, long pages, long took, Outcome outcome) {
    if (!Probe.LEAF.isEnabled()) {
      return;
    }
    LeafEvent event = new LeafEvent();
    event.enclave = enclave;
    event.instruction = instruction;
    event.leaf = leaf;
    event.tcs = tcs;
    event.pages = pages;
    event.took = took;
    event.outcome =
        switch (outcome) {
          case Outcome.Ok _ -> "ok";
          case Outcome.Error error -> error.error().name();
          case Outcome.Fault fault -> fault.vector().toString();
        };
    event.commit();
  }

  private static void paging(long enclave, PagingKind kind, long pages, long took) {
    PagingEvent event = new PagingEvent();
    event.enclave = enclave;
    event.kind = kind.name();
    event.pages = pages;
    event.took = took;
    event.commit();
  }

  private void entered(MonitorEvent.Entered entered) {
    if (!Probe.STAY.isEnabled()) {
      return;
    }
    StayEvent event = new StayEvent();
    event.enclave = entered.id().instance();
    event.tcs = entered.tcs();
    event.leaf = entered.leaf().name();
    event.cssa = entered.cssa();
    event.begin();
    stay.set(event);
  }

  private void left(String by) {
    StayEvent event = stay.get();
    if (event != null) {
      stay.remove();
      event.exit = by;
      event.commit();
    }
  }

  private void asynchronousExit(MonitorEvent.AsynchronousExit exit) {
    Vector vector = exit.vector();
    String cause = vector == null ? "interrupt" : vector.toString();
    left(cause);
    if (Probe.EXIT.isEnabled()) {
      AsynchronousExitEvent event = new AsynchronousExitEvent();
      event.enclave = exit.id().instance();
      event.tcs = exit.tcs();
      event.cause = cause;
      event.errorCode = exit.errorCode();
      event.page = vector == Vector.PF ? exit.address() & -4096 : 0;
      event.commit();
    }
  }

  private static void served(MonitorEvent.Served served) {
    if (!Probe.FAULT.isEnabled()) {
      return;
    }
    FaultEvent event = new FaultEvent();
    event.enclave = served.id().instance();
    event.tcs = served.tcs();
    event.page = served.page();
    event.took = served.duration();
    event.commit();
  }

  private static void lifeCycle(MonitorEvent.LifeCycle change) {
    LifeCycleEvent event = new LifeCycleEvent();
    event.enclave = change.id().instance();
    event.generation = change.id().generation();
    event.from = change.from().name();
    event.to = change.to().name();
    event.reason = change.reason();
    event.commit();
  }
}
