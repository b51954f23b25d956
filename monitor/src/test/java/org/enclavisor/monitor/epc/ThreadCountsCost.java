package org.enclavisor.monitor.epc;

/** What it costs to count an entry and an exit. A program, not a test. */
final class ThreadCountsCost {
  private static final int ROUNDS = 1_000_000;

  private ThreadCountsCost() {}

  public static void main(String[] arguments) {
    ThreadCounts counts = new ThreadCounts();
    double least = Double.MAX_VALUE;
    for (int sample = 0; sample < 200; sample++) {
      long start = System.nanoTime();
      for (int i = 0; i < ROUNDS; i++) {
        Thread.onSpinWait(); // keeps the additions apart
        counts.enter();
        Thread.onSpinWait();
        counts.exit();
      }
      long middle = System.nanoTime();
      for (int i = 0; i < ROUNDS; i++) {
        Thread.onSpinWait();
        Thread.onSpinWait();
      }
      long end = System.nanoTime();
      least = Math.min(least, (double) (middle - start - (end - middle)) / ROUNDS);
    }
    System.out.printf("an entry and an exit counted: %.2f ns (%d)%n", least, counts.entered());
  }
}
