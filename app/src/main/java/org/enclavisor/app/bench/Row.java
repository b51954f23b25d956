package org.enclavisor.app.bench;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * One measured thing.
 *
 * @param group what it belongs to, such as {@code "transitions"}
 * @param name what was done
 * @param nanos how long it took, median, in nanoseconds
 * @param cycles the same in cycles of the time-stamp counter
 * @param ratio how it compares with something else of the same run, if that says something
 */
public record Row(String group, String name, double nanos, double cycles, Optional<Ratio> ratio) {

  /**
   * @param value this row's time over the other's
   * @param against the other row's name
   * @param target at most this much is wanted; NaN if there is no target
   */
  public record Ratio(double value, String against, double target) {
    /** Whether the target, if there is one, is met. */
    public boolean met() {
      return Double.isNaN(target) || value <= target;
    }

    boolean hasTarget() {
      return !Double.isNaN(target);
    }
  }

  /** This row, compared with another. */
  Row against(Row other) {
    return against(other, Double.NaN);
  }

  /** This row, compared with another, of which it should be no more than {@code target} times. */
  Row against(Row other, double target) {
    return with(new Ratio(nanos / other.nanos, other.name, target));
  }

  /** This row with a ratio that was found otherwise. */
  Row with(Ratio found) {
    return new Row(group, name, nanos, cycles, Optional.of(found));
  }

  /** For {@code --json}. */
  public Map<String, Object> tree() {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("group", group);
    tree.put("name", name);
    tree.put("nanos", nanos);
    tree.put("cycles", cycles);
    ratio.ifPresent(
        r -> {
          tree.put("ratio", r.value);
          tree.put("against", r.against);
          if (r.hasTarget()) {
            tree.put("target", r.target);
            tree.put("met", r.met());
          }
        });
    return tree;
  }
}
