/** Test support for every module. */
module org.enclavisor.testkit {
  requires static org.jspecify;
  requires transitive org.enclavisor.conformance;
  requires transitive org.enclavisor.monitor;
  requires transitive org.enclavisor.image;
  requires transitive org.junit.jupiter.api;
  requires org.assertj.core;
  requires java.compiler; // for the mutants among its tests

  exports org.enclavisor.testkit;
}
