package org.enclavisor.image.sgxs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.enclavisor.image.Difference;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.image.LaunchDecision;
import org.enclavisor.image.MachineCapabilities;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.TestKeys;
import org.enclavisor.image.TinyEnclaves;
import org.enclavisor.image.sign.RuntimeSigner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SgxsTest {
  private final ByteArrayOutputStream stream = new ByteArrayOutputStream();

  private ByteBuffer record(String tag) {
    return ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).put(0, tag.getBytes(StandardCharsets.US_ASCII));
  }

  private SgxsTest ecreate(long size) {
    stream.writeBytes(record("ECREATE").putInt(8, 1).putLong(12, size).array());
    return this;
  }

  private SgxsTest eadd(long offset, long flags) {
    stream.writeBytes(record("EADD").putLong(8, offset).putLong(16, flags).array());
    return this;
  }

  private SgxsTest data(String tag, long offset, int fill) {
    stream.writeBytes(record(tag).putLong(8, offset).array());
    byte[] bytes = new byte[256];
    java.util.Arrays.fill(bytes, (byte) fill);
    stream.writeBytes(bytes);
    return this;
  }

  private SgxsTest page(long offset, long flags, int fill) {
    eadd(offset, flags);
    for (int at = 0; at < 4096; at += 256) {
      data("EEXTEND", offset + at, fill);
    }
    return this;
  }

  private EnclaveImage read() {
    return Images.read(MemorySegment.ofArray(stream.toByteArray()), "t.sgxs");
  }

  private static String sha256(byte[] bytes) throws GeneralSecurityException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void theDigestOfTheStreamIsMrEnclave() throws GeneralSecurityException {
    page(0, 0x205, 1).page(0x1000, 0x205, 2).eadd(0x2000, 0x203).eadd(0x3000, 0x203).page(0x5000, 0x203, 0);
    byte[] pages = stream.toByteArray();
    stream.reset();
    ecreate(0x8000).stream.writeBytes(pages);

    EnclaveImage image = read();

    assertThat(image.mrEnclave().hex()).isEqualTo(sha256(stream.toByteArray()));
    assertThat(image.pages()).hasSize(3);
    assertThat(image.pages().get(1).content()).isEmpty();
    assertThat(image.pageCount()).isEqualTo(5);
  }

  @Test
  void unmeasuredDataIsLoadedAndNotCounted() {
    ecreate(0x2000).eadd(0, 0x203).data("UNMEASRD", 0x300, 7).eadd(0x1000, 0x203);

    EnclaveImage image = read();

    assertThat(image.pages().getFirst().measured()).isFalse();
    MemorySegment page = image.pages().getFirst().page(0);
    assertThat(page.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0x300)).isEqualTo((byte) 7);
    assertThat(page.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0x2ff)).isZero();
    stream.reset();
    ecreate(0x2000).eadd(0, 0x203).eadd(0x1000, 0x203);
    assertThat(image.mrEnclave()).isEqualTo(read().mrEnclave());
  }

  @Test
  void anyImageCanBeWrittenAndComesBackTheSame() throws IOException, GeneralSecurityException {
    for (byte[] file : new byte[][] {TinyEnclaves.openEnclave(false), TinyEnclaves.selftest()}) {
      EnclaveImage image = Images.read(MemorySegment.ofArray(file), "t.so");
      var out = new ByteArrayOutputStream();
      SgxsWriter.writeMeasured(image, out);
      assertThat(sha256(out.toByteArray())).isEqualTo(image.mrEnclave().hex());

      out.reset();
      SgxsWriter.write(image, out);
      EnclaveImage back = Images.read(MemorySegment.ofArray(out.toByteArray()), "t.sgxs");
      assertThat(Difference.between(back, image)).isEmpty();
      assertThat(back.mrEnclave()).isEqualTo(image.mrEnclave());
      assertThat(back.threads()).isEqualTo(image.threads());
    }
  }

  @Test
  void takesTheSigstructBesideTheFile(@TempDir Path folder) throws IOException {
    EnclaveImage image = RuntimeSigner.sign(
        Images.read(MemorySegment.ofArray(TinyEnclaves.selftest()), "t"), TestKeys.privateKey());
    try (var out = Files.newOutputStream(folder.resolve("t.sgxs"))) {
      SgxsWriter.write(image, out);
    }
    assertThat(Images.read(folder.resolve("t.sgxs")).sigstruct()).isEmpty();
    Files.write(folder.resolve("t.sig"), image.sigstruct().orElseThrow().toBytes());

    EnclaveImage back = Images.read(folder.resolve("t.sgxs"));

    assertThat(back.sigstruct()).isEqualTo(image.sigstruct());
    assertThat(back.launch(MachineCapabilities.withXcr0(7), false)).isInstanceOf(LaunchDecision.Ready.class);
    Files.write(folder.resolve("t.sig"), new byte[1807]);
    assertThatThrownBy(() -> Images.read(folder.resolve("t.sgxs"))).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("SIGSTRUCT beside t.sgxs");
  }

  private void assertRefused(String... fragments) {
    assertThatThrownBy(this::read).isInstanceOf(MalformedImageException.class).message().contains(fragments);
    stream.reset();
  }

  @Test
  void refusesStreamsThatAreNone() {
    stream.writeBytes(record("UNSIZED").putInt(8, 1).array());
    assertRefused("UNSIZED");
    ecreate(0x3000);
    assertRefused("ELRANGE size");
    ecreate(1L << 62);
    assertRefused("ELRANGE size");
    stream.writeBytes(record("ECREATE").putInt(8, 0).putLong(12, 0x1000).array());
    assertRefused("SSAFRAMESIZE");
    stream.writeBytes(record("ECREATE").putInt(8, 1).putLong(12, 0x1000).put(30, (byte) 1).array());
    assertRefused("ECREATE: reserved bytes", "0x1e");
    ecreate(0x1000).data("EEXTEND", 0, 1);
    assertRefused("expected EADD");
    ecreate(0x1000).ecreate(0x1000);
    assertRefused("expected EADD");
    ecreate(0x1000).eadd(0x1000, 0x203);
    assertRefused("inside the ELRANGE");
    ecreate(0x1000).eadd(0x800, 0x203);
    assertRefused("whole pages");
    ecreate(0x1000).eadd(-4096, 0x203);
    assertRefused("whole pages");
    ecreate(0x2000).eadd(0, 0x203).eadd(0, 0x203);
    assertRefused("pages at or above 0x1000");
    ecreate(0x1000).eadd(0, 0x003);
    assertRefused("SECINFO");
    ecreate(0x1000).eadd(0, 0x203 | 1L << 40);
    assertRefused("SECINFO");
    ecreate(0x1000).eadd(0, 0x203).data("EEXTEND", 0, 1);
    assertRefused("1 measured, 0 unmeasured");
    ecreate(0x1000).eadd(0, 0x203).data("UNMEASRD", 0x100, 1).data("UNMEASRD", 0x100, 1);
    assertRefused("data record: offset");
    ecreate(0x2000).eadd(0, 0x203).data("UNMEASRD", 0x1000, 1);
    assertRefused("data record: offset");
    ecreate(0x1000).eadd(0, 0x203).data("UNMEASRD", 0x101, 1);
    assertRefused("data record: offset");
    ecreate(0x1000).stream.writeBytes(new byte[63]);
    assertRefused("EADD");
  }
}
