package org.enclavisor.conformance.campaign;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.enclavisor.conformance.SgxMachine;
import org.jspecify.annotations.Nullable;

/**
 * Random sequences of leaves from several logical processors, compared step by step with the model; after every step
 * the invariants that can be seen, and every so often the whole EPCM. What fails is shrunk to a list that can be
 * replayed.
 */
public final class Campaign {
  /** Steps from one empty machine to the next: long enough to get far, short enough to shrink. */
  private static final int EPISODE = 4000;

  private static final int SWEEP = 32;

  /**
   * What came of it.
   *
   * @param coverage of all episodes
   * @param failure null if machine and model agreed throughout
   */
  public record Report(long seed, Coverage coverage, @Nullable Failure failure) {}

  /**
   * A disagreement.
   *
   * @param steps the shortest list found that shows it
   * @param difference at its last step
   */
  public record Failure(List<Step> steps, String difference) {
    /** For people, and to be replayed. */
    @Override
    public String toString() {
      var text = new StringBuilder(difference).append("\nafter:\n");
      steps.forEach(step -> text.append("  new ").append(step).append(",\n"));
      return text.toString();
    }
  }

  private Campaign() {}

  /**
   * Runs so many steps on the calling thread.
   *
   * @param machines makes a machine; asked once, and again for each attempt to shrink a failure
   * @param progress told now and then how many steps have been done
   */
  public static Report run(Supplier<SgxMachine> machines, long steps, long seed, LongConsumer progress) {
    var coverage = new Coverage();
    var random = new SplittableRandom(seed);
    try (SgxMachine machine = machines.get()) {
      var layout = new Layout(machine.probe());
      long area = machine.allocate(World.AREA);
      while (coverage.steps() < steps) {
        List<Step> episode = new ArrayList<>();
        String difference = episode(machine, layout, area, random.split(), coverage, steps, episode);
        if (difference != null) {
          return new Report(seed, coverage, shrink(machines, layout, episode, difference));
        }
        progress.accept(coverage.steps());
      }
    }
    return new Report(seed, coverage, null);
  }

  private static @Nullable String episode(
      SgxMachine machine, Layout layout, long area, SplittableRandom random, Coverage coverage, long limit,
      List<Step> episode) {
    try (var world = new World(machine, layout, area)) {
      var generator = new Generator(random, world);
      var driver = new Driver(world);
      while (episode.size() < EPISODE && coverage.steps() < limit) {
        Step step = generator.next();
        episode.add(step);
        Driver.Done done;
        try {
          done = driver.execute(step);
        } catch (RuntimeException e) {
          // A machine that throws is a finding, to be shrunk like any other.
          return step + ": " + e;
        }
        if (done == null) {
          episode.removeLast();
          continue;
        }
        coverage.add(step.op(), done.outcome(), done.success());
        String difference = done.difference();
        if (difference == null && episode.size() % SWEEP == 0) {
          difference = driver.sweep();
        }
        if (difference != null) {
          return difference;
        }
      }
      return driver.sweep();
    }
  }

  /** Replays a list; the difference that it shows, or null. */
  public static @Nullable String replay(Supplier<SgxMachine> machines, List<Step> steps) {
    try (SgxMachine machine = machines.get()) {
      return replay(machine, new Layout(machine.probe()), steps);
    }
  }

  private static @Nullable String replay(SgxMachine machine, Layout layout, List<Step> steps) {
    try (var world = new World(machine, layout, machine.allocate(World.AREA))) {
      var driver = new Driver(world);
      for (Step step : steps) {
        try {
          Driver.Done done = driver.execute(step);
          if (done != null && done.difference() != null) {
            return done.difference();
          }
        } catch (RuntimeException e) {
          return step + ": " + e;
        }
      }
      return driver.sweep();
    }
  }

  /** Leaves out what need not be: halves first, single steps last. */
  private static Failure shrink(
      Supplier<SgxMachine> machines, Layout layout, List<Step> steps, String difference) {
    List<Step> shortest = steps;
    String shown = difference;
    for (int part = Math.max(1, steps.size() / 2); part >= 1; part /= 2) {
      for (int from = 0; from + part <= shortest.size(); ) {
        List<Step> attempt = new ArrayList<>(shortest.subList(0, from));
        attempt.addAll(shortest.subList(from + part, shortest.size()));
        String still;
        try (SgxMachine machine = machines.get()) {
          still = replay(machine, layout, attempt);
        }
        if (still != null) {
          shortest = attempt;
          shown = still;
        } else {
          from += part;
        }
      }
    }
    return new Failure(List.copyOf(shortest), shown);
  }
}
