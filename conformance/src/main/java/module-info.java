/** A conformance suite for any implementation of SGX. Knows what SGX is, and no implementation of it. */
module org.enclavisor.conformance {
  requires static org.jspecify;
  requires transitive org.enclavisor.isa;

  exports org.enclavisor.conformance;
  exports org.enclavisor.conformance.campaign;
  exports org.enclavisor.conformance.model;
  exports org.enclavisor.conformance.probe;
  exports org.enclavisor.conformance.rules;
}
