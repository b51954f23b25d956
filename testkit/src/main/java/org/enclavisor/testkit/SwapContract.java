package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.SampleEnclave.HEAP;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.enclavisor.monitor.EnclaveState;
import org.enclavisor.monitor.EnterOutcome.Dead;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.SwapStore;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.Test;

/**
 * What a store of evicted pages can do to an enclave: whatever it gives back instead of what it was given, the enclave
 * ends, never sees it, and nobody else notices; when it fails, nothing is lost.
 */
public abstract class SwapContract extends PagingFixture {
  private enum Lie {
    FLIPPED_CIPHERTEXT {
      @Override
      void tell(RiggedSwapStore store) {
        store.changing(record -> flip(record, 100));
      }
    },
    FLIPPED_MAC {
      @Override
      void tell(RiggedSwapStore store) {
        store.changing(record -> flip(record, PAGE + 112));
      }
    },
    FLIPPED_PERMISSIONS {
      @Override
      void tell(RiggedSwapStore store) {
        store.changing(record -> {
          record[PAGE] ^= 4;
          return record;
        });
      }
    },
    REPLAYED {
      @Override
      void tell(RiggedSwapStore store) {
        store.replaying();
      }
    },
    SWAPPED {
      @Override
      void tell(RiggedSwapStore store) {
        store.swapping(number -> number + 1);
      }
    },
    TRUNCATED {
      @Override
      void tell(RiggedSwapStore store) {
        store.changing(record -> new byte[SwapStore.RECORD]);
      }
    };

    abstract void tell(RiggedSwapStore store);

    private static byte[] flip(byte[] record, int at) {
      record[at] ^= 1;
      return record;
    }
  }

  @Test
  void aFlippedBitOfCiphertextEndsTheEnclave() {
    tamper(Lie.FLIPPED_CIPHERTEXT);
  }

  @Test
  void aFlippedBitOfTheMacEndsTheEnclave() {
    tamper(Lie.FLIPPED_MAC);
  }

  @Test
  void changedPermissionsEndTheEnclave() {
    tamper(Lie.FLIPPED_PERMISSIONS);
  }

  @Test
  void anOlderVersionEndsTheEnclave() {
    tamper(Lie.REPLAYED);
  }

  @Test
  void anotherPageEndsTheEnclave() {
    tamper(Lie.SWAPPED);
  }

  @Test
  void noPageAtAllEndsTheEnclave() {
    tamper(Lie.TRUNCATED);
  }

  /** The enclave dies and never sees what it was given; the one beside it has not noticed. */
  private void tamper(Lie lie) {
    var loaded = load(visitor());
    var bystander = load(visitor());
    var all = new ArrayList<Long>();
    for (int page = 0; page < HEAP_PAGES; page++) {
      all.add(loaded.base() + HEAP + (long) page * PAGE);
    }
    // Twice, so that there are older versions of most pages.
    assertThat(touch(loaded, 0, all)).isEqualTo(Exited.INSTANCE);
    assertThat(touch(loaded, 0, all)).isEqualTo(Exited.INSTANCE);
    lie.tell(store);
    var outcome = touch(loaded, 0, all);
    assertThat(outcome).isInstanceOf(Dead.class);
    assertThat(((Dead) outcome).reason()).contains("swap store");
    assertThat(monitor().state(loaded.id())).contains(EnclaveState.DESTROYED);
    store.honest();
    long[] none = new long[HEAP_PAGES];
    assertCounts(bystander, 0, none, 0);
    assertThat(device().remove(loaded.id()).ok()).isTrue();
  }

  @Test
  void aPageOfOneEnclaveIsNoneOfAnothers() {
    var first = load(visitor());
    var second = load(visitor());
    for (Loaded loaded : List.of(first, second)) {
      var all = new ArrayList<Long>();
      for (int page = 0; page < HEAP_PAGES; page++) {
        all.add(loaded.base() + HEAP + (long) page * PAGE);
      }
      assertThat(touch(loaded, 0, all)).isEqualTo(Exited.INSTANCE);
    }
    // The same slots of the two enclaves' first version arrays lie an extent apart.
    store.swapping(number -> number < 513 ? number + 513 : number - 513);
    assertThat(touch(first, 0, List.of(first.base() + HEAP, first.base() + HEAP + PAGE))).isInstanceOf(Dead.class);
    store.honest();
    long[] once = new long[HEAP_PAGES];
    Arrays.fill(once, 1);
    assertCounts(second, 0, once, 0);
  }

  @Test
  void aStoreThatFailsLosesNothing() {
    var loaded = load(visitor());
    var all = new ArrayList<Long>();
    for (int page = 0; page < HEAP_PAGES; page++) {
      all.add(loaded.base() + HEAP + (long) page * PAGE);
    }
    var registers = visit(loaded, 0, all, false);
    store.refuseReads(store.reads());
    assertThatThrownBy(() -> eenter(loaded, 0, registers))
        .as("not even in")
        .isInstanceOf(PlatformException.class)
        .hasMessageContaining("input/output error");
    store.honest();
    store.refuseReads(store.reads() + 50);
    assertThatThrownBy(() -> eenter(loaded, 0, registers))
        .isInstanceOf(PlatformException.class)
        .hasMessageContaining("input/output error");
    assertThat(registers.rip).as("out as by an interrupt").isEqualTo(AEP);
    store.honest();
    store.refuseWrites(store.writes() + 50);
    assertThatThrownBy(() -> eresume(loaded, 0, registers))
        .isInstanceOf(PlatformException.class)
        .hasMessageContaining("no space left");
    store.honest();
    assertThat(eresume(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    long[] once = new long[HEAP_PAGES];
    Arrays.fill(once, 1);
    assertCounts(loaded, 0, once, 0);
  }

  @Test
  void aVersionArrayThatComesBackOlderEndsTheEnclave() {
    int pages = 20 * 512;
    var loaded = load(visitor().heap(pages));
    var addresses = new ArrayList<Long>();
    for (int step = 0; step < LIST / 8; step++) {
      addresses.add(loaded.base() + HEAP + (long) (step * 521 % pages) * PAGE);
    }
    for (int round = 0; round < 2; round++) {
      assertThat(touch(loaded, 0, addresses)).isEqualTo(Exited.INSTANCE);
    }
    store.replayingOnly(number -> number % 513 == 512);
    assertThat(touch(loaded, 0, addresses)).isInstanceOf(Dead.class);
  }
}
