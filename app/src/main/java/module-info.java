/** The command line. */
module org.enclavisor.app {
  requires static org.jspecify;
  requires jdk.jfr;
  requires org.enclavisor.host;
  requires org.enclavisor.linux;
  requires org.enclavisor.image;
  requires info.picocli;
  requires org.tomlj;
  requires tools.jackson.databind;
  opens org.enclavisor.app to info.picocli;
}
