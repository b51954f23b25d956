package org.enclavisor.linux;

import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.isa.Permissions;

/** The permissions of every page of an ELRANGE, kept as runs of equal ones. Confined to its owner's lock. */
final class PermissionRuns {
  private final TreeMap<Long, Permissions> starts = new TreeMap<>(Map.of(0L, Permissions.NONE));

  Permissions at(long offset) {
    return starts.floorEntry(offset).getValue();
  }

  void set(long offset, long length, Permissions permissions) {
    long end = offset + length;
    Permissions after = at(end);
    starts.subMap(offset, end).clear();
    put(offset, permissions);
    put(end, after);
  }

  /** Whether all of a range has these permissions. */
  boolean isAll(long offset, long length, Permissions permissions) {
    return at(offset).equals(permissions) && starts.subMap(offset, false, offset + length, false).isEmpty();
  }

  /** Starts a run, unless the one before it is of the same kind. */
  private void put(long offset, Permissions permissions) {
    Map.Entry<Long, Permissions> before = starts.lowerEntry(offset);
    if (before != null && before.getValue().equals(permissions)) {
      starts.remove(offset);
    } else {
      starts.put(offset, permissions);
    }
  }

  /** How many runs there are. */
  int count() {
    return starts.size();
  }
}
