package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAKeyGenParameterSpec;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SigstructSignerTest {
  private static final SigstructBody BODY =
      SigstructBody.of(
              0x2025_0131,
              Digest32.of(Golden.run(1, 32)),
              MiscSelect.NONE,
              new MiscSelect(-1),
              new Attributes(Attributes.MODE64BIT | Attributes.KSS, 3),
              new Attributes(~Attributes.DEBUG, ~0xe4L),
              7,
              9)
          .withKss(Id16.of(Golden.run(50, 16)), Id16.of(Golden.run(70, 16)));

  private static KeyPair pair;
  private static KeyPair other;

  @BeforeAll
  static void makeKeys() throws Exception {
    pair = rsa(3072, RSAKeyGenParameterSpec.F0);
    other = rsa(3072, RSAKeyGenParameterSpec.F0);
  }

  @Test
  void signsInOneStep() throws Exception {
    Sigstruct sigstruct = SigstructSigner.sign(BODY, privateKey(pair));
    assertThat(sigstruct.verify()).isEqualTo(new SignatureCheck.Valid());
    assertThat(sigstruct.body()).isEqualTo(BODY);
    assertThat(sigstruct.exponent()).isEqualTo(3);

    // By words of the manual: the modulus, least significant byte first.
    byte[] bytes = sigstruct.toBytes();
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(bytes, 128, 384);
    assertThat(sigstruct.mrSigner().bytes()).isEqualTo(digest.digest());
  }

  @Test
  void signsWhatTheManualSaysIsSigned() throws Exception {
    Sigstruct sigstruct = SigstructSigner.sign(BODY, privateKey(pair));
    byte[] bytes = sigstruct.toBytes();
    Signature verifier = Signature.getInstance("SHA256withRSA");
    verifier.initVerify(pair.getPublic());
    verifier.update(bytes, 0, 128);
    verifier.update(bytes, 900, 128);
    assertThat(verifier.verify(bigEndian(bytes, 516))).isTrue();
  }

  @Test
  void givesTheQuotientsOfTheManual() {
    Sigstruct sigstruct = SigstructSigner.sign(BODY, privateKey(pair));
    BigInteger m = sigstruct.modulus();
    BigInteger s = sigstruct.signature();
    BigInteger q1 = s.pow(2).divide(m);
    assertThat(sigstruct.q1()).isEqualTo(q1);
    assertThat(sigstruct.q2()).isEqualTo(s.pow(3).subtract(q1.multiply(s).multiply(m)).divide(m));
  }

  @Test
  void signsInTwoStepsAsInOne() throws Exception {
    byte[] material = BODY.signedBytes();
    Signature elsewhere = Signature.getInstance("SHA256withRSA");
    elsewhere.initSign(pair.getPrivate());
    elsewhere.update(material);
    byte[] signature = elsewhere.sign();

    SigstructBody body = SigstructBody.ofSignedBytes(material);
    assertThat(SigstructSigner.withSignature(body, publicKey(pair), signature))
        .isEqualTo(SigstructSigner.sign(BODY, privateKey(pair)));
  }

  @Test
  void refusesASignatureThatIsNotOneByThisKeyOverThisBody() throws Exception {
    Signature elsewhere = Signature.getInstance("SHA256withRSA");
    elsewhere.initSign(other.getPrivate());
    elsewhere.update(BODY.signedBytes());
    byte[] signature = elsewhere.sign();
    assertThatThrownBy(() -> SigstructSigner.withSignature(BODY, publicKey(pair), signature))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("SIGNATURE: ");
    assertThatThrownBy(() -> SigstructSigner.withSignature(BODY, publicKey(other), new byte[383]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("signature: expected 384 bytes, found 383");
  }

  @Test
  void refusesOtherKeys() throws Exception {
    assertThatThrownBy(() -> SigstructSigner.sign(BODY, privateKey(rsa(2048, RSAKeyGenParameterSpec.F0))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("modulus: expected 3072 bits, found 2048");
    assertThatThrownBy(() -> SigstructSigner.sign(BODY, privateKey(rsa(3072, RSAKeyGenParameterSpec.F4))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("public exponent: expected 3, found 65537");
  }

  @Test
  void saysWhichFieldIsWrong() {
    Sigstruct good = SigstructSigner.sign(BODY, privateKey(pair));
    BigInteger one = BigInteger.ONE;
    BigInteger m = good.modulus();
    assertInvalid("EXPONENT", SgxError.SGX_INVALID_SIG_STRUCT, with(BODY, m, 65537, good.signature(), good));
    assertInvalid("SIGNATURE", SgxError.SGX_INVALID_SIGNATURE, with(BODY, m, 3, m, good));
    assertInvalid(
        "MODULUS", SgxError.SGX_INVALID_SIGNATURE, with(BODY, m.shiftRight(1), 3, good.signature(), good));
    assertInvalid(
        "Q1",
        SgxError.SGX_INVALID_SIGNATURE,
        new Sigstruct(BODY, m, 3, good.signature(), good.q1().xor(one), good.q2()));
    assertInvalid(
        "Q2",
        SgxError.SGX_INVALID_SIGNATURE,
        new Sigstruct(BODY, m, 3, good.signature(), good.q1(), good.q2().xor(one)));

    SigstructBody changed = BODY.withKss(Id16.ZERO, Id16.ZERO);
    assertInvalid("SIGNATURE", SgxError.SGX_INVALID_SIGNATURE, with(changed, m, 3, good.signature(), good));

    SigstructBody vendor =
        new SigstructBody(
            1, BODY.date(), 0, BODY.miscSelect(), BODY.miscMask(), 0, 0, BODY.isvFamilyId(), BODY.attributes(),
            BODY.attributeMask(), BODY.enclaveHash(), BODY.isvExtProdId(), 7, 9);
    assertInvalid("VENDOR", SgxError.SGX_INVALID_SIG_STRUCT, with(vendor, m, 3, good.signature(), good));
  }

  /** With right quotients, only the padding can tell that the number under the signature is not the digest's. */
  @Test
  void checksThePaddingAndNotOnlyTheDigest() {
    BigInteger m = publicKey(pair).getModulus();
    BigInteger d = privateKey(pair).getPrivateExponent();
    BigInteger right = Pkcs1.encode(BODY.signedBytes());
    for (int bit : new int[] {255, 256, 300, 407, 416, 420, 3000, 3056, 3059}) {
      BigInteger s = right.flipBit(bit).modPow(d, m);
      Quotients quotients = Quotients.of(s, m);
      assertInvalid(
          "SIGNATURE",
          SgxError.SGX_INVALID_SIGNATURE,
          new Sigstruct(BODY, m, 3, s, quotients.q1(), quotients.q2()));
    }
  }

  private static Sigstruct with(SigstructBody body, BigInteger m, int exponent, BigInteger s, Sigstruct quotients) {
    return new Sigstruct(body, m, exponent, s, quotients.q1(), quotients.q2());
  }

  private static void assertInvalid(String field, SgxError error, Sigstruct sigstruct) {
    assertThat(sigstruct.verify())
        .isInstanceOfSatisfying(
            SignatureCheck.Invalid.class,
            invalid -> {
              assertThat(invalid.field()).isEqualTo(field);
              assertThat(invalid.error()).isEqualTo(error);
              assertThat(invalid.expected()).isNotEqualTo(invalid.found());
            });
  }

  private static KeyPair rsa(int bits, BigInteger exponent) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(new RSAKeyGenParameterSpec(bits, exponent));
    return generator.generateKeyPair();
  }

  private static RSAPrivateCrtKey privateKey(KeyPair pair) {
    return (RSAPrivateCrtKey) pair.getPrivate();
  }

  private static RSAPublicKey publicKey(KeyPair pair) {
    return (RSAPublicKey) pair.getPublic();
  }

  private static byte[] bigEndian(byte[] bytes, int offset) {
    byte[] result = new byte[384];
    for (int i = 0; i < result.length; i++) {
      result[i] = bytes[offset + 383 - i];
    }
    return result;
  }
}
