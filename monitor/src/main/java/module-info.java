/** Enclavisor: EPC, EPCM, leaves, life cycle. The machine comes through the SPI. */
@SuppressWarnings("module") // the testkit is compiled later
module org.enclavisor.monitor {
  requires static org.jspecify;
  requires jdk.jfr;
  requires transitive org.enclavisor.isa;
  exports org.enclavisor.monitor;
  exports org.enclavisor.monitor.observe;
  exports org.enclavisor.monitor.spi;
  exports org.enclavisor.monitor.state;

  // For the adaptor of the conformance suite, which executes single leaves and holds pages as other leaves do.
  exports org.enclavisor.monitor.epc to org.enclavisor.testkit;
  exports org.enclavisor.monitor.leaf to org.enclavisor.testkit;
}
