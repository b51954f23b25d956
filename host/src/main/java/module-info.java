/** The untrusted side of a call. */
module org.enclavisor.host {
  requires static org.jspecify;
  requires transitive org.enclavisor.monitor;
  requires org.enclavisor.image;
  exports org.enclavisor.host.edl;
}
