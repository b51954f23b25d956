package org.enclavisor.image.sign;

import static org.enclavisor.image.sign.ConfigKey.HW;
import static org.enclavisor.image.sign.ConfigKey.INTEL_SIGNED;
import static org.enclavisor.image.sign.ConfigKey.ISV_EXT_PROD_ID_H;
import static org.enclavisor.image.sign.ConfigKey.ISV_EXT_PROD_ID_L;
import static org.enclavisor.image.sign.ConfigKey.ISV_FAMILY_ID_H;
import static org.enclavisor.image.sign.ConfigKey.ISV_FAMILY_ID_L;
import static org.enclavisor.image.sign.ConfigKey.ISV_SVN;
import static org.enclavisor.image.sign.ConfigKey.MISC_MASK;
import static org.enclavisor.image.sign.ConfigKey.MISC_SELECT;
import static org.enclavisor.image.sign.ConfigKey.PROD_ID;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.interfaces.RSAPublicKey;
import java.util.Arrays;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.sdk.SdkMetadata;
import org.enclavisor.image.sdk.SdkReader;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.SigstructSigner;

/**
 * Signs enclaves that follow the Intel SDK's conventions: an ELF file with room for metadata in {@code .note.sgxmeta},
 * and the dynamic symbols {@code g_global_data} and {@code enclave_entry}. Takes and gives whole files as bytes.
 */
public final class EnclaveSigner {
  private EnclaveSigner() {}

  /**
   * Signs in one step.
   *
   * @param enclave the unsigned enclave
   * @param name for error messages
   * @return the signed enclave
   * @throws MalformedImageException naming what in the enclave cannot be signed
   */
  public static byte[] sign(byte[] enclave, String name, SigningConfig config, RSAPrivateCrtKey key,
      SigningOptions options) {
    Prepared prepared = prepare(enclave, name, config, options, options.bcdDate());
    return finish(prepared, SigstructSigner.sign(prepared.body, key), config);
  }

  /**
   * The first half of signing in two steps, {@code gendata}: what has to be signed. No key is needed.
   *
   * @return 256 bytes, to be signed with RSA PKCS #1 v1.5 and SHA-256
   */
  public static byte[] signingMaterial(byte[] enclave, String name, SigningConfig config, SigningOptions options) {
    return prepare(enclave, name, config, options, options.bcdDate()).body.signedBytes();
  }

  /**
   * The second half of signing in two steps, {@code catsig}.
   *
   * @param enclave the unsigned enclave, the same as for the first half
   * @param config the same as for the first half
   * @param material what the first half gave; its date is taken
   * @param key the public key
   * @param signature 384 bytes, most significant first
   * @throws MalformedImageException if the material is not that of this enclave and configuration, or the signature
   *     none by this key over it
   */
  public static byte[] complete(byte[] enclave, String name, SigningConfig config, SigningOptions options,
      byte[] material, RSAPublicKey key, byte[] signature) {
    SigstructBody signed;
    try {
      signed = SigstructBody.ofSignedBytes(material);
    } catch (MalformedStructureException e) {
      throw new MalformedImageException("signing material: " + e.field(), -1, e.expected(), e.found());
    }
    Prepared prepared = prepare(enclave, name, config, options, signed.date());
    if (!prepared.body.equals(signed)) {
      throw new MalformedImageException("signing material", -1, "what this enclave and configuration give: "
          + describe(prepared.body), describe(signed));
    }
    try {
      return finish(prepared, SigstructSigner.withSignature(signed, key, signature), config);
    } catch (IllegalArgumentException e) {
      throw new MalformedImageException("signature", -1, "one by this key over the signing material",
          String.valueOf(e.getMessage()));
    }
  }

  private static String describe(SigstructBody body) {
    return "MRENCLAVE " + body.enclaveHash().hex() + ", ATTRIBUTES " + body.attributes() + ", ISVPRODID "
        + body.isvProdId() + ", ISVSVN " + body.isvSvn();
  }

  /** An enclave laid out and measured: the file, the block without key and signature, and what is to be signed. */
  private record Prepared(byte[] file, byte[] block, SdkMetadata metadata, long noteOffset, long noteSize,
      SigstructBody body) {}

  private static Prepared prepare(byte[] enclave, String name, SigningConfig config, SigningOptions options, int date) {
    byte[] file = config.get(ConfigKey.ENABLE_OSSL_FIPS) == 1 ? FipsExtension.append(enclave, options) : enclave;
    ElfFile elf = ElfFile.read(new HostileBytes(MemorySegment.ofArray(file).asReadOnly(), name));
    HostileBytes note = SdkReader.note(elf);
    if (note.holds(0, 8) && note.u64(0, "magic_num") == SdkMetadata.MAGIC && !options.resign()) {
      throw note.malformed(SdkReader.SECTION, 0,
          "an enclave that is not signed yet", "a signed one's metadata (--resign replaces it)");
    }
    SignableChecks.check(elf, options);
    var writer = new MetadataWriter(elf, config, FipsExtension.of(config, options));
    byte[] block = writer.write();
    SigstructBody body = body(config, writer.attributes(), Digest32.ZERO, date);
    write(block, new Sigstruct(body, BigInteger.ZERO, Sigstruct.EXPONENT, BigInteger.ZERO, BigInteger.ZERO,
        BigInteger.ZERO));
    SdkMetadata metadata = SdkMetadata.parse(MemorySegment.ofArray(block), name, elf.bytes().size());
    Digest32 hash = SdkReader.read(elf, metadata).mrEnclave();
    return new Prepared(file, block, metadata, note.origin(), note.size(),
        body(config, writer.attributes(), hash, date));
  }

  private static SigstructBody body(SigningConfig config, AttributeChoice attributes, Digest32 hash, int date) {
    int select = (int) config.get(MISC_SELECT);
    int mask = (int) config.get(MISC_MASK);
    int vendor = config.get(INTEL_SIGNED) == 1 ? SigstructBody.VENDOR_INTEL : SigstructBody.VENDOR_OTHER;
    return new SigstructBody(vendor, date, (int) config.get(HW), new MiscSelect(select & mask), new MiscSelect(mask),
        0, 0, id(config.get(ISV_FAMILY_ID_L), config.get(ISV_FAMILY_ID_H)), attributes.value(), attributes.mask(),
        hash, id(config.get(ISV_EXT_PROD_ID_L), config.get(ISV_EXT_PROD_ID_H)), (int) config.get(PROD_ID),
        (int) config.get(ISV_SVN));
  }

  private static Id16 id(long low, long high) {
    return Id16.of(ByteBuffer.allocate(Id16.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(low).putLong(high).array());
  }

  private static void write(byte[] block, Sigstruct sigstruct) {
    sigstruct.write(MemorySegment.ofArray(block).asSlice(SdkMetadata.SIGSTRUCT_OFFSET, Sigstruct.BYTES));
  }

  private static byte[] finish(Prepared prepared, Sigstruct sigstruct, SigningConfig config) {
    write(prepared.block, sigstruct);
    if (config.get(ConfigKey.ENABLE_IPP_FIPS) == 1) {
      FipsExtension.sign(prepared.block);
    }
    byte[] content = config.forDynamicMemory() ? prepared.block : new byte[0];
    if (config.forStaticMemory()) {
      byte[] twin = CompatibleMetadata.of(prepared.block, prepared.metadata, config.get(ConfigKey.TCS_NUM));
      int before = content.length;
      content = Arrays.copyOf(content, before + twin.length);
      System.arraycopy(twin, 0, content, before, twin.length);
    }
    if (content.length > prepared.noteSize) {
      throw new MalformedImageException(SdkReader.SECTION, prepared.noteOffset, "room for " + content.length
          + " bytes of metadata", Long.toString(prepared.noteSize));
    }
    byte[] signed = prepared.file.clone();
    int from = Math.toIntExact(prepared.noteOffset);
    Arrays.fill(signed, from, from + Math.toIntExact(prepared.noteSize), (byte) 0);
    System.arraycopy(content, 0, signed, from, content.length);
    return signed;
  }
}
