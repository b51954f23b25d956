package org.enclavisor.conformance;

import java.util.Set;
import org.enclavisor.isa.Attributes;

/**
 * What a processor says of its SGX (SDM 3D, “Intel SGX Resource Enumeration Leaves”, CPUID leaf 12H), and what a
 * machine adds for the suite.
 *
 * @param capabilities CPUID.(12H, 0):EAX
 * @param miscselect CPUID.(12H, 0):EBX
 * @param sizeBits64 CPUID.(12H, 0):EDX[15:8]: SECS.SIZE is less than 2 to this
 * @param attributes CPUID.(12H, 1):EAX and EBX: the flags that ECREATE accepts
 * @param xfrm CPUID.(12H, 1):ECX and EDX: the XFRM that ECREATE accepts
 * @param homeFrames whether an EPC page fits one linear address only, which the manual does not know: the
 *     campaign then leaves out steps that would put a page elsewhere
 * @param holds which conflicts {@link SgxMachine#hold} can make
 * @param launchKeyHashFixed whether IA32_SGXLEPUBKEYHASH is the suite's own signer, so that EINIT needs no token
 *     from it; else every signer is taken for authorised
 * @param keys whether keys and MACs are real, which a model's need not be
 * @param frames whether SSA frames hold what an asynchronous exit saves, which a model's need not
 */
public record Features(
    int capabilities,
    int miscselect,
    int sizeBits64,
    long attributes,
    long xfrm,
    boolean homeFrames,
    Set<SgxMachine.Hold> holds,
    boolean launchKeyHashFixed,
    boolean keys,
    boolean frames) {
  /** CPUID.(12H, 0):EAX[1]: EAUG, EMODPR, EMODT, EACCEPT, EMODPE, EACCEPTCOPY. */
  public static final int SGX2 = 1 << 1;
  /** CPUID.(12H, 0):EAX[5]: ENCLV. */
  public static final int ENCLV = 1 << 5;
  /** CPUID.(12H, 0):EAX[6]: ERDINFO, ETRACKC, ELDBC, ELDUC. */
  public static final int OVERSUBSCRIPTION = 1 << 6;
  /** CPUID.(12H, 0):EAX[7]: EVERIFYREPORT2. */
  public static final int EVERIFYREPORT2 = 1 << 7;
  /** CPUID.(12H, 0):EAX[10]: EUPDATESVN. */
  public static final int EUPDATESVN = 1 << 10;
  /** CPUID.(12H, 0):EAX[11]: EDECCSSA. */
  public static final int EDECCSSA = 1 << 11;

  public Features {
    holds = Set.copyOf(holds);
  }

  /** Whether a capability's bit is set. */
  public boolean has(int capability) {
    return (capabilities & capability) == capability;
  }

  /** Whether ECREATE accepts these attribute flags. */
  public boolean attribute(long flags) {
    return (attributes & flags) == flags;
  }

  /** The same for a model, which has no keys and no SSA frames. */
  public Features ofModel() {
    return new Features(
        capabilities, miscselect, sizeBits64, attributes, xfrm, homeFrames, holds, launchKeyHashFixed, false, false);
  }

  /** Whether AEX-Notify can be had. */
  public boolean aexNotify() {
    return attribute(Attributes.AEXNOTIFY);
  }
}
