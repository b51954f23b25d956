package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.image.sign.RuntimeSigner;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Permissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpenEnclaveImageTest {
  private static EnclaveImage read(byte[] file) {
    return Images.read(MemorySegment.ofArray(file), "t.so");
  }

  /** The values are what Open Enclave's oesign (0.19, built from its sources) puts into the SIGSTRUCT for this file. */
  @ParameterizedTest
  @CsvSource({
      "false, 432c268d39fde01853117fe239a46b886b9d76bde4d062375ff34a2321203972",
      "true, 6c9a046f5db9cd95a63163f51695650e703a60647cb1ce6bc83eb70b3084204b"})
  void measuresAsOesignDoes(boolean zeroBase, String mrEnclave) {
    EnclaveImage image = read(TinyEnclaves.openEnclave(zeroBase));

    assertThat(image.mrEnclave().hex()).isEqualTo(mrEnclave);
    assertThat(image.base().isPresent()).isEqualTo(zeroBase);
    assertThat(image.imageOffset()).isEqualTo(zeroBase ? 0x10000 : 0);
  }

  @Test
  void laysOutThreadsWithTheirGuards() {
    EnclaveImage image = read(TinyEnclaves.openEnclave(false));

    // Image 5 pages, relocations 1, heap 2; then guard, 3 of stack, guard: the first TCS is page 13.
    assertThat(image.threads()).extracting(ThreadSlot::offset).containsExactly(0xd000L, 0x19000L);
    assertThat(image.threads().getFirst().tcs().oentry()).isEqualTo(TinyEnclaves.TEXT + 0x40);
    assertThat(image.threads().getFirst().tcs().ofsBasgx()).isEqualTo(0xd000 + 6 * 4096);
    assertThat(image.reserved()).hasSize(6);
    assertThat(image.secs().size()).isEqualTo(0x20000);
    assertThat(image.sigstruct()).isEmpty();
    assertThat(image.pages()).filteredOn(run -> run.part().equals("relocations")).singleElement()
        .satisfies(run -> assertThat(run.secinfo().permissions()).isEqualTo(Permissions.R));
  }

  @Test
  void launchesAsItsHostWould() {
    EnclaveImage image = read(TinyEnclaves.openEnclave(false));

    assertThat(image.launch(MachineCapabilities.withXcr0(0xe7), true))
        .isInstanceOfSatisfying(LaunchDecision.Ready.class, ready -> {
          assertThat(ready.secs().attributes())
              .isEqualTo(new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, 7));
          assertThat(ready.secs().miscSelect().bits()).isEqualTo(1);
        });
    EnclaveImage signed = RuntimeSigner.sign(image, TestKeys.privateKey());
    assertThat(signed.launch(MachineCapabilities.withXcr0(3), true)).isInstanceOf(LaunchDecision.Ready.class);
    assertThat(signed.launch(MachineCapabilities.withXcr0(3), false)).isInstanceOf(LaunchDecision.Refused.class);
  }

  @ParameterizedTest
  @CsvSource({
      "0, 4, 1912, header.size",
      "4, 4, 3, header.enclave_type",
      "8, 8, -1, num_heap_pages",
      "8, 8, 0x7ffffffff, num_heap_pages",
      "8, 8, 0x300000000, size_settings",
      "8, 8, 0x8000000, at most",
      "16, 8, 0x400000000, size_settings",
      "24, 8, 0, num_tcs",
      "24, 8, 1025, num_tcs",
      "32, 2, 65535, product_id",
      "40, 8, 1, family_id",
      "72, 8, 2, config.attributes",
      "72, 8, 0x14, config.attributes",
      "36, 4, 2, start_address",
      "144, 8, 1, SIGSTRUCT"})
  void namesThePropertyThatIsWrong(int offset, int width, String value, String field) {
    ByteBuffer image = ByteBuffer.wrap(TinyEnclaves.openEnclave(false)).order(ByteOrder.LITTLE_ENDIAN);
    long number = Long.decode(value);
    int at = TinyEnclaves.OE_INFO + offset;
    switch (width) {
      case 2 -> image.putShort(at, (short) number);
      case 4 -> image.putInt(at, (int) number);
      default -> image.putLong(at, number);
    }

    assertThatThrownBy(() -> read(image.array())).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining(field);
  }

  @Test
  void refusesRelocationsThatEnclavesCannotApply() {
    ByteBuffer image = ByteBuffer.wrap(TinyEnclaves.openEnclave(false)).order(ByteOrder.LITTLE_ENDIAN);
    image.putLong(TinyEnclaves.OE_RELA + 8, 37);
    assertThatThrownBy(() -> read(image.array())).hasMessageContaining("r_info");

    image.putLong(TinyEnclaves.OE_RELA + 8, 0x7fffffffL << 32 | 18);
    assertThatThrownBy(() -> read(image.array())).hasMessageContaining("relocation: symbol");
  }
}
