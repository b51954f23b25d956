/**
 * The benchmark. Every number is measured in the run that prints it, and what has a target is a ratio against something
 * measured in the same run: {@link org.enclavisor.app.bench.Row}. Medians of several rounds; no number is asserted by a
 * unit test.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.app.bench;
