package org.enclavisor.conformance;

import java.util.Arrays;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicReference;
import org.enclavisor.conformance.probe.Command;
import org.jspecify.annotations.Nullable;

/**
 * A {@link LogicalProcessor} of a machine whose way into an enclave blocks a thread until the enclave is left: the
 * thread is this object's own, and what the probe does is seen in its block, by looking again and again.
 */
public final class ThreadedProcessor implements LogicalProcessor {
  /** What a machine has to have for this. */
  public interface Way {
    /** EENTER or ERESUME, and all that follows until the thread is outside; changes the registers to the host's. */
    Event enter(int leaf, long tcs, long aep, Registers registers);

    /** Makes the thread inside on a TCS come out by an interrupt. */
    void interrupt(long tcs);
  }

  private record Order(int leaf, long tcs, long aep, Registers registers) {}

  private final SgxMachine machine;
  private final Way way;
  private final SynchronousQueue<Order> orders = new SynchronousQueue<>();
  private final AtomicReference<@Nullable Event> out = new AtomicReference<>();
  private final Thread thread;
  private final byte[] zero = new byte[8];
  private final byte[] turn = new byte[8];
  private long block;
  private boolean inside;
  private long tcs;

  /** A processor with a thread of its own. */
  public ThreadedProcessor(SgxMachine machine, Way way, ThreadFactory threads) {
    this.machine = machine;
    this.way = way;
    thread = threads.newThread(this::run);
    thread.start();
  }

  private void run() {
    try {
      while (true) {
        Order order = orders.take();
        out.set(way.enter(order.leaf, order.tcs, order.aep, order.registers));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public Event enter(int leaf, long tcsAddress, long aep, long newBlock, Registers host) {
    block = newBlock;
    tcs = tcsAddress;
    out.set(null);
    // A number that no command has, which the probe does not clear: it is replaced when the probe has arrived.
    machine.write(block + Command.TURN, Command.of(Command.Kind.ENTRY).turn());
    hand(new Order(leaf, tcsAddress, aep, host.copy()));
    return await();
  }

  private void hand(Order order) {
    try {
      orders.put(order);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private Event await() {
    while (true) {
      Event event = out.get();
      if (event != null) {
        inside = false;
        return event;
      }
      machine.read(block + Command.TURN, turn);
      if (Arrays.equals(turn, zero)) {
        inside = true;
        return Inside.INSTANCE;
      }
      Thread.onSpinWait();
    }
  }

  @Override
  public boolean inside() {
    return inside;
  }

  @Override
  public Event command(Command command) {
    machine.write(block + Command.operandsOffset(), command.operands());
    machine.write(block + Command.TURN, command.turn());
    return await();
  }

  @Override
  public Event interrupt() {
    way.interrupt(tcs);
    while (out.get() == null) {
      Thread.onSpinWait();
    }
    return await();
  }

  @Override
  public Command.Results results() {
    byte[] bytes = new byte[Command.resultBytes()];
    machine.read(block, bytes);
    return Command.results(bytes);
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
