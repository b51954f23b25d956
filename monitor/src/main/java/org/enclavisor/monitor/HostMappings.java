package org.enclavisor.monitor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;

/**
 * What a host's mappings of the ELRANGE allow, as runs of pages. Costs what the host's calls make of it, not what they
 * cover. Reading takes no lock, since every entry asks. Thread-safe.
 */
final class HostMappings {
  /** From each start on, until the next; the first is 0. */
  private record Runs(long[] starts, byte[] permissions) {
    int find(long page) {
      int at = Arrays.binarySearch(starts, page);
      return at >= 0 ? at : -at - 2;
    }
  }

  /**
   * As many mappings as Linux lets a process have (vm.max_map_count): an enclave can ask its host for more, page by page,
   * and each change costs time and memory for all of them.
   */
  static final int MAX_RUNS = 65_530;

  /** The host has said so itself. */
  private static final int EXPLICIT = 8;

  private volatile Runs runs = new Runs(new long[] {0}, new byte[] {(byte) Permissions.RWX.bits()});

  /** Sets a range; false if there would be too many runs, and nothing has changed. */
  synchronized boolean set(long page, long count, Permissions permissions) {
    Runs old = runs;
    long end = page + count;
    int size = old.starts.length;
    long[] starts = new long[size + 2];
    byte[] bits = new byte[size + 2];
    int used = 0;
    for (int i = 0; i < size && old.starts[i] < page; i++) {
      used = append(starts, bits, used, old.starts[i], old.permissions[i]);
    }
    used = append(starts, bits, used, page, (byte) (permissions.bits() | EXPLICIT));
    used = append(starts, bits, used, end, old.permissions[old.find(end)]);
    for (int i = old.find(end) + 1; i < size; i++) {
      used = append(starts, bits, used, old.starts[i], old.permissions[i]);
    }
    if (used > MAX_RUNS && used > size) {
      return false;
    }
    runs = new Runs(Arrays.copyOf(starts, used), Arrays.copyOf(bits, used));
    return true;
  }

  /** Adds a run behind the others, unless it only goes on with the last one. */
  private static int append(long[] starts, byte[] bits, int used, long start, byte permissions) {
    if (used > 0 && bits[used - 1] == permissions) {
      return used;
    }
    starts[used] = start;
    bits[used] = permissions;
    return used + 1;
  }

  /** Sets all runs at once; the first begins at page 0, the others follow in order. */
  synchronized void set(List<Mapping> mappings) {
    long[] starts = new long[mappings.size()];
    byte[] bits = new byte[starts.length];
    int used = 0;
    for (Mapping mapping : mappings) {
      used = append(starts, bits, used, mapping.page(), (byte) mapping.access());
    }
    runs = new Runs(Arrays.copyOf(starts, used), Arrays.copyOf(bits, used));
  }

  Permissions get(long page) {
    return Permissions.of(bits(page));
  }

  /** The same as bits: 1 read, 2 write, 4 execute. */
  int bits(long page) {
    Runs now = runs;
    return now.permissions[now.find(page)] & ~EXPLICIT;
  }

  /**
   * Whether the host itself has mapped the page for this access. That is what lets a fault add a page; the silent
   * permission that all pages have at first does not.
   */
  boolean mapped(long page, int access) {
    Runs now = runs;
    int wanted = access | EXPLICIT;
    return (now.permissions[now.find(page)] & wanted) == wanted;
  }

  /** The first page after this one that differs from it; {@link Long#MAX_VALUE} if none does. */
  long next(long page) {
    Runs now = runs;
    int next = now.find(page) + 1;
    return next == now.starts.length ? Long.MAX_VALUE : now.starts[next];
  }

  /** All runs that begin before a page. */
  List<Mapping> all(long pages) {
    Runs now = runs;
    var mappings = new ArrayList<Mapping>();
    for (int i = 0; i < now.starts.length && now.starts[i] < pages; i++) {
      mappings.add(new Mapping(now.starts[i], now.permissions[i]));
    }
    return mappings;
  }

  int size() {
    return runs.starts.length;
  }
}
