package org.enclavisor.host.sdk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Random;
import org.junit.jupiter.api.Test;

class UntrustedHeapTest {

  @Test
  void neighboursAreJoinedAgain() {
    var heap = new UntrustedHeap(0x10000, 4096);
    long a = heap.allocate(1000).orElseThrow();
    long b = heap.allocate(1000).orElseThrow();
    long c = heap.allocate(1000).orElseThrow();
    assertThat(heap.allocate(2000)).isEmpty();
    heap.free(a);
    heap.free(c);
    heap.free(b);
    assertThat(heap.usedBytes()).isZero();
    assertThat(heap.allocate(4096)).hasValue(0x10000);
  }

  @Test
  void refusesWhatItDoesNotHave() {
    var heap = new UntrustedHeap(0x10000, 4096);
    assertThat(heap.allocate(-1)).isEmpty();
    assertThat(heap.allocate(Long.MAX_VALUE)).isEmpty();
    assertThat(new UntrustedHeap(0, 0).allocate(1)).isEmpty();
    assertThatThrownBy(() -> heap.free(0x10000)).isInstanceOf(IllegalArgumentException.class);
    long a = heap.allocate(0).orElseThrow();
    heap.free(a);
    assertThatThrownBy(() -> heap.free(a)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void piecesNeverOverlap() {
    long bytes = 1 << 16;
    var heap = new UntrustedHeap(bytes, bytes);
    var random = new Random(7);
    record Piece(long address, long length) {}
    var live = new ArrayList<Piece>();
    for (int i = 0; i < 5000; i++) {
      if (random.nextBoolean() || live.isEmpty()) {
        long length = 1 + random.nextInt(3000);
        heap.allocate(length)
            .ifPresent(
                address -> {
                  assertThat(address % UntrustedHeap.ALIGNMENT).isZero();
                  assertThat(address).isBetween(bytes, 2 * bytes - length);
                  assertThat(live)
                      .noneMatch(p -> p.address() < address + length && address < p.address() + p.length());
                  live.add(new Piece(address, length));
                });
      } else {
        heap.free(live.remove(random.nextInt(live.size())).address());
      }
    }
    live.forEach(piece -> heap.free(piece.address()));
    assertThat(heap.allocate(bytes)).hasValue(bytes);
  }
}
