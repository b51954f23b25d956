package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.image.ManualMeasurement.R;
import static org.enclavisor.image.ManualMeasurement.RW;
import static org.enclavisor.image.ManualMeasurement.RX;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.Arrays;
import org.enclavisor.image.TinyEnclaves.Variant;
import org.enclavisor.image.sign.EnclaveSigner;
import org.enclavisor.image.sign.SigningConfig;
import org.enclavisor.image.sign.SigningOptions;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Permissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SdkImageTest {
  private static final String SMALL = "<TCSNum>2</TCSNum><TCSMaxNum>3</TCSMaxNum><TCSMinPool>1</TCSMinPool>"
      + "<HeapMinSize>0x2000</HeapMinSize><HeapInitSize>0x2000</HeapInitSize><HeapMaxSize>0x5000</HeapMaxSize>"
      + "<StackMinSize>0x2000</StackMinSize><StackMaxSize>0x3000</StackMaxSize>"
      + "<MiscSelect>1</MiscSelect><MiscMask>0xFFFFFFFE</MiscMask><ProdID>3</ProdID>";

  static byte[] signed(Variant variant, String body) {
    String xml = "<EnclaveConfiguration>" + body + "</EnclaveConfiguration>";
    return EnclaveSigner.sign(TinyEnclaves.sdk(variant), "tiny",
        SigningConfig.parse(xml.getBytes(StandardCharsets.US_ASCII), "tiny.xml"), TestKeys.privateKey(),
        new SigningOptions(LocalDate.of(2026, 1, 1), true, false, false));
  }

  private static EnclaveImage read(byte[] file) {
    return Images.read(MemorySegment.ofArray(file), "tiny");
  }

  /** The page list is written out by hand from the SDK's rules; nothing of the reader is used for it. */
  @Test
  void measuresThePagesThatTheSdkAdds() {
    byte[] file = signed(Variant.PLAIN, SMALL);
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    byte[] head = Arrays.copyOf(file, 0x800);
    Arrays.fill(head, 40, 48, (byte) 0);
    Arrays.fill(head, 60, 64, (byte) 0);
    byte[] data = Arrays.copyOfRange(file, 0x2000, 0x3000);
    // In the block: 1904 bytes of header, the TCS template, the template of g_global_data.
    int template = TinyEnclaves.METADATA + 1904;
    System.arraycopy(file, template + 72, data, TinyEnclaves.GLOBAL_DATA - TinyEnclaves.DATA, 1768);
    byte[] stack = new byte[4096];
    Arrays.fill(stack, (byte) 0xcc);
    var manual = new ManualMeasurement(1, bytes.getLong(TinyEnclaves.METADATA + 40))
        .measure(0, R, head)
        .measure(0x1000, RX, Arrays.copyOfRange(file, 0x1000, 0x1c00))
        .measure(0x2000, RW, data)
        .zeroes(0x3000, RW, TinyEnclaves.BSS_PAGES)
        .add(0x6000, RW).add(0x7000, RW);
    // Heap to 0xb000; then per thread 16 pages of guard, 3 of stack, 16 of guard, TCS, 2 SSA, 16 of guard, thread data.
    for (long thread = 0xb000; thread <= 0xb000 + 0x37000; thread += 0x37000) {
      long tcs = thread + 0x10000 + 0x3000 + 0x10000;
      byte[] page = Arrays.copyOf(Arrays.copyOfRange(file, template, template + 72), 4096);
      ByteBuffer fields = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
      for (int field : new int[] {16, 48, 56}) {
        fields.putLong(field, fields.getLong(field) + tcs);
      }
      assertThat(fields.getLong(16)).isEqualTo(tcs + 0x1000);
      assertThat(fields.getLong(48)).isEqualTo(tcs + 0x13000);
      manual.measure(thread + 0x10000, RW, stack).measure(thread + 0x11000, RW, stack)
          .measure(thread + 0x12000, RW, stack).measure(tcs, ManualMeasurement.TCS, page)
          .zeroes(tcs + 0x1000, RW, 2).zeroes(tcs + 0x13000, RW, 1);
    }
    EnclaveImage image = read(file);

    assertThat(image.mrEnclave().hex()).isEqualTo(manual.mrEnclave());
    assertThat(image.mrEnclave()).isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
    assertThat(image.threads()).extracting(ThreadSlot::offset).containsExactly(0x2e000L, 0x65000L);
    assertThat(image.threads().getFirst().tcs().oentry()).isEqualTo(TinyEnclaves.TEXT);
  }

  @Test
  void choosesTheMetadataForThePlatform() {
    MemorySegment file = MemorySegment.ofArray(signed(Variant.PLAIN, SMALL));
    EnclaveImage plain = Images.read(file, "tiny");
    EnclaveImage dynamic = Images.read(file, "tiny", ImageOptions.DEFAULT.withDynamicMemory(true));

    assertThat(plain.metadata().orElseThrow().version()).hasToString("1.5");
    assertThat(dynamic.metadata().orElseThrow().version()).hasToString("3.3");
    assertThat(plain.mrEnclave()).isEqualTo(dynamic.mrEnclave());
    assertThat(plain.threads()).noneMatch(ThreadSlot::dynamic);
    assertThat(dynamic.threads()).filteredOn(ThreadSlot::dynamic).hasSize(2);
    assertThat(dynamic.reserved()).anyMatch(region -> region.use() == Region.Use.LATER);
  }

  @Test
  void readsMetadataForDynamicPlatformsWhereThereIsNoOther() {
    EnclaveImage image = read(signed(Variant.PLAIN, "<UserRegionSize>0x1000000</UserRegionSize>"
        + "<MiscSelect>1</MiscSelect><MiscMask>1</MiscMask>"));

    assertThat(image.metadata().orElseThrow().forDynamicMemory()).isTrue();
    assertThat(image.mrEnclave()).isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
  }

  @Test
  void makesPagesWithRelocationsInCodeWritable() {
    EnclaveImage image = read(signed(Variant.TEXT_RELOCATIONS, ""));

    assertThat(image.pages()).filteredOn(run -> run.offset() == TinyEnclaves.TEXT).singleElement()
        .satisfies(run -> assertThat(run.secinfo().permissions()).isEqualTo(Permissions.RWX));
    assertThat(image.protections()).contains(new Protection(TinyEnclaves.TEXT, 4096, Permissions.RX));
  }

  @Test
  void putsAnImageWhereItsElrangeWantsIt() {
    EnclaveImage image = read(signed(Variant.PLAIN, "<EnclaveImageAddress>0x200000</EnclaveImageAddress>"
        + "<ELRangeStartAddress>0</ELRangeStartAddress><ELRangeSize>0x10000000</ELRangeSize>"));

    assertThat(image.base()).hasValue(0);
    assertThat(image.imageOffset()).isEqualTo(0x200000);
    assertThat(image.secs().size()).isEqualTo(0x10000000);
    assertThat(image.pages().getFirst().offset()).isEqualTo(0x200000);
    assertThat(image.threads().getFirst().tcs().oentry()).isEqualTo(0x200000 + TinyEnclaves.TEXT);
    assertThat(image.mrEnclave()).isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
  }

  /** Version 1.3, with a segment whose memory size rounded by itself reaches into the next page. */
  @Test
  void padsSegmentsForTheOldestMetadata() {
    byte[] file = signed(Variant.PLAIN, "");
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int third = 64 + 2 * 56;
    bytes.putLong(third + 8, 0x2800).putLong(third + 16, 0x2800).putLong(third + 24, 0x2800)
        .putLong(third + 32, 0x700).putLong(third + 40, 0x700);
    EnclaveImage newer = read(file);
    bytes.putLong(TinyEnclaves.METADATA + 8, 1L << 32 | 3);
    EnclaveImage older = read(file);

    assertThat(newer.pages()).noneMatch(run -> run.offset() == 0x3000);
    assertThat(older.pages()).filteredOn(run -> run.offset() == 0x3000).singleElement()
        .satisfies(run -> assertThat(run.content()).isEmpty());
  }

  @ParameterizedTest
  @EnumSource(names = {"WITHOUT_ENCLU", "SIMULATION_SYMBOL"})
  void refusesSimulationBuilds(Variant variant) {
    byte[] file = signed(variant, "");

    assertThatThrownBy(() -> read(file)).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("simulation build").hasMessageContaining("SGX_MODE=HW");
  }

  @Test
  void launchesAsTheSdkLoaderWould() {
    EnclaveImage image = read(signed(Variant.PLAIN, SMALL));
    EnclaveImage production = read(signed(Variant.PLAIN, "<DisableDebug>1</DisableDebug>"));
    MachineCapabilities avx = MachineCapabilities.withXcr0(7);

    assertThat(image.launch(avx, true)).isInstanceOfSatisfying(LaunchDecision.Ready.class, ready -> {
      assertThat(ready.secs().attributes()).isEqualTo(new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, 7));
      assertThat(ready.secs().miscSelect().bits()).isEqualTo(1);
    });
    assertThat(image.launch(avx, false)).isInstanceOfSatisfying(LaunchDecision.Ready.class,
        ready -> assertThat(ready.secs().attributes().flags()).isEqualTo(Attributes.MODE64BIT));
    assertThat(production.launch(avx, true)).isInstanceOfSatisfying(LaunchDecision.Refused.class,
        refused -> assertThat(refused.reason()).contains("production"));
    assertThat(image.launch(MachineCapabilities.withXcr0(1), false)).isInstanceOf(LaunchDecision.Refused.class);
    assertThat(read(signed(Variant.PLAIN, "<PKRU>1</PKRU>")).launch(avx, false))
        .isInstanceOfSatisfying(LaunchDecision.Refused.class,
            refused -> assertThat(refused.reason()).contains("ATTRIBUTES would be"));
    EnclaveImage notify = read(signed(Variant.PLAIN, "<EnableAEXNotify>1</EnableAEXNotify>"));
    assertThat(notify.launch(avx, false)).isInstanceOfSatisfying(LaunchDecision.Ready.class,
        ready -> assertThat(ready.secs().attributes().has(Attributes.AEXNOTIFY)).isTrue());
    assertThat(notify.launch(MachineCapabilities.withXcr0(3), false)).isInstanceOfSatisfying(
        LaunchDecision.Refused.class, refused -> assertThat(refused.reason()).contains("AEXNOTIFY needs AVX"));
    MachineCapabilities without = new MachineCapabilities(new Attributes(Attributes.MODE64BIT, 7), avx.miscSelect());
    assertThat(notify.launch(without, false)).isInstanceOf(LaunchDecision.Refused.class);
  }

  @Test
  void passesOverMetadataThatItDoesNotKnow() {
    byte[] file = signed(Variant.PLAIN, SMALL);
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int second = TinyEnclaves.METADATA + bytes.getInt(TinyEnclaves.METADATA + 16);
    ImageOptions dynamic = ImageOptions.DEFAULT.withDynamicMemory(true);
    for (long unknown : new long[] {2L << 32 | 2, 4L << 32, 12L << 32, 9L << 32 | 7}) {
      bytes.putLong(TinyEnclaves.METADATA + 8, unknown);
      assertThat(Images.read(MemorySegment.ofArray(file), "tiny", dynamic).metadata().orElseThrow().version())
          .hasToString("1.5");
    }
    bytes.putLong(second + 8, 2L << 32 | 2);
    assertThatThrownBy(() -> read(file)).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("metadata of version 1.x or 3.x");
  }

  /** 4 GiB of heap, a million pages, are a few runs; what reading costs does not depend on it. */
  @Test
  void aHugeHeapIsOneRun() {
    EnclaveImage image = read(signed(Variant.PLAIN, "<HeapMinSize>0x100000000</HeapMinSize>"
        + "<HeapInitSize>0x100000000</HeapInitSize><HeapMaxSize>0x100000000</HeapMaxSize>"));

    assertThat(image.pages()).hasSizeLessThan(12);
    assertThat(image.pageCount()).isGreaterThan(1 << 20);
    assertThat(image.secs().size()).isEqualTo(1L << 33);
    assertThat(image.mrEnclave()).isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
  }

  @Test
  void doesNotChangeTheCallersBytes() {
    byte[] file = signed(Variant.PLAIN, SMALL);
    byte[] before = file.clone();

    EnclaveImage image = read(file);
    image.mrEnclave();

    assertThat(file).isEqualTo(before);
    assertThat(image.pages()).allSatisfy(run ->
        assertThat(run.content().map(MemorySegment::isReadOnly).orElse(true)).isTrue());
  }
}
