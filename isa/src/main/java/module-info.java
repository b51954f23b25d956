/** What SGX is, as values. Imports nothing of ours. */
module org.enclavisor.isa {
  requires static org.jspecify;
  exports org.enclavisor.isa;
}
