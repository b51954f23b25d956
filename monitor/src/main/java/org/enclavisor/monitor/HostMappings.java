package org.enclavisor.monitor;

import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.isa.Permissions;

/**
 * What a host's mappings of the ELRANGE allow, as runs of pages. Costs what the host's calls make of it, not what they
 * cover. Thread-safe.
 */
final class HostMappings {
  /** From each page on, until the next. */
  private final TreeMap<Long, Permissions> runs = new TreeMap<>();

  HostMappings() {
    runs.put(0L, Permissions.RWX);
  }

  synchronized void set(long page, long count, Permissions permissions) {
    long end = page + count;
    Permissions after = get(end);
    runs.subMap(page, end).clear();
    runs.put(page, permissions);
    runs.put(end, after);
    merge(end);
    merge(page);
  }

  private void merge(long page) {
    Map.Entry<Long, Permissions> before = runs.lowerEntry(page);
    if (before != null && before.getValue().equals(runs.get(page))) {
      runs.remove(page);
    }
  }

  synchronized Permissions get(long page) {
    return runs.floorEntry(page).getValue();
  }

  /** The first page after this one that may differ from it; {@link Long#MAX_VALUE} if none does. */
  synchronized long next(long page) {
    Long next = runs.higherKey(page);
    return next == null ? Long.MAX_VALUE : next;
  }

  synchronized int size() {
    return runs.size();
  }
}
