package org.enclavisor.host.debug;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.monitor.spi.Machine;
import org.jspecify.annotations.Nullable;

/** A program of two threads and one page of memory, which does nothing by itself and writes down what it is told. */
final class FakeTarget implements DebugTarget {
  static final long BASE = 0x1000_0000_0000L;
  static final int MEMORY = 4096;

  /** A processor with AVX, whose component lies at 576. */
  static final Machine MACHINE =
      new Machine() {
        @Override
        public long xcr0() {
          return 7;
        }

        @Override
        public int xsaveBytes() {
          return 832;
        }

        @Override
        public CpuidResult cpuid(int leaf, int subleaf) {
          return leaf == 0xD && subleaf == 2 ? new CpuidResult(256, 576, 0, 0) : new CpuidResult(0, 0, 0, 0);
        }
      };

  final RegisterTable table = RegisterTable.of(7, MACHINE);
  final byte[] memory = new byte[MEMORY];
  final TreeMap<Long, Boolean> breakpoints = new TreeMap<>();
  final List<RegisterValues> values = new ArrayList<>();
  final List<String> told = new CopyOnWriteArrayList<>();
  volatile @Nullable Consumer<DebugEvent> listener;

  FakeTarget() {
    for (int thread = 0; thread < 2; thread++) {
      byte[] gpr = new byte[GprSgx.BYTES];
      for (int i = 0; i < gpr.length; i++) {
        gpr[i] = (byte) (i + 0x10 * thread);
      }
      values.add(new RegisterValues(gpr, new byte[table.xsaveBytes()]));
    }
  }

  @Override
  public RegisterTable registers() {
    return table;
  }

  @Override
  public long base() {
    return BASE;
  }

  @Override
  public List<ThreadInfo> threads() {
    return List.of(new ThreadInfo(1, "tcs 0x1000", "inside"), new ThreadInfo(2, "tcs 0x2000", "outside"));
  }

  @Override
  public Optional<RegisterValues> read(int thread) {
    return thread == 1 || thread == 2
        ? Optional.of(new RegisterValues(values.get(thread - 1).gpr(), values.get(thread - 1).xsave()))
        : Optional.empty();
  }

  @Override
  public boolean write(int thread, RegisterValues changed) {
    values.set(thread - 1, changed);
    return true;
  }

  @Override
  public int read(long address, byte[] into) {
    long offset = address - BASE;
    if (offset < 0 || offset >= MEMORY) {
      return 0;
    }
    int count = (int) Math.min(into.length, MEMORY - offset);
    System.arraycopy(memory, (int) offset, into, 0, count);
    return count;
  }

  @Override
  public boolean write(long address, byte[] bytes) {
    long offset = address - BASE;
    if (offset < 0 || offset > MEMORY - bytes.length) {
      return false;
    }
    System.arraycopy(bytes, 0, memory, (int) offset, bytes.length);
    return true;
  }

  @Override
  public boolean insertBreakpoint(long address) {
    if (address < BASE || address >= BASE + MEMORY) {
      return false;
    }
    breakpoints.put(address, true);
    return true;
  }

  @Override
  public boolean removeBreakpoint(long address) {
    return breakpoints.remove(address) != null;
  }

  @Override
  public boolean watch(long address, int length) {
    told.add("watch %d at 0x%x".formatted(length, address));
    return length > 0;
  }

  @Override
  public boolean unwatch(long address, int length) {
    return told.remove("watch %d at 0x%x".formatted(length, address));
  }

  @Override
  public void attach(Consumer<DebugEvent> debugger) {
    told.add("attach");
    listener = debugger;
  }

  @Override
  public void halt() {
    told.add("halt");
    Consumer<DebugEvent> debugger = listener;
    if (debugger != null) {
      debugger.accept(new DebugEvent.Stopped(1, new Stop(Stop.Kind.HALT, Stop.INT)));
    }
  }

  @Override
  public void settle() {
    told.add("settle");
  }

  @Override
  public void resume(ResumePlan plan) {
    told.add("1 " + plan.of(1) + ", 2 " + plan.of(2));
  }

  @Override
  public void detach() {
    told.add("detach");
    listener = null;
  }

  @Override
  public void kill() {
    told.add("kill");
  }

  @Override
  public String describe() {
    return "a fake\n";
  }

  /** Whether it was told all of this, whatever else it was told. */
  boolean heard(String... what) {
    return told.containsAll(Arrays.asList(what));
  }
}
