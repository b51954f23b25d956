package org.enclavisor.host.edl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The numbers of imported functions. The orders expected here were compared with what sgx_edger8r generates. */
class EdlLinkerTest {

  private static Edl link(Map<String, String> files) {
    return Edl.parse(
        "top.edl",
        files.get("top.edl"),
        (name, importer) -> Optional.ofNullable(files.get(name)).map(text -> new EdlSource.Text(name, text)));
  }

  private static List<String> ecalls(Edl edl) {
    return edl.ecalls().stream().map(EdlFunction::name).toList();
  }

  private static List<String> ocalls(Edl edl) {
    return edl.ocalls().stream().map(EdlFunction::name).toList();
  }

  private static String file(String body) {
    return "enclave { " + body + " };";
  }

  @Test
  void importingFileComesFirstWhereverTheImportStands() {
    Edl edl =
        link(
            Map.of(
                "top.edl", file("from \"a.edl\" import *; trusted { public void t(); };"),
                "a.edl", file("trusted { public void a1(); void a2(); }; untrusted { void oa(); };")));
    assertThat(ecalls(edl)).containsExactly("t", "a1", "a2");
    assertThat(ocalls(edl)).containsExactly("oa");
    assertThat(edl.ecallIndex("a2")).isEqualTo(2);
    assertThat(edl.ecallIndex("nothing")).isEqualTo(-1);
  }

  @Test
  void importsOfImportsFollowTheirImporter() {
    Edl edl =
        link(
            Map.of(
                "top.edl", file("from \"a.edl\" import *; from \"b.edl\" import *; trusted { public void t(); };"),
                "a.edl", file("from \"c.edl\" import *; trusted { public void a(); };"),
                "b.edl", file("from \"c.edl\" import *; trusted { public void b(); };"),
                "c.edl", file("trusted { public void c(); };")));
    assertThat(ecalls(edl)).containsExactly("t", "a", "c", "b");
  }

  @Test
  void aFileThatComesAgainBringsOnlyWhatIsNew() {
    Edl edl =
        link(
            Map.of(
                "top.edl",
                    file("from \"a.edl\" import a2; from \"a.edl\" import *; trusted { public void t(); };"),
                "a.edl", file("trusted { public void a1(); public void a2(); };")));
    assertThat(ecalls(edl)).containsExactly("t", "a2", "a1");
  }

  @Test
  void namedFunctionsKeepTheOrderOfTheirFile() {
    Edl edl =
        link(
            Map.of(
                "top.edl", file("from \"a.edl\" import a3, a1; trusted { public void t(); };"),
                "a.edl", file("trusted { public void a1(); public void a2(); public void a3(); };")));
    assertThat(ecalls(edl)).containsExactly("t", "a1", "a3");
  }

  @Test
  void namedFunctionsAreFoundDeeperDown() {
    Edl edl =
        link(
            Map.of(
                "top.edl", file("from \"a.edl\" import c1; trusted { public void t(); };"),
                "a.edl", file("from \"c.edl\" import *; trusted { public void a(); };"),
                "c.edl", file("trusted { public void c1(); public void c2(); };")));
    assertThat(ecalls(edl)).containsExactly("t", "c1");
  }

  @Test
  void theStandardFilesAreThere() {
    Edl edl =
        Edl.parse(
            "top.edl",
            file(
                "from \"sgx_tstdc.edl\" import *; from \"sgx_pthread.edl\" import *;"
                    + "from \"sgx_tswitchless.edl\" import *; from \"sgx_tkey_exchange.edl\" import *;"
                    + "from \"sgx_tprotected_fs.edl\" import *; from \"sgx_ttls.edl\" import *;"
                    + "from \"sgx_tsgxssl.edl\" import *; trusted { public void t(); };"));
    assertThat(ecalls(edl))
        .containsExactly(
            "t", "sl_init_switchless", "sl_run_switchless_tworker", "sgx_ra_get_ga", "sgx_ra_proc_msg2_trusted",
            "sgx_ra_get_msg3_trusted");
    assertThat(ocalls(edl))
        .startsWith(
            "sgx_oc_cpuidex",
            "sgx_thread_wait_untrusted_event_ocall",
            "sgx_thread_set_untrusted_event_ocall",
            "sgx_thread_setwait_untrusted_events_ocall",
            "sgx_thread_set_multiple_untrusted_events_ocall",
            "pthread_wait_timeout_ocall",
            "pthread_create_ocall",
            "pthread_wakeup_ocall")
        .endsWith("u_sgxssl_ftime");
  }

  @Test
  void refusesMissingFunctions() {
    assertThatThrownBy(
            () ->
                link(
                    Map.of(
                        "top.edl", file("from \"a.edl\" import nope; trusted { public void t(); };"),
                        "a.edl", file("trusted { public void a(); };"))))
        .isInstanceOf(MalformedEdlException.class)
        .hasMessageContaining("top.edl:1:11")
        .hasMessageContaining("nope");
  }

  @Test
  void refusesCycles() {
    assertThatThrownBy(
            () ->
                link(
                    Map.of(
                        "top.edl", file("from \"a.edl\" import *; trusted { public void t(); };"),
                        "a.edl", file("from \"b.edl\" import *;"),
                        "b.edl", file("from \"a.edl\" import *;"))))
        .isInstanceOf(MalformedEdlException.class)
        .hasMessageContaining("a.edl -> b.edl -> a.edl");
  }

  @Test
  void boundsTheNumberOfImports() {
    var files = new java.util.HashMap<String, String>();
    for (int level = 0; level < 20; level++) {
      String next = "\"" + (level + 1) + ".edl\"";
      files.put(level == 0 ? "top.edl" : level + ".edl",
          file("from " + next + " import *; from " + next + " import *; trusted { public void f" + level + "(); };"));
    }
    files.put("20.edl", file("trusted { public void last(); };"));
    assertThatThrownBy(() -> link(files)).isInstanceOf(MalformedEdlException.class).hasMessageContaining("4096");
  }

  @Test
  void searchesThePathThenTheImporter(@TempDir Path folder) throws IOException {
    Path search = Files.createDirectories(folder.resolve("search"));
    Path inner = Files.createDirectories(folder.resolve("inner"));
    Files.writeString(
        folder.resolve("top.edl"),
        file(
            "include \"types.h\" from \"inner/a.edl\" import *; from \"both.edl\" import *;"
                + "trusted { public void t(); };"));
    Files.writeString(inner.resolve("a.edl"), file("from \"b.edl\" import *;"));
    Files.writeString(inner.resolve("b.edl"), file("trusted { public void beside_importer(); };"));
    Files.writeString(folder.resolve("both.edl"), file("trusted { public void from_home(); };"));
    Files.writeString(search.resolve("both.edl"), file("trusted { public void from_search_path(); };"));
    Files.writeString(search.resolve("types.h"), "typedef int number_t;\n");
    Edl edl = Edl.read(folder.resolve("top.edl"), search);
    assertThat(ecalls(edl)).containsExactly("t", "beside_importer", "from_search_path");
    assertThat(edl.headers()).singleElement().satisfies(text -> assertThat(text.file()).endsWith("types.h"));
    assertThatThrownBy(() -> Edl.read(folder.resolve("absent.edl"))).isInstanceOf(MalformedEdlException.class);
  }
}
