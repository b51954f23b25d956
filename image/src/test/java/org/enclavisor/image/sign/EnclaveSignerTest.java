package org.enclavisor.image.sign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.interfaces.RSAPrivateCrtKey;
import java.time.LocalDate;
import java.util.HexFormat;
import java.util.Map;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.ImageOptions;
import org.enclavisor.image.Images;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.TestKeys;
import org.enclavisor.image.TinyEnclaves;
import org.enclavisor.image.TinyEnclaves.Variant;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EnclaveSignerTest {
  private static final SigningOptions NEW_YEAR = new SigningOptions(LocalDate.of(2026, 1, 1), true, false, false);

  private static SigningConfig config(String name) {
    String body = switch (name) {
      case "empty" -> "";
      case "edmm" -> "<MiscSelect>1</MiscSelect><MiscMask>0xFFFFFFFE</MiscMask><TCSNum>10</TCSNum>"
          + "<TCSMaxNum>12</TCSMaxNum><TCSMinPool>3</TCSMinPool><HeapMinSize>0x2000</HeapMinSize>"
          + "<HeapInitSize>0x8000</HeapInitSize><HeapMaxSize>0x100000</HeapMaxSize><StackMinSize>0x3000</StackMinSize>"
          + "<StackMaxSize>0x9000</StackMaxSize><ReservedMemMaxSize>0x20000</ReservedMemMaxSize>"
          + "<ReservedMemMinSize>0x0</ReservedMemMinSize><ReservedMemInitSize>0x4000</ReservedMemInitSize>";
      case "elr" -> "<EnclaveImageAddress>0x200000</EnclaveImageAddress><ELRangeStartAddress>0x0</ELRangeStartAddress>"
          + "<ELRangeSize>0x10000000</ELRangeSize><TCSNum>2</TCSNum><MiscSelect>1</MiscSelect>"
          + "<MiscMask>0xFFFFFFFE</MiscMask><TCSMaxNum>5</TCSMaxNum>";
      case "amx2" -> "<AMX>2</AMX><PKRU>2</PKRU><TCSNum>2</TCSNum><ProvisionKey>1</ProvisionKey>";
      case "user" -> "<UserRegionSize>0x1000000</UserRegionSize><MiscSelect>1</MiscSelect><MiscMask>1</MiscMask>"
          + "<TCSMaxNum>8</TCSMaxNum><TCSNum>4</TCSNum><TCSMinPool>2</TCSMinPool>";
      case "rsrv" -> "<ReservedMemMaxSize>0x10000</ReservedMemMaxSize><ReservedMemMinSize>0x1000</ReservedMemMinSize>"
          + "<ReservedMemInitSize>0x4000</ReservedMemInitSize><ReservedMemExecutable>1</ReservedMemExecutable>"
          + "<TCSNum>3</TCSNum><TCSMinPool>1</TCSMinPool><MiscSelect>1</MiscSelect><MiscMask>0xFFFFFFFE</MiscMask>";
      default -> throw new AssertionError(name);
    };
    String xml = "<EnclaveConfiguration>" + body + "</EnclaveConfiguration>";
    return SigningConfig.parse(xml.getBytes(StandardCharsets.US_ASCII), name + ".xml");
  }

  /**
   * The digests are those of what Intel's sgx_sign (SDK 2.26, built from its sources) wrote for the same file, key and
   * configuration on 1 January 2026.
   */
  @ParameterizedTest
  @CsvSource({
      "PLAIN, empty, 9676313563650da211e1f7b06255229a397ae209270e36ffa7e4a5439b7121c4",
      "PLAIN, edmm, 27178dbc67d8876c7afe68b246e7d0e0c1458392c0180d0da26e93f1de9401ea",
      "PLAIN, elr, 4e956296338cf5a8b58d88598ccb676f2ac91bf9d3eab6bf968004aa83234670",
      "PLAIN, amx2, 6b2b711843ca539ebdfec6b4b987764321c5d6c306411f75dedd42db789ede3c",
      "PLAIN, user, ae0251870ffa58634e51f544467a56e07c545be5e5f803bc9e0a7603361841a8",
      "PLAIN, rsrv, 1f8b952519da392570c6ad006f5a8c0666fc448eba7f0832a0542c645e7f6184",
      "TEXT_RELOCATIONS, empty, 31a662d0fd48867b36f7aa6dfafc828b79feed6062ff1375b520f700ac2eb510",
      "TEXT_RELOCATIONS, edmm, b045356d59a7e12f0c967fd25896aac8c0d0304ee45fb0756c7eebc77fdac436",
      "TEXT_RELOCATIONS, elr, 42c580ca5b64e6774cd216af61a5d927034fd8c78c1177e5a3c93f48b5d56d67",
      "TEXT_RELOCATIONS, amx2, 7b446966d6f2c9f6a68b29d940712b2f829588a6094a3983fe1e7e1e11680544",
      "TEXT_RELOCATIONS, user, 6a694d7eb075868ea40781b7a32fae10568d2e01ca41d1010168df589f737cbf",
      "TEXT_RELOCATIONS, rsrv, 7d9dc5a057ec56ba62110fe5b4dd243cc14e534a7fd2d5a850e75dea48ee1df2",
      "THREAD_LOCALS, empty, bc36b250aacdb25aeffd0e98f9606ab4e5b679e8128e19a4dfd79ddce427d320",
      "THREAD_LOCALS, edmm, 72ae399adfa1cf9b88894eee0c3f0e3df12a5be81a03a6bfbc655594893ef5b8",
      "THREAD_LOCALS, elr, ab0df5f122f67fa5ff7dbcb91396b94de11522b8aef274564dde7f01234fe833",
      "THREAD_LOCALS, amx2, 90ff384b2c91e9203d71a4f4c98af7b61224493db07d2cc8c664b16162573a55",
      "THREAD_LOCALS, user, 0286ebcbe6c0ef7d1cb44c79e74abd0da0e75d6fa4f9d4eb1df20a46054e8229",
      "THREAD_LOCALS, rsrv, 63918666265fcb946f5ef3e04ea0cf6110d93c68ae21e6e0ff0ae37a48436eee"})
  void writesWhatIntelsToolWrites(Variant variant, String config, String sha256) throws GeneralSecurityException {
    byte[] signed =
        EnclaveSigner.sign(TinyEnclaves.sdk(variant), "tiny", config(config), TestKeys.privateKey(), NEW_YEAR);

    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(signed))).isEqualTo(sha256);
    for (boolean dynamic : new boolean[] {false, true}) {
      EnclaveImage image = Images.read(MemorySegment.ofArray(signed), "tiny",
          ImageOptions.DEFAULT.withDynamicMemory(dynamic));
      Sigstruct sigstruct = image.sigstruct().orElseThrow();
      assertThat(image.mrEnclave()).isEqualTo(sigstruct.enclaveHash());
      assertThat(sigstruct.verify()).isInstanceOf(SignatureCheck.Valid.class);
    }
  }

  /** Intel's sgx_sign wrote this digest for the same enclave with the other one as lib64/fips.so. */
  @Test
  void appendsTheFipsProvider() throws GeneralSecurityException {
    byte[] provider = TinyEnclaves.sdk(Variant.WITHOUT_ENCLU);
    SigningConfig config = SigningConfig.of(Map.of(ConfigKey.ENABLE_OSSL_FIPS, 1L, ConfigKey.TCS_NUM, 2L));

    byte[] signed = EnclaveSigner.sign(TinyEnclaves.sdk(Variant.PLAIN), "tiny", config, TestKeys.privateKey(),
        NEW_YEAR.withFipsProvider(MemorySegment.ofArray(provider)));

    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(signed)))
        .isEqualTo("c00fcc9cfdabbec2e67e2f734a275af10e4cf4df99c167d7d022175bed1cfb97");
    EnclaveImage image = Images.read(MemorySegment.ofArray(signed), "tiny");
    assertThat(image.mrEnclave()).isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
    assertThat(image.metadata().orElseThrow().sharedObject()).hasValueSatisfying(
        object -> assertThat(object.size()).isEqualTo(provider.length));
    assertThatThrownBy(() -> EnclaveSigner.sign(TinyEnclaves.sdk(Variant.PLAIN), "tiny", config,
        TestKeys.privateKey(), NEW_YEAR)).hasMessageContaining("EnableOSSLFIPS");
  }

  /** The second signature's key is new each time; MRENCLAVE is what Intel's sgx_sign computed. */
  @Test
  void signsASecondTimeForFips() {
    SigningConfig config = SigningConfig.of(Map.of(ConfigKey.ENABLE_IPP_FIPS, 1L, ConfigKey.TCS_NUM, 2L));
    byte[] signed =
        EnclaveSigner.sign(TinyEnclaves.sdk(Variant.PLAIN), "tiny", config, TestKeys.privateKey(), NEW_YEAR);

    EnclaveImage image = Images.read(MemorySegment.ofArray(signed), "tiny");

    assertThat(image.mrEnclave().hex()).isEqualTo("3f4ef3431bf324a3ef029177d3e6c08c7416c4e799a4e11483a075bb26ba3497");
    assertThat(image.mrEnclave()).isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
    signed[TinyEnclaves.METADATA + 1904 + 16 + 600] ^= 1;
    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(signed), "tiny"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("FIPS signature");
  }

  @Test
  void twoStepsGiveTheSameFileAsOne() throws GeneralSecurityException {
    byte[] enclave = TinyEnclaves.sdk(Variant.PLAIN);
    RSAPrivateCrtKey key = TestKeys.privateKey();
    byte[] material = EnclaveSigner.signingMaterial(enclave, "tiny", config("edmm"), NEW_YEAR);
    Signature rsa = Signature.getInstance("SHA256withRSA");
    rsa.initSign(key);
    rsa.update(material);

    byte[] twoSteps = EnclaveSigner.complete(enclave, "tiny", config("edmm"),
        new SigningOptions(LocalDate.of(2030, 5, 5), true, false, false), material,
        PemKeys.publicKey(TestKeys.pem("test-key-public.pem"), "key"), rsa.sign());

    assertThat(material).hasSize(256);
    assertThat(twoSteps).isEqualTo(EnclaveSigner.sign(enclave, "tiny", config("edmm"), key, NEW_YEAR));
  }

  @Test
  void refusesASignatureThatIsNoneOverTheMaterial() {
    byte[] enclave = TinyEnclaves.sdk(Variant.PLAIN);
    byte[] material = EnclaveSigner.signingMaterial(enclave, "tiny", config("empty"), NEW_YEAR);

    assertThatThrownBy(() -> EnclaveSigner.complete(enclave, "tiny", config("empty"), NEW_YEAR, material,
        PemKeys.publicKey(TestKeys.pem("test-key-public.pem"), "key"), new byte[384]))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("signature");
  }

  @Test
  void refusesMaterialOfAnotherConfiguration() {
    byte[] enclave = TinyEnclaves.sdk(Variant.PLAIN);
    byte[] material = EnclaveSigner.signingMaterial(enclave, "tiny", config("empty"), NEW_YEAR);

    assertThatThrownBy(() -> EnclaveSigner.complete(enclave, "tiny", config("amx2"), NEW_YEAR, material,
        PemKeys.publicKey(TestKeys.pem("test-key-public.pem"), "key"), new byte[384]))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("signing material")
        .hasMessageContaining("MRENCLAVE");
  }

  @Test
  void signsOnlyWhatIsNotSignedUnlessTold() {
    SigningConfig config = config("empty");
    byte[] signed =
        EnclaveSigner.sign(TinyEnclaves.sdk(Variant.PLAIN), "tiny", config, TestKeys.privateKey(), NEW_YEAR);

    assertThatThrownBy(() -> EnclaveSigner.sign(signed, "tiny", config, TestKeys.privateKey(), NEW_YEAR))
        .hasMessageContaining("not signed yet");
    assertThat(EnclaveSigner.sign(signed, "tiny", config, TestKeys.privateKey(), NEW_YEAR.resigning()))
        .isEqualTo(signed);
  }

  @Test
  void refusesCodeWithRelocationsUnlessTold() {
    SigningOptions strict = SigningOptions.on(LocalDate.of(2026, 1, 1));

    assertThatThrownBy(() -> EnclaveSigner.sign(TinyEnclaves.sdk(Variant.TEXT_RELOCATIONS), "tiny", config("empty"),
        TestKeys.privateKey(), strict)).hasMessageContaining("no relocation in code").hasMessageContaining(".text");
  }

  @Test
  void aFreshKeySignsASelftestEnclave() {
    EnclaveImage image = Images.read(MemorySegment.ofArray(TinyEnclaves.selftest()), "selftest");

    Sigstruct sigstruct = RuntimeSigner.sign(image, TestKeys.privateKey()).sigstruct().orElseThrow();

    assertThat(sigstruct.enclaveHash()).isEqualTo(image.mrEnclave());
    assertThat(sigstruct.verify()).isInstanceOf(SignatureCheck.Valid.class);
    assertThat(sigstruct.attributeMask().flags()).isZero();
    RSAPrivateCrtKey fresh = RuntimeSigner.freshKey();
    assertThat(fresh.getModulus().bitLength()).isEqualTo(3072);
    assertThat(fresh.getPublicExponent().intValueExact()).isEqualTo(3);
  }
}
