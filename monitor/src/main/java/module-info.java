/** Enclavisor: EPC, EPCM, leaves, life cycle. The machine comes through the SPI. */
module org.enclavisor.monitor {
  requires static org.jspecify;
  requires jdk.jfr;
  requires transitive org.enclavisor.isa;
  exports org.enclavisor.monitor;
  exports org.enclavisor.monitor.observe;
  exports org.enclavisor.monitor.spi;
  exports org.enclavisor.monitor.state;
}
