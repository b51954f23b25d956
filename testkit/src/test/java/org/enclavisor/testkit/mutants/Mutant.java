package org.enclavisor.testkit.mutants;

/**
 * The monitor with one place changed.
 *
 * @param file of the monitor, below its package
 * @param text what stands there, exactly once
 * @param replacement what is put there
 * @param breaks what becomes of it, for people
 * @param leaf whose rules are tried first
 */
record Mutant(String file, String text, String replacement, String breaks, String leaf) {

  static Mutant of(String file, String leaf, String breaks, String text, String replacement) {
    return new Mutant(file, text, replacement, breaks, leaf);
  }
}
