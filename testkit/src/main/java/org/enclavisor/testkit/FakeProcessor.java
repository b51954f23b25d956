package org.enclavisor.testkit;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;

/** Interprets on the thread that calls {@link #enter}. */
final class FakeProcessor implements LogicalProcessor {
  private enum State {
    IDLE,
    RUNNING,
    INTERRUPTED,
    CLOSED
  }

  private final FakeAddressSpace space;
  private final Consumer<FakeProcessor> onClose;
  private final FakeExtendedState extended = new FakeExtendedState();
  private final MemorySegment area = MemorySegment.ofArray(new byte[FakeExtendedState.BYTES]);
  /** Written by the thread that is in {@code enter} only. */
  private volatile boolean inInstruction;
  private volatile long instructions;
  private final AtomicReference<State> state = new AtomicReference<>(State.IDLE);

  FakeProcessor(FakeAddressSpace space, Consumer<FakeProcessor> onClose) {
    this.space = space;
    this.onClose = onClose;
    extended.save(area);
  }

  @Override
  public Exit enter(Registers registers, Extended from) {
    if (!state.compareAndSet(State.IDLE, State.RUNNING)) {
      throw new IllegalStateException("the processor is " + state.get());
    }
    Lock running = space.running();
    running.lock();
    try {
      Exit exit = run(registers, from);
      if (!(exit instanceof Exit.Enclu) && space.death().isEmpty()) {
        extended.save(area);
      }
      return exit;
    } finally {
      running.unlock();
      state.set(State.IDLE);
    }
  }

  private Exit run(Registers registers, Extended from) {
    if (!isUserAddress(registers.fsBase)
        || !isUserAddress(registers.gsBase)
        || from == Extended.LOAD && !extended.load(area)) {
      return new Exit.Fault(FakeCpu.GP, 0, 0);
    }
    var cpu = new FakeCpu(space, registers, extended);
    while (true) {
      if (space.death().isPresent()) {
        return new Exit.Death(space.death().get());
      }
      if (state.get() == State.INTERRUPTED || space.quiet()) {
        return Exit.Interrupt.INSTANCE;
      }
      var exit = step(cpu, registers);
      if (exit.isPresent()) {
        return exit.get();
      }
    }
  }

  private Optional<Exit> step(FakeCpu cpu, Registers registers) {
    var script = cpu.script();
    if (script.isPresent()) {
      return script.get().run(registers, space);
    }
    inInstruction = true;
    try {
      return cpu.step();
    } finally {
      inInstruction = false;
      instructions++;
    }
  }

  /** Waits until an instruction that began before is over. */
  void awaitBoundary() {
    long before = instructions;
    while (inInstruction && instructions == before) {
      Thread.onSpinWait();
    }
  }

  /** The address space has become quiet: waits until an entry that began before has come out. */
  void expel() {
    interrupt();
    while (state.get() == State.RUNNING || state.get() == State.INTERRUPTED) {
      Thread.onSpinWait();
    }
  }

  private static boolean isUserAddress(long base) {
    return base >= 0 && base < FakeAddressSpace.LAST_USER_ADDRESS;
  }

  @Override
  public MemorySegment extendedState() {
    return area;
  }

  @Override
  public void interrupt() {
    state.compareAndSet(State.RUNNING, State.INTERRUPTED);
  }

  @Override
  public void close() {
    if (state.compareAndSet(State.IDLE, State.CLOSED)) {
      onClose.accept(this);
    } else if (state.get() != State.CLOSED) {
      throw new IllegalStateException("the processor is " + state.get());
    }
  }
}
