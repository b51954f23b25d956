package org.enclavisor.monitor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/** A machine in memory whose enclave code is a Java method: each entry asks the script what the exit is. */
public final class ScriptedPlatform implements Platform {
  /** XCR0 of the machine: x87, SSE, AVX. */
  public static final long XCR0 = 7;

  /** Bytes of its XSAVE area: AVX's 256 bytes are at 576. */
  public static final int XSAVE_BYTES = 832;

  /** What enclave code does. */
  public interface Script {
    /** Changes the registers as enclave code would, up to its exit. */
    Exit run(Cpu cpu, Registers registers, Extended extended);
  }

  /** One protect call. */
  public record Protect(long offset, long length, Permissions permissions) {}

  public final Machine machine = new TestMachine(XCR0, XSAVE_BYTES);
  public final List<Space> spaces = new CopyOnWriteArrayList<>();
  public volatile Script script = (cpu, registers, extended) -> new Exit.Death("no script");
  /** Told of each {@code discard}. */
  public volatile BiConsumer<Long, Long> onDiscard = (offset, length) -> {};

  public volatile long defaultBase = 0x7000_0000_0000L;

  @Override
  public String name() {
    return "scripted";
  }

  @Override
  public Machine machine() {
    return machine;
  }

  @Override
  public AddressSpace create(AddressSpaceLayout layout) {
    Space space = new Space(layout);
    spaces.add(space);
    return space;
  }

  public Space last() {
    return spaces.getLast();
  }

  @Override
  public void close() {
    spaces.forEach(Space::close);
  }

  /** CPUID.0DH for AVX at the usual place. */
  public record TestMachine(long xcr0, int xsaveBytes) implements Machine {
    @Override
    public CpuidResult cpuid(int leaf, int subleaf) {
      return leaf == 0xD && subleaf == 2 ? new CpuidResult(256, 576, 0, 0) : new CpuidResult(0, 0, 0, 0);
    }
  }

  /** An address space. */
  public final class Space implements AddressSpace {
    private final Arena arena = Arena.ofShared();
    private final AddressSpaceLayout layout;
    private final long base;
    private final MemorySegment enclave;
    private final MemorySegment untrusted;
    public final List<Protect> protects = new CopyOnWriteArrayList<>();
    public final List<Cpu> cpus = new CopyOnWriteArrayList<>();
    public volatile boolean closed;
    public volatile boolean refuseProtect;

    Space(AddressSpaceLayout layout) {
      this.layout = layout;
      base = layout.enclaveBase() != 0 ? layout.enclaveBase() : defaultBase;
      enclave = arena.allocate(layout.enclaveSize(), 4096);
      untrusted = arena.allocate(Math.max(1, layout.untrustedSize()), 4096);
    }

    @Override
    public long enclaveBase() {
      return base;
    }

    @Override
    public MemorySegment enclave() {
      return enclave;
    }

    @Override
    public long untrustedBase() {
      return layout.untrustedBase() != 0 ? layout.untrustedBase() : 0x10_0000;
    }

    @Override
    public MemorySegment untrusted() {
      return untrusted;
    }

    @Override
    public void protect(List<Range> ranges) {
      if (refuseProtect) {
        throw new PlatformException("protect refused by the test");
      }
      for (Range range : ranges) {
        protects.add(new Protect(range.offset(), range.length(), range.permissions()));
      }
    }

    @Override
    public void discard(long offset, long length) {
      onDiscard.accept(offset, length);
      enclave.asSlice(offset, length).fill((byte) 0);
    }

    /** Every page: nobody notes anything here. */
    @Override
    public BitSet mark() {
      return written();
    }

    @Override
    public BitSet written() {
      BitSet all = new BitSet();
      all.set(0, (int) (layout.enclaveSize() / 4096));
      return all;
    }

    @Override
    public BitSet touched() {
      return written();
    }

    @Override
    public void quiesce() {
      cpus.forEach(cpu -> cpu.interrupts.incrementAndGet());
    }

    @Override
    public void resume() {}

    @Override
    public LogicalProcessor processor() {
      if (cpus.size() >= layout.processors()) {
        throw new PlatformException("more processors than asked for");
      }
      Cpu cpu = new Cpu(this, cpus.size());
      cpus.add(cpu);
      return cpu;
    }

    @Override
    public long residentBytes() {
      return 0;
    }

    @Override
    public synchronized void close() {
      if (!closed) {
        closed = true;
        cpus.forEach(cpu -> cpu.interrupts.incrementAndGet());
        arena.close();
      }
    }
  }

  /** A logical processor. */
  public final class Cpu implements LogicalProcessor {
    public final Space space;
    public final int index;
    public final MemorySegment area;
    public final AtomicInteger interrupts = new AtomicInteger();
    public volatile @Nullable Extended lastExtended;
    public volatile boolean closed;

    Cpu(Space space, int index) {
      this.space = space;
      this.index = index;
      this.area = Arena.ofAuto().allocate(XSAVE_BYTES, 64);
    }

    @Override
    public Exit enter(Registers registers, Extended extended) {
      lastExtended = extended;
      return script.run(this, registers, extended);
    }

    @Override
    public MemorySegment extendedState() {
      return area;
    }

    @Override
    public void interrupt() {
      interrupts.incrementAndGet();
    }

    /** Runs "for ever", until interrupted or the space is closed. */
    public Exit loop() {
      while (interrupts.get() == 0) {
        Thread.onSpinWait();
      }
      interrupts.set(0);
      return space.closed ? new Exit.Death("address space closed") : Exit.Interrupt.INSTANCE;
    }

    @Override
    public void close() {
      closed = true;
    }
  }
}
