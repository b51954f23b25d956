package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.enclavisor.image.TinyEnclaves.Variant;
import org.junit.jupiter.api.Test;

class DifferenceTest {
  private static final String CONFIG = "<StackMaxSize>0x2000</StackMaxSize><HeapMaxSize>0x4000</HeapMaxSize>"
      + "<HeapMinSize>0x4000</HeapMinSize>";

  private static EnclaveImage image(byte[] file) {
    return Images.read(MemorySegment.ofArray(file), "t.so");
  }

  private static Optional<Difference> between(String config, String reference) {
    return Difference.between(image(SdkImageTest.signed(Variant.PLAIN, config)),
        image(SdkImageTest.signed(Variant.PLAIN, reference)));
  }

  @Test
  void equalImagesDoNotDiffer() {
    assertThat(between(CONFIG, CONFIG)).isEmpty();
    // ISVSVN is in the SIGSTRUCT only.
    assertThat(between(CONFIG, CONFIG + "<ISVSVN>5</ISVSVN>")).isEmpty();
  }

  @Test
  void namesTheByte() {
    byte[] changed = SdkImageTest.signed(Variant.PLAIN, CONFIG);
    changed[TinyEnclaves.TEXT + 0x321] ^= 0x10;

    assertThat(Difference.between(image(changed), image(SdkImageTest.signed(Variant.PLAIN, CONFIG))))
        .hasValueSatisfying(difference -> assertThat(difference)
            .isInstanceOfSatisfying(Difference.Page.class, page -> {
              assertThat(page.offset()).isEqualTo(TinyEnclaves.TEXT);
              assertThat(page.what()).isEqualTo("byte 0x321");
              assertThat(page.part()).isEqualTo("segment 1");
              assertThat(page.index()).isEqualTo(1);
            }).asString().contains("page 0x1000 (segment 1, EADD 1): byte 0x321 is 0x"));
  }

  @Test
  void namesTheFieldThePermissionsAndTheLength() {
    assertThat(between(CONFIG + "<TCSNum>40</TCSNum>", CONFIG)).hasValueSatisfying(difference ->
        assertThat(difference).isInstanceOf(Difference.Field.class).asString().contains("SIZE"));

    byte[] file = SdkImageTest.signed(Variant.PLAIN, CONFIG);
    ByteBuffer bytes = ByteBuffer.wrap(file.clone()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(64 + 56 + 4, 7);
    assertThat(Difference.between(image(bytes.array()), image(file))).hasValueSatisfying(difference ->
        // The program headers themselves are measured, so the first page differs first.
        assertThat(difference).asString().contains("page 0x0 (segment 0, EADD 0): byte 0x7c is 0x07"));

    EnclaveImage whole = image(file);
    EnclaveImage shorter = new EnclaveImage(whole.kind(), whole.name(), whole.secs(), whole.base(),
        whole.imageOffset(), whole.pages().subList(0, 2), whole.sigstruct(), whole.token(), whole.threads(),
        whole.reserved(), whole.protections(), whole.rules(), whole.metadata());
    assertThat(Difference.between(shorter, whole)).hasValueSatisfying(difference ->
        assertThat(difference).asString().contains("after 2 equal pages only the reference goes on"));
  }

  /** The same pages cut into runs differently are no difference, and a repeated page equals its copies. */
  @Test
  void runsDoNotMatter() {
    EnclaveImage image = image(TinyEnclaves.openEnclave(false));
    var single = image.pages().stream().flatMap(run -> java.util.stream.LongStream.range(0, run.pages())
        .mapToObj(i -> new PageRun(run.offset() + i * PageRun.PAGE, PageRun.PAGE, run.secinfo(), run.measured(),
            Optional.of(run.page(i)), run.part()))).toList();
    EnclaveImage split = new EnclaveImage(image.kind(), image.name(), image.secs(), image.base(), image.imageOffset(),
        single, image.sigstruct(), image.token(), image.threads(), image.reserved(), image.protections(),
        image.rules(), image.metadata());

    assertThat(Difference.between(split, image)).isEmpty();
    assertThat(Difference.between(image, split)).isEmpty();
    assertThat(split.mrEnclave()).isEqualTo(image.mrEnclave());
  }
}
