package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.KeyPolicy;
import org.enclavisor.isa.Keyrequest;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLU[EGETKEY]: derives a key for the enclave (SDM 3D, “EGETKEY—Retrieves a Cryptographic Key”).
 *
 * <p>The manual's text forbids a CONFIGSVN beyond the enclave's to every key that depends on one, its pseudo-code only
 * to SEAL_KEY; here the text counts, for PROVISION_SEAL_KEY too. That EINITTOKEN_KEY is for the signer in
 * IA32_SGXLEPUBKEYHASH alone has been asked by EINIT, which gives the attribute to no other.
 */
public final class Egetkey {
  private static final int OUTPUT_ALIGNMENT = 16;

  /** INIT and DEBUG are in every key. */
  private static final Attributes REQUIRED_SEALING_MASK = new Attributes(Attributes.INIT | Attributes.DEBUG, 0);

  private Egetkey() {}

  /** What the leaf asks of its operands' addresses. */
  public static Outcome.@Nullable Fault check(SecsPage secs, long rbx, long rcx) {
    Outcome.Fault fault = EnclaveOperand.readable(secs, rbx, Keyrequest.ALIGNMENT, "KEYREQUEST");
    return fault != null ? fault : EnclaveOperand.writable(secs, rcx, OUTPUT_ALIGNMENT, "OUTPUTDATA");
  }

  /**
   * @param rbx linear address of a KEYREQUEST
   * @param rcx linear address where the key goes
   */
  public static Outcome execute(Cpu cpu, SecsPage secs, long rbx, long rcx) {
    Outcome.Fault operand = check(secs, rbx, rcx);
    if (operand != null) {
      return operand;
    }
    MemorySegment memory = secs.memory().segment();
    MemorySegment bytes =
        MemorySegment.ofArray(memory.asSlice(rbx - secs.base(), Keyrequest.BYTES).toArray(JAVA_BYTE));
    if (Keyrequest.hasReservedBits(bytes)) {
      return Outcome.gp("KEYREQUEST has reserved bits set");
    }
    Keyrequest request = Keyrequest.read(bytes);
    if (request.cetAttributesMask() != 0) {
      return Outcome.gp("KEYREQUEST.CET_ATTRIBUTES_MASK is set, which is reserved without CET");
    }
    if (!secs.attributes().has(Attributes.KSS)
        && ((request.keyPolicy().bits() & KeyPolicy.KSS_BITS) != 0 || request.configSvn() != 0)) {
      return Outcome.gp(
          "KEYREQUEST.KEYPOLICY=0x%x CONFIGSVN=%d: an enclave without KSS may not ask for that"
              .formatted(request.keyPolicy().bits(), request.configSvn()));
    }
    KeyName name = request.keyName().orElse(null);
    if (name == null) {
      return Outcome.error(
          SgxError.SGX_INVALID_KEYNAME, "KEYREQUEST.KEYNAME=%d: there is no such key".formatted(request.keyNameCode()));
    }
    Outcome refused = checkPermitted(cpu, secs.secs(), name, request);
    if (refused != null) {
      return refused;
    }
    try (Key128 key = cpu.keys().derive(dependencies(cpu, secs, name, request))) {
      byte[] output = key.bytes();
      memory.asSlice(rcx - secs.base(), Key128.BYTES).copyFrom(MemorySegment.ofArray(output));
      Arrays.fill(output, (byte) 0);
    }
    return Outcome.success();
  }

  /** Attributes that a key asks for, then the security versions that may be asked for. */
  private static @Nullable Outcome checkPermitted(Cpu cpu, Secs secs, KeyName name, Keyrequest request) {
    long needed =
        switch (name) {
          case EINITTOKEN_KEY -> Attributes.EINITTOKENKEY;
          case PROVISION_KEY, PROVISION_SEAL_KEY -> Attributes.PROVISIONKEY;
          case REPORT_KEY, SEAL_KEY -> 0;
        };
    if (!secs.attributes().has(needed)) {
      return Outcome.error(
          SgxError.SGX_INVALID_ATTRIBUTE, "KEYREQUEST.KEYNAME=%s is not for this enclave".formatted(name));
    }
    if (name == KeyName.REPORT_KEY) {
      return null;
    }
    if (cpu.beyond(request.cpuSvn())) {
      return Outcome.error(
          SgxError.SGX_INVALID_CPUSVN,
          "KEYREQUEST.CPUSVN=%s: expected at most %s".formatted(request.cpuSvn(), cpu.cpuSvn()));
    }
    if (request.isvSvn() > secs.isvSvn()) {
      return Outcome.error(
          SgxError.SGX_INVALID_ISVSVN,
          "KEYREQUEST.ISVSVN=%d: expected at most %d".formatted(request.isvSvn(), secs.isvSvn()));
    }
    boolean configured = name == KeyName.SEAL_KEY || name == KeyName.PROVISION_SEAL_KEY;
    if (configured && request.configSvn() > secs.configSvn()) {
      return Outcome.error(
          SgxError.SGX_INVALID_ISVSVN,
          "KEYREQUEST.CONFIGSVN=%d: expected at most %d".formatted(request.configSvn(), secs.configSvn()));
    }
    return null;
  }

  private static KeyDependencies dependencies(Cpu cpu, SecsPage page, KeyName name, Keyrequest request) {
    Secs secs = page.secs();
    Attributes mask = request.attributeMask();
    Attributes attributes =
        new Attributes(mask.flags() | REQUIRED_SEALING_MASK.flags(), mask.xfrm()).and(secs.attributes());
    MiscSelect misc = request.miscMask().and(secs.miscSelect());
    return switch (name) {
      case REPORT_KEY ->
          KeyDependencies.report(
              new Targetinfo(
                  secs.mrEnclave(), secs.attributes(), 0, secs.configSvn(), secs.miscSelect(), secs.configId()),
              request.keyId(),
              cpu.cpuSvn());
      case EINITTOKEN_KEY ->
          KeyDependencies.launch(
              secs.isvProdId(),
              request.isvSvn(),
              attributes,
              misc,
              secs.mrSigner(),
              request.keyId(),
              request.cpuSvn());
      case PROVISION_KEY ->
          new KeyDependencies(
              name,
              Id16.ZERO,
              Id16.ZERO,
              secs.isvProdId(),
              request.isvSvn(),
              false,
              attributes,
              mask,
              Digest32.ZERO,
              secs.mrSigner(),
              KeyId.ZERO,
              false,
              request.cpuSvn(),
              misc,
              complement(request.miscMask()),
              new KeyPolicy(0),
              ConfigId.ZERO,
              0);
      case PROVISION_SEAL_KEY -> sealing(page, name, request, attributes, misc, false, KeyId.ZERO);
      case SEAL_KEY -> sealing(page, name, request, attributes, misc, true, request.keyId());
    };
  }

  /** SEAL_KEY and PROVISION_SEAL_KEY, which let the enclave choose by KEYPOLICY. */
  private static KeyDependencies sealing(
      SecsPage page,
      KeyName name,
      Keyrequest request,
      Attributes attributes,
      MiscSelect misc,
      boolean seal,
      KeyId keyId) {
    Secs secs = page.secs();
    KeyPolicy policy = request.keyPolicy();
    boolean enclave = seal && policy.has(KeyPolicy.MRENCLAVE);
    boolean signer = !seal || policy.has(KeyPolicy.MRSIGNER);
    boolean config = policy.has(KeyPolicy.CONFIGID);
    return new KeyDependencies(
        name,
        policy.has(KeyPolicy.ISVFAMILYID) ? page.isvFamilyId() : Id16.ZERO,
        policy.has(KeyPolicy.ISVEXTPRODID) ? page.isvExtProdId() : Id16.ZERO,
        policy.has(KeyPolicy.NOISVPRODID) ? 0 : secs.isvProdId(),
        request.isvSvn(),
        seal,
        attributes,
        request.attributeMask(),
        enclave ? secs.mrEnclave() : Digest32.ZERO,
        signer ? secs.mrSigner() : Digest32.ZERO,
        keyId,
        true,
        request.cpuSvn(),
        misc,
        complement(request.miscMask()),
        policy,
        config ? secs.configId() : ConfigId.ZERO,
        config ? request.configSvn() : 0);
  }

  private static MiscSelect complement(MiscSelect mask) {
    return new MiscSelect(~mask.bits());
  }
}
