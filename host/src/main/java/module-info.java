/** The untrusted side of a call. */
module org.enclavisor.host {
  requires static org.jspecify;
  requires jdk.jfr;
  requires transitive org.enclavisor.monitor;
  requires transitive org.enclavisor.image;

  exports org.enclavisor.host;
  exports org.enclavisor.host.debug;
  exports org.enclavisor.host.edl;
  exports org.enclavisor.host.marshal;
}
