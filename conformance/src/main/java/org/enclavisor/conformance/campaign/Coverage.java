package org.enclavisor.conformance.campaign;

import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;

/** How often each outcome of each operation came up. Confined to one thread. */
public final class Coverage {
  private final EnumMap<Op, TreeMap<String, Long>> counts = new EnumMap<>(Op.class);
  private long steps;
  private long successes;

  void add(Op op, String outcome, boolean success) {
    steps++;
    successes += success ? 1 : 0;
    counts.computeIfAbsent(op, key -> new TreeMap<>()).merge(outcome, 1L, Long::sum);
  }

  /** How many steps. */
  public long steps() {
    return steps;
  }

  /** How many of them did what the operation is for. */
  public long successes() {
    return successes;
  }

  /** By operation and outcome. */
  public Map<Op, TreeMap<String, Long>> counts() {
    return counts;
  }

  /** How often an operation ended so. */
  public long count(Op op, String outcome) {
    TreeMap<String, Long> of = counts.get(op);
    return of == null ? 0 : of.getOrDefault(outcome, 0L);
  }
}
