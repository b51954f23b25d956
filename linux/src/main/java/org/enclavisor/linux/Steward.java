package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.ProcessDiedException;

/**
 * The JVM's end of the steward, the thread in an enclave process that makes system calls to order. Thread-safe: one
 * order at a time.
 *
 * <p>The steward is in one of two system calls that the kernel holds until we answer, its question for the next order
 * or a single order itself, or on its way through the table of orders to its next question. Kernel and registers carry
 * everything that counts: who asks (thread), from where (RIP), what (number and arguments), and how the last order went
 * (first argument of the question). Nothing of it can be written by enclave code.
 */
final class Steward implements AutoCloseable {
  private static final int NOTIF_RECV = 0xC0502100;
  private static final int NOTIF_SEND = 0xC0182101;
  private static final int NOTIF_SET_FLAGS = 0x40082104;
  private static final int SYNC_WAKE_UP = 1;
  private static final int CONTINUE = 1;
  private static final int NOTIF_BYTES = 80;
  private static final int RESPONSE_BYTES = 24;
  private static final int POLLIN = 1;
  private static final int PATIENCE_MILLIS = 10_000;
  private static final int ARGUMENTS = 6;

  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  private final ReentrantLock lock = new ReentrantLock();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment notif = arena.allocate(NOTIF_BYTES, 8);
  private final MemorySegment response = arena.allocate(RESPONSE_BYTES, 8);
  private final MemorySegment polled = arena.allocate(8, 8);
  private final StubProcess process;
  private final int listener;
  private final MemorySegment orderPage;
  private final MemorySegment table;
  private final long tableAddress;
  private final MemorySegment orders;
  private final StewardWaiting waiting;
  private final long site;
  private final long cookie;
  private long question;

  /** Whether the steward may be spinning for a table; else {@link #question} waits for its answer. */
  private boolean awake;

  private long tableNumber;
  private boolean closed;

  /**
   * Takes over a listener whose steward is about to ask its first question.
   *
   * @param orders what the JVM writes and the process can read only, as {@link StubLayout} has it: number and six
   *     arguments of a single order at ORDER, several at TABLE
   * @param site what RIP is in the steward's questions and single orders
   */
  Steward(
      StubProcess process,
      int listener,
      StubLayout layout,
      MemorySegment orders,
      long site,
      int cookie,
      StewardWaiting waiting) {
    this.process = process;
    this.listener = listener;
    this.orderPage = orders.asSlice(StubLayout.ORDER, StubLayout.BASES - StubLayout.ORDER);
    this.table = orders.asSlice(StubLayout.TABLE, (StubLayout.TABLE_ENTRIES + 1) * StubLayout.ENTRY_BYTES);
    this.orders = orders;
    this.waiting = waiting;
    this.tableAddress = layout.stub() + StubLayout.TABLE;
    this.site = site;
    this.cookie = (long) cookie << 32;
    polled.set(ValueLayout.JAVA_INT, 0, listener);
    polled.set(ValueLayout.JAVA_SHORT, 4, (short) POLLIN);
    // SAFETY: takes the flag by value. Kernels before 6.6 lack it, and are only slower.
    Kernel.raw(Syscall.IOCTL, listener, NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    boolean asked = false;
    try {
      receiveQuestion("at first");
      asked = true;
    } finally {
      if (!asked) {
        close();
      }
    }
  }

  /**
   * Has a system call made in the process; its result or −errno.
   *
   * @throws PlatformException if the process is gone, or anything but the order came from the steward
   */
  long order(int number, long... arguments) {
    lock.lock();
    try {
      if (closed) {
        throw gone();
      }
      settle();
      orderPage.set(ValueLayout.JAVA_LONG, 0, number);
      for (int i = 0; i < ARGUMENTS; i++) {
        orderPage.set(ValueLayout.JAVA_LONG, 8 + 8L * i, i < arguments.length ? arguments[i] : 0);
      }
      respond(question, StubProgram.SINGLY, 0);
      receive();
      if (!isOrdered(number, arguments)) {
        throw violated("ordered was call %d, it made %s".formatted(number, describe()));
      }
      respond(notif.get(ValueLayout.JAVA_LONG, 0), 0, CONTINUE);
      receiveQuestion("after its order");
      return argument(0);
    } finally {
      lock.unlock();
    }
  }

  /** The same, for a call that must not fail. */
  long require(String call, int number, long... arguments) {
    return Kernel.check(call + " in the enclave process", order(number, arguments), arguments);
  }

  /**
   * A call that the table may hold: mprotect(2), madvise(2).
   *
   * @param number the call's
   * @param argument the third of its arguments
   */
  record Call(int number, long address, long length, int argument) {}

  /**
   * Has calls made, in one go for as many as the table holds.
   *
   * @return how many were made before one failed; all, if none did
   * @throws PlatformException if the process is gone, or anything but its question came from the steward
   */
  Done carryOut(List<Call> calls) {
    lock.lock();
    try {
      for (int from = 0; from < calls.size(); from += StubLayout.TABLE_ENTRIES) {
        int to = Math.min(calls.size(), from + StubLayout.TABLE_ENTRIES);
        Done done = carryOutTable(calls.subList(from, to));
        if (done.error != 0) {
          return new Done(from + done.count, done.error);
        }
      }
      return new Done(calls.size(), 0);
    } finally {
      lock.unlock();
    }
  }

  /**
   * How far a row of calls came.
   *
   * @param count how many succeeded
   * @param error what the next one came to, as −errno, or 0 if there is none
   */
  record Done(int count, long error) {}

  private Done carryOutTable(List<Call> calls) {
    if (closed) {
      throw gone();
    }
    long at = 0;
    for (Call call : calls) {
      table.set(ValueLayout.JAVA_LONG, at, call.number);
      table.set(ValueLayout.JAVA_LONG, at + 8, call.address);
      table.set(ValueLayout.JAVA_LONG, at + 16, call.length);
      table.set(ValueLayout.JAVA_LONG, at + 24, call.argument);
      at += StubLayout.ENTRY_BYTES;
    }
    table.set(ValueLayout.JAVA_LONG, at, StubProgram.END);
    boolean spin = waiting.spin();
    if (awake && !waiting.stillAwake()) {
      settle();
    }
    orders.set(ValueLayout.JAVA_INT, StubLayout.TABLE_SPIN, spin ? StewardWaiting.SPIN_CYCLES : 0);
    tableNumber++;
    LONG.setVolatile(orders, (long) StubLayout.TABLE_NUMBER, tableNumber);
    if (!awake) {
      respond(question, StubProgram.BY_TABLE, 0);
    }
    awake = true;
    if (!spin || !spinForTheEnd()) {
      awaitTheEnd(spin);
    }
    waiting.done();
    long error = awake ? 0 : argument(0);
    return new Done(error == 0 ? calls.size() : (int) ((argument(1) - tableAddress) / StubLayout.ENTRY_BYTES), error);
  }

  private boolean isDone() {
    return (long) LONG.getAcquire(orders, (long) StubLayout.TABLE_DONE) == tableNumber;
  }

  private boolean spinForTheEnd() {
    long deadline = System.nanoTime() + StewardWaiting.SPIN_NANOS;
    while (!isDone()) {
      if (System.nanoTime() - deadline > 0) {
        waiting.missed();
        return false;
      }
      Thread.onSpinWait();
    }
    return true;
  }

  /** By the steward's question, or by its word if it spins and was only slow. */
  private void awaitTheEnd(boolean spin) {
    for (int millis = 0; !spin || !isDone(); millis++) {
      if (spin && millis < PATIENCE_MILLIS && poll(1) == 0) {
        continue;
      }
      receiveQuestion("after a table of orders");
      if (argument(2) == tableNumber) {
        awake = false;
        return;
      }
      respond(question, StubProgram.BY_TABLE, 0); // it had fallen asleep just before the table came
    }
  }

  /** Waits until a steward that spins asks its question. */
  private void settle() {
    if (awake) {
      receiveQuestion("after it had waited for a table");
      awake = false;
    }
  }

  /** The process is about to be stopped: the steward shall be where {@link #askedAgain} expects it. */
  void rest() {
    lock.lock();
    try {
      if (closed) {
        throw gone();
      }
      settle();
    } finally {
      lock.unlock();
    }
  }

  /** The process was stopped and runs again: its question was taken back then, and is asked anew. */
  void askedAgain() {
    lock.lock();
    try {
      if (closed) {
        throw gone();
      }
      receiveQuestion("after a stop");
    } finally {
      lock.unlock();
    }
  }

  private void receiveQuestion(String when) {
    receive();
    if (!isQuestion()) {
      throw violated(when + " it made " + describe());
    }
    question = notif.get(ValueLayout.JAVA_LONG, 0);
  }

  private boolean isQuestion() {
    return comesFromSteward() && number() == StubProgram.NEXT;
  }

  private boolean isOrdered(int number, long[] arguments) {
    boolean same = comesFromSteward() && number() == number;
    for (int i = 0; i < ARGUMENTS; i++) {
      long expected = (i < arguments.length ? arguments[i] : 0) | (i == 4 ? cookie : 0);
      same &= argument(i) == expected;
    }
    return same;
  }

  private boolean comesFromSteward() {
    return notif.get(ValueLayout.JAVA_INT, 8) == process.pid() && notif.get(ValueLayout.JAVA_LONG, 24) == site;
  }

  private int number() {
    return notif.get(ValueLayout.JAVA_INT, 16);
  }

  private long argument(int index) {
    return notif.get(ValueLayout.JAVA_LONG, 32 + 8L * index);
  }

  private String describe() {
    return "call %d(%x, %x, %x, %x, .., %x) at 0x%x by thread %d"
        .formatted(
            number(), argument(0), argument(1), argument(2), argument(3), argument(5),
            notif.get(ValueLayout.JAVA_LONG, 24), notif.get(ValueLayout.JAVA_INT, 8));
  }

  private long poll(int millis) {
    // SAFETY: one struct pollfd of eight bytes.
    long result = Kernel.raw(Syscall.POLL, polled.address(), 1, millis);
    return result <= 0 ? result : polled.get(ValueLayout.JAVA_SHORT, 6) & 0xFFFF;
  }

  private void receive() {
    long result;
    do {
      long events = poll(PATIENCE_MILLIS);
      if (events == 0) {
        throw violated("its steward did not answer within " + PATIENCE_MILLIS + " ms");
      }
      if (events != -Errno.EINTR && (events < 0 || (events & POLLIN) == 0)) {
        throw gone();
      }
      notif.fill((byte) 0);
      // SAFETY: the kernel writes a struct seccomp_notif, 80 bytes; the buffer is that long and zero, as it wants it.
      result = events < 0 ? events : Kernel.raw(Syscall.IOCTL, listener, NOTIF_RECV, notif.address());
    } while (result == -Errno.EINTR); // the JVM signals its own threads now and then
    if (Kernel.failed(result)) {
      throw gone();
    }
  }

  private void respond(long id, long value, int flags) {
    response.set(ValueLayout.JAVA_LONG, 0, id);
    response.set(ValueLayout.JAVA_LONG, 8, value);
    response.set(ValueLayout.JAVA_INT, 16, 0);
    response.set(ValueLayout.JAVA_INT, 20, flags);
    long result;
    do {
      // SAFETY: the kernel reads a struct seccomp_notif_resp, 24 bytes. CONTINUE is safe here: no argument of an order
      // is a pointer whose target matters, and registers cannot change while the thread waits.
      result = Kernel.raw(Syscall.IOCTL, listener, NOTIF_SEND, response.address());
    } while (result == -Errno.EINTR);
    if (Kernel.failed(result)) {
      throw gone();
    }
  }

  private PlatformException violated(String what) {
    process.kill("the enclave process left its script: " + what);
    return new ProcessDiedException("the enclave process was ended, for it left its script: " + what);
  }

  private PlatformException gone() {
    String death = process.death();
    return new ProcessDiedException(death == null ? "the enclave process is gone" : death);
  }

  /** Gives the listener back; the process must be gone, or go. Idempotent. */
  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        Kernel.close(listener);
        arena.close();
      }
    } finally {
      lock.unlock();
    }
  }
}
