package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.R10;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.SampleEnclave.HEAP;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Dead;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.Test;

/**
 * Enclaves that are larger than the EPC. Enclave code visits addresses that the host has listed in untrusted memory and
 * counts each visit where it was; afterwards every count has to be right.
 */
public abstract class PagingContract extends PagingFixture {
  /** In what order pages are visited. */
  enum Pattern {
    SEQUENTIAL {
      @Override
      int page(Seeded random, int step) {
        return step % HEAP_PAGES;
      }
    },
    RANDOM {
      @Override
      int page(Seeded random, int step) {
        return random.below(HEAP_PAGES);
      }
    },
    /** A page's share falls with its rank. */
    ZIPF {
      @Override
      int page(Seeded random, int step) {
        return (int) Math.min(HEAP_PAGES - 1, Math.exp(random.below(1000) / 1000.0 * Math.log(HEAP_PAGES)));
      }
    };

    abstract int page(Seeded random, int step);
  }

  @Test
  void anEnclaveFourTimesTheEpcComputesTheRightResultInSequence() {
    visitAlone(Pattern.SEQUENTIAL);
  }

  @Test
  void anEnclaveFourTimesTheEpcComputesTheRightResultAtRandom() {
    visitAlone(Pattern.RANDOM);
  }

  @Test
  void anEnclaveFourTimesTheEpcComputesTheRightResultWithFavourites() {
    visitAlone(Pattern.ZIPF);
  }

  private void visitAlone(Pattern pattern) {
    var loaded = load(visitor());
    Seeded random = Seeded.named("paging-" + pattern);
    long[] counts = new long[HEAP_PAGES];
    for (int round = 0; round < 3; round++) {
      var addresses = new ArrayList<Long>();
      for (int step = 0; step < LIST / 8; step++) {
        int page = pattern.page(random, step);
        counts[page]++;
        addresses.add(loaded.base() + HEAP + (long) page * PAGE);
      }
      assertThat(touch(loaded, 0, addresses)).isEqualTo(Exited.INSTANCE);
    }
    assertCounts(loaded, 0, counts, 0);
    assertThat(pages(EnclsLeaf.EWB)).as("evicted").isGreaterThan(HEAP_PAGES);
    assertThat(pages(EnclsLeaf.ELDU)).as("reloaded").isGreaterThan(HEAP_PAGES);
    assertThat(monitor().epcPages()).as("in the EPC").isLessThanOrEqualTo(BUDGET);
  }

  private long pages(EnclsLeaf leaf) {
    return events.stream()
        .mapToLong(event -> event instanceof MonitorEvent.Encls e && e.leaf() == leaf ? e.pages() : 0)
        .sum();
  }

  @Test
  void manyThreadsComputeTheRightResultInSequence() {
    visitTogether(Pattern.SEQUENTIAL);
  }

  @Test
  void manyThreadsComputeTheRightResultAtRandom() {
    visitTogether(Pattern.RANDOM);
  }

  @Test
  void manyThreadsComputeTheRightResultWithFavourites() {
    visitTogether(Pattern.ZIPF);
  }

  private void visitTogether(Pattern pattern) {
    var loaded = load(visitor());
    long[] counts = new long[HEAP_PAGES];
    visitWithAllThreads(pattern, List.of(loaded), List.of(counts));
    assertCounts(loaded, 0, counts, 0);
    assertThat(loaded.enclave().tcs()).hasSize(THREADS);
    assertNobodyNoticed();
  }

  @Test
  void twoEnclavesComputeTheRightResultAtOnce() {
    var first = load(visitor());
    var second = load(visitor());
    long[] firstCounts = new long[HEAP_PAGES];
    long[] secondCounts = new long[HEAP_PAGES];
    visitWithAllThreads(Pattern.RANDOM, List.of(first, second), List.of(firstCounts, secondCounts));
    assertCounts(first, 0, firstCounts, 0);
    assertCounts(second, 0, secondCounts, 0);
    assertNobodyNoticed();
  }

  @Test
  void versionArraysAreEvictedTooWhenThereAreTooManyOfThem() {
    int pages = 20 * 512;
    var loaded = load(visitor().heap(pages));
    var addresses = new ArrayList<Long>();
    // So far apart that neighbours in the list have their versions in different arrays, there and back.
    for (int step = 0; step < LIST / 8; step++) {
      addresses.add(loaded.base() + HEAP + (long) (step * 521 % pages) * PAGE);
    }
    for (int round = 0; round < 3; round++) {
      assertThat(touch(loaded, 0, addresses)).isEqualTo(Exited.INSTANCE);
    }
    assertThat(eenter(loaded, 0, visit(loaded, 0, addresses, true))).isEqualTo(Exited.INSTANCE);
    UntrustedMemory memory = device().untrusted(loaded.id());
    for (int step = 0; step < addresses.size(); step++) {
      assertThat(word(memory, 8L * step)).as("visit " + step).isEqualTo(3);
    }
    assertThat(store.numbers()).as("records of version arrays").anyMatch(number -> number % 513 == 512);
    assertThat(monitor().epcPages()).isLessThanOrEqualTo(BUDGET);
    device().remove(loaded.id());
    assertThat(monitor().epcPages()).isZero();
  }

  private void visitWithAllThreads(Pattern pattern, List<Loaded> enclaves, List<long[]> counts) {
    var runs = new ArrayList<CompletableFuture<EnterOutcome>>();
    for (int i = 0; i < enclaves.size(); i++) {
      Loaded loaded = enclaves.get(i);
      for (int thread = 0; thread < THREADS; thread++) {
        Seeded random = Seeded.named("paging-" + pattern + i + thread);
        var addresses = new ArrayList<Long>();
        for (int step = 0; step < LIST / 8; step++) {
          int page = pattern.page(random, step);
          counts.get(i)[page]++;
          addresses.add(loaded.base() + HEAP + (long) page * PAGE);
        }
        int tcs = thread;
        runs.add(start(() -> touch(loaded, tcs, addresses)));
      }
    }
    runs.forEach(run -> assertThat(await(run)).isEqualTo(Exited.INSTANCE));
  }

  private void assertNobodyNoticed() {
    assertThat(events).noneMatch(event -> event instanceof MonitorEvent.AsynchronousExit);
  }

  @Test
  void aThreadThatIsInsideAllTheTimeNoticesNothing() {
    var loaded = load(visitor());
    var spinner = load(SampleEnclave.of(c -> {
      var again = c.label();
      // until the host clears the word at RSI: count at RSI + 8
      var done = c.label();
      c.bind(again).lockInc(RSI, 8).load(R10, RSI, 0).cmp(R10, 0).jz(done).jmp(again);
      c.bind(done).mov(RBX, RCX).enclu(4);
    }));
    UntrustedMemory memory = device().untrusted(spinner.id());
    word(memory, 0, 1);
    var registers = host();
    registers.rsi = memory.base();
    var inside = start(() -> eenter(spinner, 0, registers));
    awaitUntrusted(memory, 8, 1);
    var addresses = new ArrayList<Long>();
    for (int step = 0; step < LIST / 8; step++) {
      addresses.add(loaded.base() + HEAP + (long) (step % HEAP_PAGES) * PAGE);
    }
    assertThat(touch(loaded, 0, addresses)).isEqualTo(Exited.INSTANCE);
    word(memory, 0, 0);
    assertThat(await(inside)).isEqualTo(Exited.INSTANCE);
    assertNobodyNoticed();
  }

  @Test
  void theHostsInterruptStillComesThrough() {
    var loaded = load(visitor());
    var addresses = new ArrayList<Long>();
    for (int step = 0; step < LIST / 8; step++) {
      addresses.add(loaded.base() + HEAP + (long) (step * 7 % HEAP_PAGES) * PAGE);
    }
    var registers = visit(loaded, 0, addresses, false);
    var inside = start(() -> {
      EnterOutcome outcome = eenter(loaded, 0, registers);
      int interrupts = 0;
      while (outcome instanceof EnterOutcome.Interrupted) {
        interrupts++;
        outcome = eresume(loaded, 0, registers);
      }
      assertThat(outcome).isEqualTo(Exited.INSTANCE);
      return interrupts;
    });
    while (!inside.isDone()) {
      device().interrupt(loaded.id(), loaded.tcs(0));
    }
    assertThat(await(inside)).isPositive();
  }

  @Test
  void evictedTcsAndSsaComeBackWhenTheThreadDoes() {
    var parked = load(SampleEnclave.of(c -> c.ud2()).threads(2));
    var registers = host();
    assertThat(eenter(parked, 0, registers)).isInstanceOf(EnterOutcome.Faulted.class);
    // Everything that the first enclave has is pushed out by another.
    var loaded = load(visitor());
    var addresses = new ArrayList<Long>();
    for (int step = 0; step < LIST / 8; step++) {
      addresses.add(loaded.base() + HEAP + (long) (step % HEAP_PAGES) * PAGE);
    }
    assertThat(touch(loaded, 0, addresses)).isEqualTo(Exited.INSTANCE);
    assertThat(monitor().residentPages(parked.id())).as("pages left").isLessThan(4);
    assertThat(eresume(parked, 0, registers)).isInstanceOf(EnterOutcome.Faulted.class);
    assertThat(eenter(parked, 1, host())).isInstanceOf(EnterOutcome.Faulted.class);
  }

  @Test
  void whatTheEpcCannotHoldIsRefusedWithWhatItNeeds() {
    var many = SampleEnclave.of(c -> c.ud2()).threads(40).size(0x10_0000).build();
    assertThat(device().create(many.secs(), 0, 40))
        .isInstanceOfSatisfying(
            CreateOutcome.Refused.class,
            refused -> assertThat(refused.outcome().reason()).contains("128 pages").contains("at once"));
    assertThat(monitor().epcPages()).isZero();
    load(SampleEnclave.of(c -> c.ud2()));
  }

  @Test
  void anEnclaveThatDiesGivesItsPagesBackEvenIfNobodyRemovesIt() {
    var first = load(visitor());
    assertThat(touch(first, 0, List.of(first.base() + HEAP))).isEqualTo(Exited.INSTANCE);
    kill(space());
    assertThat(touch(first, 0, List.of(first.base() + HEAP))).isInstanceOf(Dead.class);
    var second = load(visitor());
    var all = new ArrayList<Long>();
    for (int page = 0; page < HEAP_PAGES; page++) {
      all.add(second.base() + HEAP + (long) page * PAGE);
    }
    assertThat(touch(second, 0, all)).isEqualTo(Exited.INSTANCE);
    assertThat(monitor().residentPages(first.id())).isZero();
  }

  @Test
  void aProcessThatIsKilledWhileItPagesHarmsNobody() {
    var victim = load(visitor());
    var space = space();
    var bystander = load(visitor());
    var all = new ArrayList<Long>();
    for (int step = 0; step < LIST / 8; step++) {
      all.add(victim.base() + HEAP + (long) (step % HEAP_PAGES) * PAGE);
    }
    var run = start(() -> {
      EnterOutcome outcome;
      do {
        outcome = touch(victim, 0, all);
      } while (outcome.equals(Exited.INSTANCE));
      return outcome;
    });
    awaitReads(HEAP_PAGES);
    kill(space);
    assertThat(await(run)).isInstanceOf(Dead.class);
    assertCounts(bystander, 0, new long[HEAP_PAGES], 0);
    assertThat(device().remove(victim.id()).ok()).isTrue();
  }

  @Test
  void closingWhileThreadsPageEndsThem() {
    var loaded = load(visitor());
    var runs = new ArrayList<CompletableFuture<Optional<EnterOutcome>>>();
    for (int i = 0; i < THREADS; i++) {
      int thread = i;
      var addresses = new ArrayList<Long>();
      for (int step = 0; step < LIST / 8; step++) {
        addresses.add(loaded.base() + HEAP + (long) (step * 11 % HEAP_PAGES) * PAGE);
      }
      var registers = visit(loaded, thread, addresses, false);
      runs.add(start(() -> {
        EnterOutcome outcome;
        do {
          var fresh = new Registers();
          fresh.set(registers);
          outcome = eenter(loaded, thread, fresh);
        } while (outcome.equals(Exited.INSTANCE));
        return Optional.of(outcome);
      }));
    }
    awaitReads(HEAP_PAGES);
    device().remove(loaded.id());
    runs.forEach(run -> assertThat(await(run)).isPresent());
    assertThat(monitor().epcPages()).isZero();
  }
}
