package org.enclavisor.testkit;

import java.util.concurrent.ThreadFactory;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Outcome;

/**
 * A host's thread that enters enclaves of a {@link MonitorMachine}, and sleeps in {@link ParkingPlatform} while its
 * probe waits. One caller at a time.
 */
final class MonitorProcessor implements LogicalProcessor {
  private sealed interface Order {}

  private record Enter(int leaf, long tcs, long aep, Registers host) implements Order {}

  private record Wake(boolean command) implements Order {}

  private record Quit() implements Order {}

  private final MonitorMachine machine;
  private final Handover<Order, Event> handover = new Handover<>();
  private long block;
  private boolean inside;

  MonitorProcessor(MonitorMachine machine, ThreadFactory threads) {
    this.machine = machine;
    threads.newThread(this::run).start();
  }

  private void run() {
    ParkingPlatform.sleepBy(this::idle);
    while (handover.await() instanceof Enter order) {
      Event event;
      try {
        event = enter(order);
      } catch (RuntimeException e) {
        // A monitor that throws is what the suite is there to find.
        event = new Lost(e.toString());
      }
      handover.answer(event);
    }
    handover.answer(Inside.INSTANCE);
  }

  /** On the host's thread, below the monitor: the probe waits. */
  private boolean idle() {
    handover.answer(Inside.INSTANCE);
    return handover.await() instanceof Wake(boolean command) && command;
  }

  private Event enter(Enter order) {
    var registers = MonitorMachine.toSpi(order.host);
    registers.rax = order.leaf;
    registers.rbx = order.tcs;
    registers.rcx = order.aep;
    EnterCall call =
        order.leaf == 2 ? EnterCall.eenter(order.tcs, order.aep) : EnterCall.eresume(order.tcs, order.aep);
    EnterOutcome outcome = machine.monitor().enter(machine.enclaveOf(order.tcs), call, registers);
    return switch (outcome) {
      case EnterOutcome.Exited _ -> new Exited(MonitorMachine.fromSpi(registers));
      case EnterOutcome.Faulted(var vector, int code, long address) ->
          new Aex(new LeafResult.Fault(vector.number(), code, address), MonitorMachine.fromSpi(registers));
      case EnterOutcome.Interrupted _ -> new Aex(null, MonitorMachine.fromSpi(registers));
      case EnterOutcome.Refused(Outcome.Fault fault) -> new Refused(MonitorMachine.fault(fault));
      case EnterOutcome.Dead(String reason) -> new Lost(reason);
    };
  }

  private Event ask(Order order) {
    Event event = handover.ask(order);
    inside = event instanceof Inside;
    return event;
  }

  @Override
  public Event enter(int leaf, long tcs, long aep, long newBlock, Registers host) {
    block = newBlock;
    machine.write(block + Command.TURN, Command.of(Command.Kind.ENTRY).turn());
    return ask(new Enter(leaf, tcs, aep, host.copy()));
  }

  @Override
  public boolean inside() {
    return inside;
  }

  @Override
  public Event command(Command command) {
    machine.write(block + Command.operandsOffset(), command.operands());
    machine.write(block + Command.TURN, command.turn());
    return ask(new Wake(true));
  }

  @Override
  public Event interrupt() {
    return ask(new Wake(false));
  }

  @Override
  public Command.Results results() {
    byte[] bytes = new byte[Command.resultBytes()];
    machine.read(block, bytes);
    return Command.results(bytes);
  }

  @Override
  public void close() {
    if (inside) {
      interrupt();
    }
    ask(new Quit());
    inside = false;
  }
}
