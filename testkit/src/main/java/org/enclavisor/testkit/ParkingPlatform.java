package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * A platform under which the conformance suite's probe sleeps instead of turning: its pausing instruction is INT3, and
 * here, below the monitor, that exit is answered by parking the host's thread until there is a command. To the monitor
 * the thread is inside all the time. Untrusted memory of every address space is at an address of its own.
 */
final class ParkingPlatform implements Platform {
  /** INT3 and NOP: what the probe waits with. */
  static final byte[] PAUSE = {(byte) 0xcc, (byte) 0x90};

  private static final Probe PROBE = Probe.waitingWith(PAUSE);
  private static final int BREAKPOINT = 3;
  private static final long SHARED_BASE = 0x3000_0000_0000L;
  private static final long SHARED_STEP = 1 << 24;
  private static final long SHARED_STEPS = 1 << 16;

  /** Who waits for the probe on this thread. */
  interface Sleeper {
    /** The probe waits; returns when it has a command (true) or is to be interrupted (false). */
    boolean idle();
  }

  private static final ThreadLocal<@Nullable Sleeper> SLEEPER = new ThreadLocal<>();

  private final Platform platform;
  private final AtomicLong spaces = new AtomicLong();

  ParkingPlatform(Platform platform) {
    this.platform = platform;
  }

  static Probe probe() {
    return PROBE;
  }

  /** Makes this thread's probes wait by it. */
  static void sleepBy(Sleeper sleeper) {
    SLEEPER.set(sleeper);
  }

  @Override
  public String name() {
    return platform.name();
  }

  @Override
  public Machine machine() {
    return platform.machine();
  }

  @Override
  public AddressSpace create(AddressSpaceLayout layout) {
    long shared = SHARED_BASE + spaces.getAndIncrement() % SHARED_STEPS * SHARED_STEP;
    return new Space(
        platform.create(
            new AddressSpaceLayout(
                layout.enclaveBase(), layout.enclaveSize(), shared, layout.untrustedSize(), layout.processors())));
  }

  @Override
  public void close() {
    platform.close();
  }

  private record Space(AddressSpace space) implements AddressSpace {
    @Override
    public long enclaveBase() {
      return space.enclaveBase();
    }

    @Override
    public MemorySegment enclave() {
      return space.enclave();
    }

    @Override
    public void fill(long offset, MemorySegment pages) {
      space.fill(offset, pages);
    }

    @Override
    public long untrustedBase() {
      return space.untrustedBase();
    }

    @Override
    public MemorySegment untrusted() {
      return space.untrusted();
    }

    @Override
    public void protect(List<Range> ranges) {
      space.protect(ranges);
    }

    @Override
    public void discard(long offset, long length) {
      space.discard(offset, length);
    }

    @Override
    public BitSet mark() {
      return space.mark();
    }

    @Override
    public BitSet written() {
      return space.written();
    }

    @Override
    public BitSet touched() {
      return space.touched();
    }

    @Override
    public void quiesce() {
      space.quiesce();
    }

    @Override
    public void resume() {
      space.resume();
    }

    @Override
    public LogicalProcessor processor() {
      return new Parking(space, space.processor());
    }

    @Override
    public long residentBytes() {
      return space.residentBytes();
    }

    @Override
    public void close() {
      space.close();
    }
  }

  private record Parking(AddressSpace space, LogicalProcessor processor) implements LogicalProcessor {
    @Override
    public Exit enter(Registers registers, Extended extended) {
      Extended from = extended;
      while (true) {
        Exit exit = processor.enter(registers, from);
        Sleeper sleeper = SLEEPER.get();
        if (sleeper == null || !waits(exit, registers)) {
          return exit;
        }
        if (turn(registers) == 0 && !sleeper.idle()) {
          return Exit.Interrupt.INSTANCE;
        }
        registers.rip += PAUSE.length;
        from = Extended.KEEP;
      }
    }

    private boolean waits(Exit exit, Registers registers) {
      return exit instanceof Exit.Fault(int vector, int _, long _)
          && vector == BREAKPOINT
          && registers.rip - space.enclaveBase() == PROBE.waitOffset();
    }

    private long turn(Registers registers) {
      return space.untrusted().get(JAVA_LONG, registers.rdi - space.untrustedBase() + Command.TURN);
    }

    @Override
    public MemorySegment extendedState() {
      return processor.extendedState();
    }

    @Override
    public void interrupt() {
      processor.interrupt();
    }

    @Override
    public void close() {
      processor.close();
    }
  }
}
