package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** SIGSTRUCTs that others made; where they come from is said in the README beside them. */
class RealSigstructTest {
  private static final String LAUNCH_ENCLAVE = "intel-launch-enclave";

  @ParameterizedTest
  @ValueSource(strings = {"fortanix-sig1", "fortanix-test-enclave", LAUNCH_ENCLAVE})
  void isValidAndKeepsItsBytes(String name) throws IOException {
    byte[] bytes = load(name);
    Sigstruct sigstruct = read(bytes);
    assertThat(sigstruct.verify()).isEqualTo(new SignatureCheck.Valid());
    assertThat(sigstruct.toBytes()).isEqualTo(bytes);
    assertThat(SigstructBody.ofSignedBytes(sigstruct.signedBytes())).isEqualTo(sigstruct.body());
  }

  /** MRSIGNER computed with Python: SHA-256 of bytes 128 to 511. ENCLAVEHASH: bytes 960 to 991. */
  @ParameterizedTest
  @CsvSource({
    "fortanix-sig1, 83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e,"
        + " c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d, 0, 20160109",
    "fortanix-test-enclave, fb4bab3d6036ac1d730fa83d7366df1dd2dfeac194ef335d6854d8a6c6475542,"
        + " 784acfd7d5096a8f0fbd3265760bff21b120f62407a9a9e5ba31aa3c8ed198fc, 65535, 20161214",
    "intel-launch-enclave, acb77012053e05a63d413b8bbae8fb6c5d73b3f2996d91c43bbbf90959c0f8d4,"
        + " 7881af9f9def547da9908c008f29cde9bd78064e36ac7e14c83c294ca4806150, 32, 20240811",
  })
  void saysWhoSignedWhat(String name, String mrSigner, String enclaveHash, int isvProdId, String date)
      throws IOException {
    Sigstruct sigstruct = read(load(name));
    assertThat(sigstruct.mrSigner().hex()).isEqualTo(mrSigner);
    assertThat(sigstruct.enclaveHash().hex()).isEqualTo(enclaveHash);
    assertThat(sigstruct.isvProdId()).isEqualTo(isvProdId);
    assertThat(Integer.toHexString(sigstruct.body().date())).isEqualTo(date);
  }

  @Test
  void readsIntelsLaunchEnclave() throws IOException {
    Sigstruct sigstruct = read(load(LAUNCH_ENCLAVE));
    assertThat(sigstruct.body().vendor()).isEqualTo(SigstructBody.VENDOR_INTEL);
    assertThat(sigstruct.body().swDefined()).isEqualTo(0x10);
    assertThat(sigstruct.attributes())
        .isEqualTo(new Attributes(Attributes.MODE64BIT | Attributes.EINITTOKENKEY, Attributes.XFRM_LEGACY));
    assertThat(sigstruct.attributeMask().has(Attributes.DEBUG)).isTrue();
    assertThat(sigstruct.isvSvn()).isEqualTo(7);
  }

  /** One changed bit in any of the 1808 bytes is noticed, by the reader or by the check. */
  @Test
  void noticesAChangeOfAnyByte() throws IOException {
    byte[] bytes = load(LAUNCH_ENCLAVE);
    for (int i = 0; i < bytes.length; i++) {
      byte[] twin = bytes.clone();
      twin[i] ^= (byte) (1 << i % 8);
      assertThat(isValid(twin)).as("byte %d changed", i).isFalse();
    }
  }

  private static boolean isValid(byte[] bytes) {
    try {
      return switch (read(bytes).verify()) {
        case SignatureCheck.Valid() -> true;
        case SignatureCheck.Invalid(String field, String expected, String found) -> {
          assertThat(field).isNotBlank();
          assertThat(expected).isNotEqualTo(found);
          yield false;
        }
      };
    } catch (MalformedStructureException e) {
      assertThat(e.structure()).isEqualTo("SIGSTRUCT");
      return false;
    }
  }

  private static Sigstruct read(byte[] bytes) {
    return Sigstruct.read(MemorySegment.ofArray(bytes));
  }

  private static byte[] load(String name) throws IOException {
    try (InputStream in = RealSigstructTest.class.getResourceAsStream("sigstructs/" + name + ".bin")) {
      assertThat(in).as(name).isNotNull();
      return in.readAllBytes();
    }
  }
}
