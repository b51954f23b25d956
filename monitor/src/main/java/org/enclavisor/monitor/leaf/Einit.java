package org.enclavisor.monitor.leaf;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLS[EINIT]: fixes an enclave's identity, after which it can be entered (SDM 3D, “EINIT—Initialize an Enclave for
 * Execution”).
 *
 * <p>The manual's text, though not its pseudo-code, also speaks of reserved bits in SIGSTRUCT.ATTRIBUTES and its mask;
 * as ECREATE refuses them in the SECS, they can only make the comparison fail, which is what happens here.
 */
public final class Einit {
  private static final int PAGE = 4096;
  private static final int BRIEF = 48;
  private static final long TOKEN_VALID = Einittoken.LAYOUT.byteOffset(groupElement("valid"));
  private static final long TOKEN_MASKED_ATTRIBUTES =
      Einittoken.LAYOUT.byteOffset(groupElement("maskedAttributesLe"));

  /** Attributes that only an authorised signer may use. */
  private static final long CONTROLLED_ATTRIBUTES = Attributes.EINITTOKENKEY;

  private Einit() {}

  /**
   * @param rbx address of a SIGSTRUCT
   * @param rcx address of the SECS
   * @param rdx address of an EINITTOKEN
   * @param launchKeyHash IA32_SGXLEPUBKEYHASH
   */
  public static Outcome execute(
      Cpu cpu, Epc epc, Operands operands, long rbx, long rcx, long rdx, Digest32 launchKeyHash) {
    if ((rbx & (PAGE - 1)) != 0 || (rcx & (PAGE - 1)) != 0) {
      return Outcome.gp("SIGSTRUCT at 0x%x, SECS at 0x%x: expected multiples of 4096".formatted(rbx, rcx));
    }
    if ((rdx & (Einittoken.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("EINITTOKEN at 0x%x is not aligned to 512 bytes".formatted(rdx));
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    MemorySegment sigstructBytes = operands.copy(rbx, Sigstruct.BYTES);
    if (sigstructBytes == null) {
      return Operands.notMapped(rbx, "SIGSTRUCT");
    }
    MemorySegment token = operands.copy(rdx, Einittoken.BYTES);
    if (token == null) {
      return Operands.notMapped(rdx, "EINITTOKEN");
    }

    Sigstruct sigstruct;
    try {
      sigstruct = Sigstruct.read(sigstructBytes);
    } catch (MalformedStructureException e) {
      return error(SgxError.SGX_INVALID_SIG_STRUCT, e.getMessage());
    }
    if (sigstruct.body().cetAttributes() != 0 || sigstruct.body().cetAttributesMask() != 0) {
      return error(
          SgxError.SGX_INVALID_SIG_STRUCT, "SIGSTRUCT has CET fields set, which are reserved without CET");
    }
    if (sigstruct.verify() instanceof SignatureCheck.Invalid invalid) {
      return error(
          invalid.error(),
          "SIGSTRUCT.%s: expected %s, found %s"
              .formatted(invalid.field(), brief(invalid.expected()), brief(invalid.found())));
    }

    if (!target.tryShared()) {
      return Operands.busy(rcx);
    }
    try {
      SecsPage secs = target instanceof LooseFrame frame ? frame.secs() : null;
      if (secs == null) {
        return Operands.epc(rcx, "0x%x is not a SECS".formatted(rcx));
      }
      if (!sigstruct.body().isvFamilyId().isZero() && !secs.attributes().has(Attributes.KSS)) {
        return error(
            SgxError.SGX_INVALID_SIG_STRUCT, "SIGSTRUCT.ISVFAMILYID is set, but not SECS.ATTRIBUTES.KSS");
      }
      if (!secs.building().tryTake()) {
        return Outcome.gp("another leaf updates the measurement");
      }
      try {
        return initialise(cpu, secs, sigstruct, token, launchKeyHash);
      } finally {
        secs.building().release();
      }
    } finally {
      target.releaseShared();
    }
  }

  private static Outcome initialise(
      Cpu cpu, SecsPage secs, Sigstruct sigstruct, MemorySegment token, Digest32 launchKeyHash) {
    if (secs.initialised()) {
      return Outcome.gp("the enclave is initialised already");
    }
    Digest32 mrEnclave = secs.measurement().mrEnclave();
    if (!mrEnclave.equals(sigstruct.enclaveHash())) {
      return error(
          SgxError.SGX_INVALID_MEASUREMENT,
          "SIGSTRUCT.ENCLAVEHASH: expected MRENCLAVE %s, found %s".formatted(mrEnclave, sigstruct.enclaveHash()));
    }
    Digest32 mrSigner = sigstruct.mrSigner();
    Outcome refused = checkPermitted(secs, sigstruct, mrSigner, launchKeyHash);
    if (refused == null && (token.get(JAVA_INT_UNALIGNED, TOKEN_VALID) & 1) == 0) {
      if (!mrSigner.equals(launchKeyHash)) {
        refused =
            error(
                SgxError.SGX_INVALID_EINITTOKEN,
                "no EINITTOKEN, and MRSIGNER=%s: expected IA32_SGXLEPUBKEYHASH %s".formatted(mrSigner, launchKeyHash));
      }
    } else if (refused == null) {
      refused = checkToken(cpu, secs, token, mrEnclave, mrSigner, launchKeyHash);
    }
    if (refused != null) {
      return refused;
    }
    secs.initialise(
        secs.secs().initialized(mrEnclave, mrSigner, sigstruct.isvProdId(), sigstruct.isvSvn()),
        sigstruct.body().isvFamilyId(),
        sigstruct.body().isvExtProdId());
    return Outcome.success();
  }

  /** What the signer allows, and what is allowed to the signer. */
  private static @Nullable Outcome checkPermitted(
      SecsPage secs, Sigstruct sigstruct, Digest32 mrSigner, Digest32 launchKeyHash) {
    Attributes attributes = secs.attributes();
    if ((attributes.flags() & CONTROLLED_ATTRIBUTES) != 0 && !mrSigner.equals(launchKeyHash)) {
      return error(
          SgxError.SGX_INVALID_ATTRIBUTE,
          "SECS.ATTRIBUTES.EINITTOKENKEY is for the signer in IA32_SGXLEPUBKEYHASH, %s, only: found %s"
              .formatted(launchKeyHash, mrSigner));
    }
    Attributes mask = sigstruct.attributeMask();
    if (!attributes.and(mask).equals(sigstruct.attributes().and(mask))) {
      return error(
          SgxError.SGX_INVALID_ATTRIBUTE,
          "SECS.ATTRIBUTES: expected %s under mask %s, found %s".formatted(sigstruct.attributes(), mask, attributes));
    }
    if (!secs.miscSelect().and(sigstruct.miscMask()).equals(sigstruct.miscSelect().and(sigstruct.miscMask()))) {
      return error(
          SgxError.SGX_INVALID_ATTRIBUTE,
          "SECS.MISCSELECT: expected %s under mask %s, found %s"
              .formatted(sigstruct.miscSelect(), sigstruct.miscMask(), secs.miscSelect()));
    }
    return null;
  }

  private static @Nullable Outcome checkToken(
      Cpu cpu,
      SecsPage secs,
      MemorySegment bytes,
      Digest32 mrEnclave,
      Digest32 mrSigner,
      Digest32 launchKeyHash) {
    boolean debugLauncher =
        (bytes.get(JAVA_LONG_UNALIGNED, TOKEN_MASKED_ATTRIBUTES) & Attributes.DEBUG) != 0;
    if (debugLauncher && !secs.attributes().has(Attributes.DEBUG)) {
      return error(
          SgxError.SGX_INVALID_EINITTOKEN, "EINITTOKEN is from a debug launch enclave, the enclave is not debug");
    }
    Einittoken token;
    try {
      token = Einittoken.read(bytes);
    } catch (MalformedStructureException e) {
      return error(SgxError.SGX_INVALID_EINITTOKEN, e.getMessage());
    }
    if (token.cetMaskedAttributesLe() != 0) {
      return error(
          SgxError.SGX_INVALID_EINITTOKEN, "EINITTOKEN has CET fields set, which are reserved without CET");
    }
    if (cpu.beyond(token.cpuSvnLe())) {
      return error(
          SgxError.SGX_INVALID_CPUSVN,
          "EINITTOKEN.CPUSVNLE=%s: expected at most %s".formatted(token.cpuSvnLe(), cpu.cpuSvn()));
    }
    boolean genuine;
    try (Key128 launchKey = cpu.keys().launchKey(token, launchKeyHash)) {
      genuine = token.verifyMac(launchKey);
    }
    if (!genuine) {
      return error(SgxError.SGX_INVALID_EINITTOKEN, "EINITTOKEN.MAC is not one of this machine's launch key");
    }
    if (!token.mrEnclave().equals(mrEnclave) || !token.mrSigner().equals(mrSigner)) {
      return error(
          SgxError.SGX_INVALID_MEASUREMENT,
          "EINITTOKEN is for MRENCLAVE=%s MRSIGNER=%s".formatted(token.mrEnclave(), token.mrSigner()));
    }
    if (!token.attributes().equals(secs.attributes())) {
      return error(
          SgxError.SGX_INVALID_ATTRIBUTE,
          "EINITTOKEN.ATTRIBUTES=%s: expected %s".formatted(token.attributes(), secs.attributes()));
    }
    return null;
  }

  /** Numbers of 3072 bits are for nobody to read. */
  private static String brief(String number) {
    return number.length() <= BRIEF ? number : number.substring(0, BRIEF) + "…";
  }

  private static Outcome error(SgxError error, String reason) {
    return Outcome.error(error, reason);
  }
}
