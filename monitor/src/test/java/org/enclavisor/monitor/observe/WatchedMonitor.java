package org.enclavisor.monitor.observe;

import java.util.function.Consumer;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.ScriptedPlatform;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;

/** A small enclave on a scripted processor: what it does next is told before each entry. */
final class WatchedMonitor implements AutoCloseable {
  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final Registers registers = new Registers();
  private final CreateOutcome.Created created;
  private final long tcs;
  private Exit next = new Exit.Interrupt();
  final Monitor monitor;

  WatchedMonitor(Consumer<MonitorEvent> events) {
    monitor = new Monitor(platform, MonitorConfig.defaults().withEvents(events));
    created = TestEnclaves.load(monitor, TestEnclaves.secs());
    tcs = created.base() + TestEnclaves.TCS_OFFSET;
    platform.script =
        (cpu, r, how) -> {
          if (next == Exit.Enclu.INSTANCE) {
            r.rax = EncluLeaf.EEXIT.code();
            r.rbx = r.rcx;
          }
          return next;
        };
  }

  EnclaveId id() {
    return created.id();
  }

  long tcs() {
    return tcs;
  }

  private EnterOutcome enter(EncluLeaf leaf, Exit exit) {
    next = exit;
    return monitor.enter(
        created.id(),
        leaf == EncluLeaf.EENTER ? EnterCall.eenter(tcs, 0x9000) : EnterCall.eresume(tcs, 0x9000),
        registers);
  }

  /** EENTER, then EEXIT. */
  void call() {
    enter(EncluLeaf.EENTER, Exit.Enclu.INSTANCE);
  }

  /** EENTER, an exception, ERESUME, an interrupt, ERESUME, EEXIT. */
  void callWithTrouble() {
    enter(EncluLeaf.EENTER, new Exit.Fault(0, 0, 0));
    enter(EncluLeaf.ERESUME, new Exit.Interrupt());
    enter(EncluLeaf.ERESUME, Exit.Enclu.INSTANCE);
  }

  /** ERESUME without anything to resume. */
  void refusedResume() {
    enter(EncluLeaf.ERESUME, Exit.Enclu.INSTANCE);
  }

  @Override
  public void close() {
    monitor.close();
  }
}
