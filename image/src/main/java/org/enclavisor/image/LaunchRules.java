package org.enclavisor.image;

import java.util.Optional;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;

/**
 * What an image wants to be launched with, before the machine has been asked. The rules are those of each kind's own
 * loader: the Intel SDK's urts ({@code get_misc_attr}), Open Enclave's host ({@code _detect_xfrm}, {@code _new_secs}),
 * the kernel selftest's {@code encl_ioc_create}, Fortanix's loader.
 *
 * @param wanted ATTRIBUTES the image wants; of XFRM, all it could use
 * @param miscSelect MISCSELECT the image wants where the machine has it
 * @param debuggable whether the image lets itself be launched with DEBUG
 * @param alwaysDebug whether the image can only be launched with DEBUG
 */
public record LaunchRules(Attributes wanted, MiscSelect miscSelect, boolean debuggable, boolean alwaysDebug) {
  private static final long AVX = 6;

  /** What a SIGSTRUCT says, for images that say nothing themselves. */
  static LaunchRules of(Sigstruct sigstruct) {
    return new LaunchRules(sigstruct.attributes(), sigstruct.miscSelect(), debuggable(sigstruct),
        alwaysDebug(sigstruct));
  }

  /** Whether a SIGSTRUCT lets DEBUG be set. */
  public static boolean debuggable(Sigstruct sigstruct) {
    return !sigstruct.attributeMask().has(Attributes.DEBUG) || sigstruct.attributes().has(Attributes.DEBUG);
  }

  /** Whether a SIGSTRUCT demands that DEBUG be set. */
  public static boolean alwaysDebug(Sigstruct sigstruct) {
    return sigstruct.attributeMask().has(Attributes.DEBUG) && sigstruct.attributes().has(Attributes.DEBUG);
  }

  LaunchDecision decide(Secs secs, Optional<Sigstruct> sigstruct, MachineCapabilities machine, boolean debug) {
    if ((machine.attributes().xfrm() & wanted.xfrm() & Attributes.XFRM_LEGACY) != Attributes.XFRM_LEGACY) {
      return new LaunchDecision.Refused("XFRM: x87 and SSE (bits 0 and 1) are needed, the image asks for 0x"
          + Long.toHexString(wanted.xfrm()) + ", the machine has 0x" + Long.toHexString(machine.attributes().xfrm()));
    }
    if (debug && !debuggable) {
      return new LaunchDecision.Refused("DEBUG was asked for, but the image is signed as a production enclave");
    }
    boolean asDebug = debug || alwaysDebug;
    Attributes attributes = (asDebug ? wanted.with(Attributes.DEBUG) : wanted.without(Attributes.DEBUG))
        .and(machine.attributes());
    MiscSelect misc = miscSelect.and(machine.miscSelect());
    if (attributes.has(Attributes.AEXNOTIFY) && (attributes.xfrm() & AVX) != AVX) {
      return new LaunchDecision.Refused("AEXNOTIFY needs AVX in XFRM, the machine has XFRM 0x"
          + Long.toHexString(machine.attributes().xfrm()));
    }
    Optional<String> conflict = sigstruct.flatMap(signed -> conflict(signed, attributes, misc));
    if (conflict.isPresent()) {
      return new LaunchDecision.Refused(conflict.get());
    }
    return new LaunchDecision.Ready(new Secs(secs.size(), secs.baseAddr(), secs.ssaFrameSize(), misc,
        secs.cetLegBitmapOffset(), secs.cetAttributes(), attributes, secs.mrEnclave(), secs.mrSigner(),
        secs.configId(), secs.isvProdId(), secs.isvSvn(), secs.configSvn()));
  }

  private static Optional<String> conflict(Sigstruct signed, Attributes attributes, MiscSelect misc) {
    Attributes mask = signed.attributeMask();
    if (!attributes.and(mask).equals(signed.attributes().and(mask))) {
      return Optional.of("ATTRIBUTES would be " + attributes + ", but SIGSTRUCT demands " + signed.attributes()
          + " under the mask flags=0x" + Long.toHexString(mask.flags()) + " XFRM=0x" + Long.toHexString(mask.xfrm()));
    }
    if (!misc.and(signed.miscMask()).equals(signed.miscSelect().and(signed.miscMask()))) {
      return Optional.of("MISCSELECT would be " + misc + ", but SIGSTRUCT demands " + signed.miscSelect()
          + " under the mask " + signed.miscMask());
    }
    return Optional.empty();
  }
}
