package org.enclavisor.image.sign;

import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.SigstructSigner;

/**
 * Signs images at run time, for enclaves that carry no SIGSTRUCT: the Linux selftests' (whose harness does the same
 * with a key of its own), and unsigned Open Enclave images, which may be signed for debugging only. MRSIGNER means
 * nothing then. No state.
 */
public final class RuntimeSigner {
  private RuntimeSigner() {}

  /** A new RSA key of 3072 bits with e = 3. Takes up to some seconds. */
  public static RSAPrivateCrtKey freshKey() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(new RSAKeyGenParameterSpec(3072, RSAKeyGenParameterSpec.F0));
      return (RSAPrivateCrtKey) generator.generateKeyPair().getPrivate();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JDK makes no RSA keys with e = 3", e);
    }
  }

  /**
   * Measures an image and gives it a SIGSTRUCT for what it is: nothing but MRENCLAVE, MODE64BIT and XFRM's lowest bits
   * is demanded, as the selftests' {@code sigstruct.c} does, except that an Open Enclave image gets DEBUG, since its
   * loader signs no other.
   */
  public static EnclaveImage sign(EnclaveImage image, RSAPrivateCrtKey key) {
    Secs secs = image.secs();
    boolean debug = image.kind() == EnclaveImage.Kind.OPEN_ENCLAVE;
    long flags = secs.attributes().flags() | (debug ? Attributes.DEBUG : 0);
    SigstructBody body = SigstructBody.of(0, image.mrEnclave(), MiscSelect.NONE, MiscSelect.NONE,
        new Attributes(flags, Attributes.XFRM_LEGACY), debug ? new Attributes(Attributes.DEBUG, 0) : Attributes.ZERO,
        0, 0);
    return image.withSigstruct(SigstructSigner.sign(body, key));
  }
}
