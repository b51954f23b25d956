/** What users bring: enclave images, and how they are signed. */
module org.enclavisor.image {
  requires static org.jspecify;
  requires java.xml;
  requires transitive org.enclavisor.isa;

  exports org.enclavisor.image;
  exports org.enclavisor.image.sdk;
  exports org.enclavisor.image.sgxs;
  exports org.enclavisor.image.sign;
}
