package org.enclavisor.conformance.rules;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.NoSuchAlgorithmException;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.conformance.Rule;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.SigstructSigner;

/** The two signers of the suite's enclaves, known to everybody. What was signed once is remembered. Thread-safe. */
public final class Signers {
  private static final RSAPrivateCrtKey AUTHORISED = key("signer.pem");
  private static final RSAPrivateCrtKey OTHER = key("other-signer.pem");
  private static final Map<ByteBuffer, Sigstruct> SIGNED = new ConcurrentHashMap<>();

  private Signers() {}

  /** MRSIGNER of the signer that a machine with a fixed IA32_SGXLEPUBKEYHASH has to have there. */
  public static Digest32 authorised() {
    return sign(SigstructBody.ofSignedBytes(EMPTY.signedBytes())).mrSigner();
  }

  private static final SigstructBody EMPTY =
      SigstructBody.of(
          0x20260101, Digest32.ZERO, MiscSelect.NONE, MiscSelect.NONE,
          Attributes.ZERO, Attributes.ZERO, 0, 0);

  /** Signs as the authorised signer. */
  public static Sigstruct sign(SigstructBody body) {
    return SIGNED.computeIfAbsent(ByteBuffer.wrap(body.signedBytes()), bytes -> SigstructSigner.sign(body, AUTHORISED));
  }

  /** Signs as somebody else. */
  public static Sigstruct signOtherwise(SigstructBody body) {
    return SigstructSigner.sign(body, OTHER);
  }

  private static RSAPrivateCrtKey key(String name) {
    String path = "/org/enclavisor/conformance/" + name;
    try (InputStream in = Objects.requireNonNull(Rule.class.getResourceAsStream(path))) {
      String pem = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----.*-----", ""));
      return (RSAPrivateCrtKey) KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException | InvalidKeySpecException e) {
      throw new IllegalStateException(name, e);
    }
  }
}
