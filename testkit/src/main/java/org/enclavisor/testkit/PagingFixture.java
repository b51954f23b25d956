package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.R10;
import static org.enclavisor.testkit.Reg.R11;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.SampleEnclave.HEAP;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.EpcLimit;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.SampleEnclave.Loaded;

/** A monitor with a small EPC, and enclave code that visits addresses which the host has listed in untrusted memory. */
abstract class PagingFixture extends EnclaveFixture {
  static final int PAGE = 4096;
  static final int BUDGET = 128;
  static final int HEAP_PAGES = 4 * BUDGET;
  static final int THREADS = 3;

  /** Bytes of the list of visits of each thread. */
  static final int LIST = 0x3000;

  final ConcurrentLinkedQueue<MonitorEvent> events = new ConcurrentLinkedQueue<>();
  RiggedSwapStore store;

  @Override
  MonitorConfig config() {
    store = new RiggedSwapStore(1 << 20);
    return MonitorConfig.defaults().withEvents(events::add).withEpc(new EpcLimit(BUDGET, () -> store));
  }

  /**
   * From RSI to RDX, in words: R8 = 0 counts at the listed addresses, else puts the counts in place of the addresses.
   */
  static SampleEnclave.Builder visitor() {
    return SampleEnclave.of(
        c -> {
          var next = c.label();
          var read = c.label();
          var done = c.label();
          c.bind(next).cmp(RSI, RDX).jz(done).load(R10, RSI, 0).cmp(R8, 0).jnz(read);
          c.lockInc(R10, 0).add(RSI, 8).jmp(next);
          c.bind(read).load(R11, R10, 0).store(RSI, 0, R11).add(RSI, 8).jmp(next);
          c.bind(done).mov(RBX, RCX).enclu(4);
        }).threads(THREADS).heap(HEAP_PAGES);
  }

  Registers visit(Loaded loaded, int thread, List<Long> addresses, boolean read) {
    UntrustedMemory memory = device().untrusted(loaded.id());
    long at = (long) thread * LIST;
    for (int i = 0; i < addresses.size(); i++) {
      word(memory, at + 8L * i, addresses.get(i));
    }
    var registers = host();
    registers.rsi = memory.base() + at;
    registers.rdx = registers.rsi + 8L * addresses.size();
    registers.r8 = read ? 1 : 0;
    return registers;
  }

  EnterOutcome touch(Loaded loaded, int thread, List<Long> addresses) {
    return eenter(loaded, thread, visit(loaded, thread, addresses, false));
  }

  void assertCounts(Loaded loaded, int thread, long[] counts, int word) {
    UntrustedMemory memory = device().untrusted(loaded.id());
    var addresses = new ArrayList<Long>();
    for (int page = 0; page < HEAP_PAGES; page++) {
      addresses.add(loaded.base() + HEAP + (long) page * PAGE + word);
    }
    assertThat(eenter(loaded, thread, visit(loaded, thread, addresses, true))).isEqualTo(Exited.INSTANCE);
    for (int page = 0; page < HEAP_PAGES; page++) {
      assertThat(word(memory, (long) thread * LIST + 8L * page)).as("page " + page).isEqualTo(counts[page]);
    }
  }

  void awaitReads(long count) {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (store.reads() < count) {
      assertThat(System.nanoTime()).as("no paging goes on").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
