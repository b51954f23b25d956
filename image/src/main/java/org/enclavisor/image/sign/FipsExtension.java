package org.enclavisor.image.sign;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.Arrays;
import java.util.Optional;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.sdk.FipsSignature;
import org.enclavisor.image.sdk.SdkMetadata;
import org.enclavisor.image.sdk.SharedObject;
import org.enclavisor.isa.Sigstruct;

/**
 * What the two FIPS keys of a configuration add to the metadata: room for a second signature (EnableIPPFIPS), or the
 * place of a shared object that is appended to the enclave and loaded with it (EnableOSSLFIPS).
 *
 * @param provider the shared object; without it, it is the signature
 */
record FipsExtension(Optional<MemorySegment> provider) {
  /** One entry in the table of extensions. */
  static final int TABLE_BYTES = 16;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static Optional<FipsExtension> of(SigningConfig config, SigningOptions options) {
    if (config.get(ConfigKey.ENABLE_OSSL_FIPS) == 1) {
      return Optional.of(new FipsExtension(options.fipsProvider()));
    }
    return config.get(ConfigKey.ENABLE_IPP_FIPS) == 1 ? Optional.of(new FipsExtension(Optional.empty()))
        : Optional.empty();
  }

  /** The enclave, filled up to whole pages, and the provider behind it. */
  static byte[] append(byte[] enclave, SigningOptions options) {
    MemorySegment provider = options.fipsProvider().orElseThrow(() -> new MalformedImageException(
        ConfigKey.ENABLE_OSSL_FIPS.element(), -1, "the FIPS provider's file to be given", "none"));
    int start = Math.toIntExact(ElfFile.pageEnd(enclave.length));
    byte[] both = Arrays.copyOf(enclave, Math.toIntExact(start + provider.byteSize()));
    MemorySegment.copy(provider, 0, MemorySegment.ofArray(both), start, provider.byteSize());
    return both;
  }

  /** How many bytes of the block it takes, table and entry. */
  int bytes() {
    return TABLE_BYTES + entryBytes();
  }

  private int entryBytes() {
    return provider.isPresent() ? SharedObject.BYTES : FipsSignature.BYTES;
  }

  /** How much memory it takes behind the enclave's own segments. */
  long memoryBytes() {
    return provider.map(object ->
        ElfFile.pageEnd(ElfFile.read(new HostileBytes(object, "FIPS provider")).imageEnd())).orElse(0L);
  }

  /**
   * Writes table and entry.
   *
   * @param memoryOffset where the enclave's own segments end
   * @param fileSize of the enclave with what was appended
   */
  void write(MemorySegment block, int at, long memoryOffset, long fileSize) {
    block.set(U32, at, provider.isPresent() ? SdkMetadata.SHARED_OBJECT_ID : SdkMetadata.FIPS_SIGNATURE_ID);
    block.set(U32, at + 4, entryBytes());
    block.set(U32, at + 8, at + TABLE_BYTES);
    provider.ifPresent(object -> {
      long entry = at + TABLE_BYTES;
      block.set(U64, entry, fileSize - object.byteSize());
      block.set(U64, entry + 8, memoryOffset);
      block.set(U64, entry + 16, object.byteSize());
    });
  }

  /** Fills in the second signature of a block that has its SIGSTRUCT, with a key that is used once. */
  static void sign(byte[] block) {
    MemorySegment view = MemorySegment.ofArray(block);
    int table = view.get(U32, SdkMetadata.DIRECTORIES_OFFSET + 24);
    int entry = view.get(U32, table + 8);
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(new RSAKeyGenParameterSpec(8 * Sigstruct.KEY_BYTES, RSAKeyGenParameterSpec.F4));
      KeyPair pair = generator.generateKeyPair();
      Signature rsa = Signature.getInstance("SHA256withRSA");
      rsa.initSign(pair.getPrivate());
      rsa.update(block, SdkMetadata.SIGSTRUCT_OFFSET, Sigstruct.BYTES);
      RSAPublicKey key = (RSAPublicKey) pair.getPublic();
      putNumber(block, entry, key.getModulus());
      putNumber(block, entry + Sigstruct.KEY_BYTES, key.getPublicExponent());
      byte[] signature = rsa.sign();
      System.arraycopy(signature, 0, block, entry + Sigstruct.KEY_BYTES + 4, signature.length);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JDK makes no RSA signatures", e);
    }
  }

  /** Least significant byte first. */
  private static void putNumber(byte[] block, int offset, BigInteger number) {
    int at = offset;
    byte[] bigEndian = number.toByteArray();
    // The first byte may be a sign byte of its own, which has no place in the field.
    int first = bigEndian[0] == 0 ? 1 : 0;
    for (int i = bigEndian.length - 1; i >= first; i--) {
      block[at++] = bigEndian[i];
    }
  }
}
