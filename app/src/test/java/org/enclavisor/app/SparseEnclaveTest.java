package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.time.LocalDate;
import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalLong;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.HostConfig;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.image.sign.ConfigKey;
import org.enclavisor.image.sign.EnclaveSigner;
import org.enclavisor.image.sign.PemKeys;
import org.enclavisor.image.sign.SigningConfig;
import org.enclavisor.image.sign.SigningOptions;
import org.enclavisor.testkit.ProcessView;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An enclave of 4 GiB that uses next to nothing of it costs next to nothing. */
class SparseEnclaveTest {
  private static final long MIB = 1 << 20;
  private static final long HEAP = 3900 * MIB;

  /** The calls sample, signed anew with a heap of nearly 4 GiB, which is added one page of zeroes after the other. */
  private static EnclaveImage large() throws IOException {
    Map<ConfigKey, Long> values = new EnumMap<>(ConfigKey.class);
    values.put(ConfigKey.HEAP_MAX_SIZE, HEAP);
    values.put(ConfigKey.HEAP_INIT_SIZE, HEAP);
    values.put(ConfigKey.HEAP_MIN_SIZE, HEAP);
    values.put(ConfigKey.TCS_NUM, 2L);
    byte[] signed =
        EnclaveSigner.sign(
            Files.readAllBytes(Hosting.image("calls")),
            "large",
            SigningConfig.of(values),
            PemKeys.readPrivate(Hosting.EXAMPLES.resolve("../sdk/keys/sample-key.pem")),
            SigningOptions.on(LocalDate.of(2026, 1, 1)).resigning());
    return Images.read(MemorySegment.ofArray(signed), "large");
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void itCostsWhatItUses(Way way) throws IOException {
    EnclaveImage image = large();
    assertThat(image.secs().size()).isEqualTo(4096 * MIB);
    assertThat(image.pageCount()).isGreaterThan(HEAP / 4096);
    try (var hosting = Hosting.on(way)) {
      hosting.load("calls").call("nothing"); // what the first enclave brings along is no cost of the second
      var others = ProcessView.ownChildren();
      long before = settledHeap();
      long start = System.nanoTime();
      Enclave enclave = hosting.enclavisor().load(image, Hosting.edl("calls"), HostConfig.defaults());
      long loaded = System.nanoTime() - start;
      assertThat(enclave.call("add", 40, 2).value()).isEqualTo(42);
      assertThat(hosting.monitor().residentBytes(enclave.id())).as("bytes of the ELRANGE").isLessThan(2 * MIB);
      long process =
          ProcessView.ownChildren().stream().filter(child -> !others.contains(child)).findFirst().orElseThrow();
      // Empty for those who may not look into it: all but root.
      OptionalLong pss = ProcessView.memory(process, "Pss");
      assertThat(pss.orElse(0)).as("the enclave's process").isLessThan(4 * MIB);
      long bookkeeping = settledHeap() - before;
      assertThat(bookkeeping).as("bytes of the Java heap, for a million pages").isLessThan(40 * MIB);
      System.out.printf(
          "%s: 4 GiB enclave loaded in %d ms; ELRANGE %d KiB, process %d KiB, Java heap %d KiB%n",
          way, loaded / 1_000_000, hosting.monitor().residentBytes(enclave.id()) / 1024,
          pss.orElse(0) / 1024, bookkeeping / 1024);

      // What it uses, it pays for: a buffer that is copied in takes as much of the heap.
      byte[] bytes = new byte[(int) (32 * MIB)];
      enclave.call("reverse", bytes, (long) bytes.length);
      assertThat(hosting.monitor().residentBytes(enclave.id())).isBetween(32 * MIB, 36 * MIB);
    }
  }

  private static long settledHeap() {
    Runtime runtime = Runtime.getRuntime();
    System.gc();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
