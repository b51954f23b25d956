package org.enclavisor.image;

import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;

/**
 * What a machine lets an enclave have: CPUID leaf 0x12, sub-leaves 0 and 1, and XCR0.
 *
 * @param attributes the ATTRIBUTES flags that may be set, and in XFRM the state components that may be used (the
 *     intersection of CPUID.(EAX=12H,ECX=1):EDX:ECX and XCR0)
 * @param miscSelect the MISCSELECT bits that may be set
 */
public record MachineCapabilities(Attributes attributes, MiscSelect miscSelect) {
  /** A machine with every attribute that has a meaning to software alone, EXINFO, and these state components. */
  public static MachineCapabilities withXcr0(long xcr0) {
    return new MachineCapabilities(new Attributes(Attributes.DEBUG | Attributes.MODE64BIT | Attributes.PROVISIONKEY
        | Attributes.EINITTOKENKEY | Attributes.KSS | Attributes.AEXNOTIFY, xcr0), new MiscSelect(MiscSelect.EXINFO));
  }
}
