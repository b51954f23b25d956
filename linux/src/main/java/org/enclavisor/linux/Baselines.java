package org.enclavisor.linux;

import static org.enclavisor.linux.asm.Reg.R10;
import static org.enclavisor.linux.asm.Reg.R12;
import static org.enclavisor.linux.asm.Reg.R13;
import static org.enclavisor.linux.asm.Reg.R14;
import static org.enclavisor.linux.asm.Reg.R8;
import static org.enclavisor.linux.asm.Reg.R9;
import static org.enclavisor.linux.asm.Reg.RAX;
import static org.enclavisor.linux.asm.Reg.RBX;
import static org.enclavisor.linux.asm.Reg.RCX;
import static org.enclavisor.linux.asm.Reg.RDI;
import static org.enclavisor.linux.asm.Reg.RDX;
import static org.enclavisor.linux.asm.Reg.RSI;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.enclavisor.linux.asm.Assembler;
import org.enclavisor.linux.asm.Condition;
import org.enclavisor.linux.asm.Label;
import org.enclavisor.linux.asm.Mem;

/**
 * What this machine charges for the elements of an enclave transition, for the benchmark to compare with. Measured in
 * machine code, in cycles of the time-stamp counter; the loops run for milliseconds and hold no lock. Thread-safe.
 */
public final class Baselines {
  private static final int FUTEX_WAIT = 0;
  private static final int FUTEX_WAKE = 1;

  private final MemorySegment nothing;
  private final MemorySegment timestamp;
  private final MemorySegment systemCalls;
  private final MemorySegment spin;
  private final MemorySegment futex;
  private final double cyclesPerNano;

  /** Emits the loops and finds out how fast the time-stamp counter runs, which takes 20 ms. */
  public Baselines() {
    nothing = NativeCode.install(new Assembler(0).ret().toBytes());
    timestamp = NativeCode.install(timestamp(new Assembler(0)).ret().toBytes());
    systemCalls = NativeCode.install(systemCallLoop());
    spin = NativeCode.install(spinLoop());
    futex = NativeCode.install(futexLoop());
    cyclesPerNano = calibrate();
  }

  /** Cycles of the time-stamp counter in a nanosecond. */
  public double cyclesPerNano() {
    return cyclesPerNano;
  }

  /** One call from Java of a native function that returns at once. */
  public double nativeCall(int rounds) {
    long start = now();
    for (int i = 0; i < rounds; i++) {
      // SAFETY: a lone RET.
      NativeCode.call(nothing, 0, 0, 0, 0, 0, 0, 0);
    }
    return (double) (now() - start) / rounds;
  }

  /** One getppid(2), without Java around it. */
  public double systemCall(int rounds) {
    // SAFETY: the loop calls getppid only and ends after so many rounds.
    return (double) NativeCode.call(systemCalls, rounds, 0, 0, 0, 0, 0, 0) / rounds;
  }

  /**
   * There and back between two threads that spin on a word, each on a processor of its own.
   *
   * @throws IllegalStateException if there is only one processor
   */
  public double spinningRoundTrip(int rounds) {
    return between(spin, rounds, processor(0), processor(1));
  }

  /** There and back between two threads that sleep on a futex, on one processor. */
  public double futexRoundTripSameCore(int rounds) {
    return between(futex, rounds, processor(0), processor(0));
  }

  /**
   * There and back between two threads that sleep on a futex, each on a processor of its own.
   *
   * @throws IllegalStateException if there is only one processor
   */
  public double futexRoundTripOtherCore(int rounds) {
    return between(futex, rounds, processor(0), processor(1));
  }

  private long now() {
    // SAFETY: reads the time-stamp counter.
    return NativeCode.call(timestamp, 0, 0, 0, 0, 0, 0, 0);
  }

  private double calibrate() {
    long nanos = System.nanoTime();
    long cycles = now();
    while (System.nanoTime() - nanos < 20_000_000) {
      Thread.onSpinWait();
    }
    return (double) (now() - cycles) / (System.nanoTime() - nanos);
  }

  /** Two threads hand a word to each other: one waits for 0 and writes 1, the other the reverse. */
  private double between(MemorySegment loop, int rounds, int here, int there) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment word = arena.allocate(ValueLayout.JAVA_INT, 1).fill((byte) 0);
      FutureTask<Long> first = side(loop, word, rounds, 0, 1, here);
      FutureTask<Long> second = side(loop, word, rounds, 1, 0, there);
      long cycles = first.get();
      second.get();
      return (double) cycles / rounds;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while measuring", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  private static FutureTask<Long> side(
      MemorySegment loop, MemorySegment word, int rounds, int mine, int theirs, int on) {
    FutureTask<Long> task =
        new FutureTask<>(
            () -> {
              BitSet processors = new BitSet();
              processors.set(on);
              Kernel.setAffinity(0, processors);
              // SAFETY: the loop touches the word only, which lives until both sides have ended.
              return NativeCode.call(loop, word.address(), rounds, mine, theirs, 0, 0, 0);
            });
    Thread.ofPlatform().daemon().name("baseline").start(task);
    return task;
  }

  private static int processor(int index) {
    int[] allowed = Kernel.affinity(0).stream().toArray();
    if (index >= allowed.length) {
      throw new IllegalStateException("only " + allowed.length + " processor here, and two are needed");
    }
    return allowed[index];
  }

  private static Assembler timestamp(Assembler a) {
    return a.rdtsc().shl(RDX, 32).or(RAX, RDX);
  }

  /** {@code (rounds)} → cycles. */
  private static byte[] systemCallLoop() {
    Assembler a = new Assembler(0);
    Label again = new Label();
    a.mov(RSI, RDI);
    timestamp(a).mov(R10, RAX);
    a.bind(again).mov32(RAX, Syscall.GETPPID).syscall().add(RSI, -1).jcc(Condition.NOT_EQUAL, again);
    return timestamp(a).sub(RAX, R10).ret().toBytes();
  }

  /** {@code (word, rounds, mine, theirs)} → cycles. */
  private static byte[] spinLoop() {
    Assembler a = new Assembler(0);
    Label again = new Label();
    a.mov(R9, RDX).mov(R8, RCX);
    timestamp(a).mov(R10, RAX);
    a.bind(again).cmp32(R9, Mem.at(RDI, 0)).jcc(Condition.NOT_EQUAL, again);
    a.mov32(Mem.at(RDI, 0), R8).add(RSI, -1).jcc(Condition.NOT_EQUAL, again);
    return timestamp(a).sub(RAX, R10).ret().toBytes();
  }

  /** {@code (word, rounds, mine, theirs)} → cycles. */
  private static byte[] futexLoop() {
    Assembler a = new Assembler(0);
    Label again = new Label();
    Label mine = new Label();
    a.push(RBX).push(R12).push(R13).push(R14).mov(RBX, RSI).mov(R12, RDX).mov(R13, RCX);
    timestamp(a).mov(R14, RAX);
    a.bind(again).cmp32(R12, Mem.at(RDI, 0)).jcc(Condition.EQUAL, mine);
    a.mov32(RAX, Syscall.FUTEX).mov32(RSI, FUTEX_WAIT).mov(RDX, R13).xor32(R10, R10).syscall().jmp(again);
    a.bind(mine).mov32(Mem.at(RDI, 0), R13);
    a.mov32(RAX, Syscall.FUTEX).mov32(RSI, FUTEX_WAKE).mov32(RDX, 1).syscall();
    a.add(RBX, -1).jcc(Condition.NOT_EQUAL, again);
    return timestamp(a).sub(RAX, R14).pop(R14).pop(R13).pop(R12).pop(RBX).ret().toBytes();
  }
}
