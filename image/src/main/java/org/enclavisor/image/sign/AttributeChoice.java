package org.enclavisor.image.sign;

import static org.enclavisor.image.sign.ConfigKey.AMX;
import static org.enclavisor.image.sign.ConfigKey.DISABLE_DEBUG;
import static org.enclavisor.image.sign.ConfigKey.ENABLE_AEX_NOTIFY;
import static org.enclavisor.image.sign.ConfigKey.ENABLE_KSS;
import static org.enclavisor.image.sign.ConfigKey.LAUNCH_KEY;
import static org.enclavisor.image.sign.ConfigKey.PKRU;
import static org.enclavisor.image.sign.ConfigKey.PROVISION_KEY;

import org.enclavisor.isa.Attributes;

/**
 * ATTRIBUTES and their mask for a SIGSTRUCT, from a configuration ({@code fill_enclave_css}).
 *
 * @param value what must be, under the mask
 * @param mask which bits are enforced
 */
record AttributeChoice(Attributes value, Attributes mask) {
  private static final long XFRM_AVX = 0x6;
  private static final long XFRM_AVX512 = 0xe6;
  private static final long XFRM_PKRU = 0x200;
  private static final long XFRM_AMX = 0x60000;
  private static final long XFRM_RESERVED =
      ~(Attributes.XFRM_LEGACY | XFRM_AVX | XFRM_AVX512 | XFRM_PKRU | XFRM_AMX);
  /** Flags that the SDK never enforces. */
  private static final long UNCHECKED = 0x00ff_0000_0000_0000L;
  private static final int ENABLED = 1;
  private static final int LOADER_SELECTS = 2;

  static AttributeChoice of(SigningConfig config) {
    long flags = Attributes.MODE64BIT;
    long flagMask = ~(Attributes.DEBUG | UNCHECKED);
    if (config.get(DISABLE_DEBUG) == 1) {
      flagMask |= Attributes.DEBUG;
    }
    flags |= config.get(PROVISION_KEY) == 1 ? Attributes.PROVISIONKEY : 0;
    flags |= config.get(LAUNCH_KEY) == 1 ? Attributes.EINITTOKENKEY : 0;
    flags |= config.get(ENABLE_KSS) == 1 ? Attributes.KSS : 0;
    flags |= config.get(ENABLE_AEX_NOTIFY) == 1 ? Attributes.AEXNOTIFY : 0;
    long xfrm = Attributes.XFRM_LEGACY;
    long xfrmMask = Attributes.XFRM_LEGACY | XFRM_RESERVED | XFRM_PKRU | XFRM_AMX;
    for (ConfigKey key : new ConfigKey[] {PKRU, AMX}) {
      long bits = key == PKRU ? XFRM_PKRU : XFRM_AMX;
      xfrm |= config.get(key) == ENABLED ? bits : 0;
      xfrmMask &= config.get(key) == LOADER_SELECTS ? ~bits : -1;
    }
    return new AttributeChoice(new Attributes(flags, xfrm), new Attributes(flagMask, xfrmMask));
  }

  /** What the loader is told: the flags, and of XFRM everything that is not forbidden. */
  Attributes wanted() {
    return new Attributes(value.flags(), ~mask.xfrm() | value.xfrm() & mask.xfrm());
  }

  /** Size in bytes of the XSAVE area for the largest XFRM ({@code get_xsave_size}). */
  int xsaveBytes() {
    long xfrm = wanted().xfrm();
    int bytes = 512 + 64;
    bytes = has(xfrm, XFRM_AVX) ? 832 : bytes;
    bytes = has(xfrm, XFRM_AVX512) ? 2688 : bytes;
    bytes = has(xfrm, XFRM_PKRU) ? 2752 : bytes;
    return has(xfrm, XFRM_AMX) ? 11_008 : bytes;
  }

  private static boolean has(long xfrm, long bits) {
    return (xfrm & bits) == bits;
  }
}
