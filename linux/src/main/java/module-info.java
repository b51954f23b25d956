/** This machine: the only module that makes native calls. */
module org.enclavisor.linux {
  requires static org.jspecify;
  requires transitive org.enclavisor.monitor;

  exports org.enclavisor.linux;
  exports org.enclavisor.linux.ptrace;
}
