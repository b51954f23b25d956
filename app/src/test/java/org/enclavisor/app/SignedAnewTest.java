package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.LoadException;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.image.sgxs.SgxsWriter;
import org.enclavisor.image.sign.EnclaveSigner;
import org.enclavisor.image.sign.PemKeys;
import org.enclavisor.image.sign.SigningConfig;
import org.enclavisor.image.sign.SigningOptions;
import org.enclavisor.isa.Attributes;
import org.enclavisor.monitor.MonitorConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a signing configuration chooses is what the running enclave is: the calls sample, signed in many ways. */
class SignedAnewTest {
  private static final String STATIC = "<StackMinSize>0x10000</StackMinSize><StackMaxSize>0x10000</StackMaxSize>"
      + "<HeapMinSize>0x10000</HeapMinSize><HeapInitSize>0x10000</HeapInitSize><HeapMaxSize>0x10000</HeapMaxSize>";

  @TempDir private Path folder;

  private static byte[] signed(String keys) throws IOException {
    String xml = "<EnclaveConfiguration>" + keys + "</EnclaveConfiguration>";
    return EnclaveSigner.sign(
        Files.readAllBytes(Hosting.image("calls")), "anew", SigningConfig.parse(xml.getBytes(), "anew.xml"),
        PemKeys.readPrivate(Hosting.EXAMPLES.resolve("../sdk/keys/sample-key.pem")),
        SigningOptions.on(LocalDate.of(2026, 1, 1)).resigning());
  }

  private static EnclaveImage image(String keys) throws IOException {
    return Images.read(MemorySegment.ofArray(signed(keys)), "anew");
  }

  private static Enclave load(Enclavisor enclavisor, EnclaveImage image) {
    return enclavisor.load(image, Hosting.edl("calls"), HostConfig.defaults());
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "", // sgx_sign's defaults: stacks and a heap that may grow
    STATIC,
    STATIC + "<TCSNum>1</TCSNum>",
    STATIC + "<TCSNum>40</TCSNum><TCSMaxNum>40</TCSMaxNum><TCSMinPool>10</TCSMinPool>",
    "<MiscSelect>1</MiscSelect><MiscMask>0</MiscMask>", // metadata for dynamic memory, and for none
    "<HeapMaxSize>0x10000000</HeapMaxSize><StackMaxSize>0x1000000</StackMaxSize>",
    STATIC + "<ReservedMemMaxSize>0x100000</ReservedMemMaxSize>",
    STATIC + "<ProdID>65535</ProdID><ISVSVN>65535</ISVSVN><EnableKSS>1</EnableKSS><ISVFAMILYID_H>7</ISVFAMILYID_H>"
        + "<ISVEXTPRODID_L>9</ISVEXTPRODID_L>",
    STATIC + "<DisableDebug>1</DisableDebug>"
  })
  void itRunsAsItWasSigned(String keys) throws IOException {
    EnclaveImage image = image(keys);
    for (Way way : new Way[] {Way.STUB, Way.PTRACE}) {
      try (var hosting = Hosting.on(way);
          Enclave enclave = load(hosting.enclavisor(), image)) {
        assertThat(enclave.call("add", 40, 2).value()).isEqualTo(42);
        var secs = hosting.monitor().secs(enclave.id());
        var body = image.sigstruct().orElseThrow().body();
        assertThat(secs.mrEnclave()).isEqualTo(body.enclaveHash());
        assertThat(secs.isvProdId()).isEqualTo(body.isvProdId());
        assertThat(secs.isvSvn()).isEqualTo(body.isvSvn());
        assertThat(secs.attributes().has(Attributes.KSS)).isEqualTo(keys.contains("KSS"));
        assertThat(secs.attributes().has(Attributes.DEBUG)).isFalse();
      }
    }
  }

  @Test
  void debuggingIsForThoseThatAllowIt() throws IOException {
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave =
            hosting.enclavisor().load(image(STATIC), Hosting.edl("calls"), HostConfig.defaults().withDebug(true))) {
      assertThat(hosting.monitor().secs(enclave.id()).attributes().has(Attributes.DEBUG)).isTrue();
      EnclaveImage production = image(STATIC + "<DisableDebug>1</DisableDebug>");
      assertThatThrownBy(
              () ->
                  hosting.enclavisor().load(production, Hosting.edl("calls"), HostConfig.defaults().withDebug(true)))
          .isInstanceOf(LoadException.class)
          .hasMessageContaining("DEBUG");
    }
  }

  @Test
  void theProvisionKeyHasToBeGranted() throws IOException {
    EnclaveImage image = image(STATIC + "<ProvisionKey>1</ProvisionKey>");
    try (var not = Enclavisor.open(Way.STUB.open())) {
      assertThatThrownBy(() -> load(not, image)).isInstanceOf(LoadException.class).hasMessageContaining("PROVISIONKEY");
    }
    try (var granted = Enclavisor.open(Way.STUB.open(), MonitorConfig.defaults().withProvisioning(true));
        Enclave enclave = load(granted, image)) {
      assertThat(enclave.call("add", 1, 2).value()).isEqualTo(3);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void severalMayInsistOnTheSamePlace(Way way) throws IOException {
    EnclaveImage image = image(STATIC + "<ELRangeSize>0x1000000</ELRangeSize>"
        + "<ELRangeStartAddress>0x4000000</ELRangeStartAddress><EnclaveImageAddress>0x4400000</EnclaveImageAddress>");
    try (var hosting = Hosting.on(way);
        Enclave one = load(hosting.enclavisor(), image);
        Enclave two = load(hosting.enclavisor(), image)) {
      for (Enclave enclave : new Enclave[] {one, two}) {
        assertThat(hosting.monitor().secs(enclave.id()).baseAddr()).isEqualTo(0x4000000);
        assertThat(enclave.call("add", 1, 2).value()).isEqualTo(3);
      }
    }
  }

  @Test
  void boundThreadsKeepTheirTcs() throws IOException {
    EnclaveImage image = image(STATIC + "<TCSNum>1</TCSNum><TCSPolicy>0</TCSPolicy>");
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = load(hosting.enclavisor(), image)) {
      assertThat(enclave.call("add", 1, 2).value()).isEqualTo(3);
      assertThat(enclave.call("add", 3, 4).value()).isEqualTo(7);
      assertThatThrownBy(() -> CompletableFuture.supplyAsync(() -> enclave.call("add", 5, 6)).join())
          .hasCauseInstanceOf(EnclaveException.class)
          .cause()
          .satisfies(
              e -> assertThat(((EnclaveException) e).status()).isEqualTo(SgxStatus.SGX_ERROR_OUT_OF_TCS.code()));
    }
  }

  @Test
  void moreThreadsThanAPlatformHasAreRefusedClearly() throws IOException {
    EnclaveImage image = image(STATIC + "<TCSNum>500</TCSNum><TCSMaxNum>500</TCSMaxNum>");
    try (var hosting = Hosting.on(Way.STUB)) {
      try (Enclave enclave = load(hosting.enclavisor(), image)) {
        assertThat(enclave.call("add", 1, 2).value()).isEqualTo(3);
      } catch (LoadException e) {
        assertThat(e).hasMessageContaining("500").hasMessageContaining("processors");
      }
      assertThat(hosting.monitor().enclaves()).isZero();
    }
  }

  @Test
  void aStreamOfTheSamePagesIsTheSameEnclave() throws IOException {
    EnclaveImage image = image(STATIC);
    var stream = new ByteArrayOutputStream();
    SgxsWriter.write(image, stream);
    Path file = Files.write(folder.resolve("anew.sgxs"), stream.toByteArray());
    Files.write(folder.resolve("anew.sig"), image.sigstruct().orElseThrow().toBytes());
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = hosting.enclavisor().load(file, Hosting.edl("calls"))) {
      assertThat(enclave.image().kind()).isEqualTo(EnclaveImage.Kind.SGXS);
      assertThat(hosting.monitor().secs(enclave.id()).mrEnclave()).isEqualTo(image.mrEnclave());
      assertThatThrownBy(() -> enclave.call("add", 1, 2))
          .isInstanceOf(WrongUseException.class)
          .hasMessageContaining("SGXS");
    }
  }
}
