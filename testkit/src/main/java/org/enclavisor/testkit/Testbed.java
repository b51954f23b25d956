package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;

/**
 * An address space of 64 KiB for the programs of the contract, with pages of every kind at known offsets, and 16 pages
 * of untrusted memory.
 */
public final class Testbed implements AutoCloseable {
  /** Four pages that can be read and executed. */
  public static final long CODE = 0;
  /** Four pages that can be read and written. */
  public static final long DATA = 0x8000;
  /** The end of {@link #DATA}. */
  public static final long STACK = 0xc000;
  /** A page that can be read only. */
  public static final long READ_ONLY = 0xc000;
  /** A page that cannot be accessed. */
  public static final long NOTHING = 0xe000;

  public static final long SIZE = 0x10000;
  public static final long UNTRUSTED_SIZE = 0x10000;
  private static final VarHandle LONG = JAVA_LONG.varHandle();

  private final AddressSpace space;
  private final long base;

  /** Makes one that may have so many processors. */
  public Testbed(Platform platform, int processors) {
    space = platform.create(new AddressSpaceLayout(0, SIZE, UNTRUSTED_SIZE, processors));
    base = space.enclaveBase();
    space.protect(CODE, 0x4000, Permissions.RX);
    space.protect(DATA, 0x4000, Permissions.RW);
    space.protect(READ_ONLY, 0x1000, Permissions.R);
  }

  public AddressSpace space() {
    return space;
  }

  public LogicalProcessor processor() {
    return space.processor();
  }

  /** The linear address of an offset of the ELRANGE. */
  public long address(long offset) {
    return base + offset;
  }

  /** Writes a program to the start of {@link #CODE}; its address. */
  public long program(Consumer<Code> writer) {
    return program(CODE, writer);
  }

  /** Writes a program to an offset; its address. */
  public long program(long offset, Consumer<Code> writer) {
    var code = Code.at(address(offset));
    writer.accept(code);
    byte[] bytes = code.bytes();
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, space.enclave(), offset, bytes.length);
    return address(offset);
  }

  /** Registers that start at an address, with a stack. */
  public Registers at(long rip) {
    var registers = new Registers();
    registers.rip = rip;
    registers.rsp = address(STACK);
    return registers;
  }

  /** A word of the ELRANGE, as the monitor sees it now. */
  public long word(long offset) {
    return (long) LONG.getVolatile(space.enclave(), offset);
  }

  public void word(long offset, long value) {
    LONG.setVolatile(space.enclave(), offset, value);
  }

  /** A word of untrusted memory, as the host sees it now. */
  public long untrusted(long offset) {
    return (long) LONG.getVolatile(space.untrusted(), offset);
  }

  public void untrusted(long offset, long value) {
    LONG.setVolatile(space.untrusted(), offset, value);
  }

  /** Waits until enclave code has made a word of untrusted memory at least so large. */
  public void awaitUntrusted(long offset, long value) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (untrusted(offset) < value) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("untrusted[" + offset + "]=" + untrusted(offset) + " never became " + value);
      }
      Thread.onSpinWait();
    }
  }

  /** Enters on a thread of its own. */
  public static CompletableFuture<Exit> start(LogicalProcessor processor, Registers registers) {
    var exit = new CompletableFuture<Exit>();
    Thread.ofPlatform().daemon().name("in-enclave").start(() -> {
      try {
        exit.complete(processor.enter(registers, Extended.KEEP));
      } catch (RuntimeException | Error e) {
        exit.completeExceptionally(e);
      }
    });
    return exit;
  }

  /** What came of {@link #start}, within a time that is only used up when something hangs. */
  public static Exit await(CompletableFuture<Exit> exit) {
    return exit.orTimeout(30, TimeUnit.SECONDS).join();
  }

  @Override
  public void close() {
    space.close();
  }
}
