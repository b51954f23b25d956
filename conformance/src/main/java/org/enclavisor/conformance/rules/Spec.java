package org.enclavisor.conformance.rules;

import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;

/** What an enclave of a rule is made with. Mutable, confined to one thread. */
final class Spec {
  long flags = Attributes.MODE64BIT;
  int misc;
  /** SECS.BASEADDR; 0: wherever the machine likes. */
  long base;
  int isvSvn = 3;
  int isvProdId = 7;
  int configSvn;
  ConfigId configId = ConfigId.ZERO;
  Id16 familyId = Id16.ZERO;
  Id16 extProdId = Id16.ZERO;
  boolean initialised = true;
  boolean otherSigner;
  long ossa = Enclave.SSA;
  int nssa = 2;
  int frameSize = 1;
  long oentry = Enclave.CODE;
  long tcsFlags;
  long ofs = Enclave.DATA;
  long ogs = Enclave.DATA2;
  boolean withFrames = true;

  Spec debug() {
    flags |= Attributes.DEBUG;
    return this;
  }

  Spec with(long attributes) {
    flags |= attributes;
    return this;
  }

  /** Frames of two pages, one for each thread. */
  Spec largeFrames() {
    frameSize = 2;
    nssa = 1;
    return this;
  }

  Spec building() {
    initialised = false;
    return this;
  }

  Secs secs(long base) {
    return Secs.of(Enclave.SIZE, frameSize, new MiscSelect(misc), new Attributes(flags, 3))
        .withBaseAddr(base)
        .withConfig(configId, configSvn);
  }

  byte[] tcs(int thread) {
    byte[] bytes =
        Tcs.of(oentry, thread == 0 ? ossa : Enclave.SSA2, nssa, ofs, ogs).toBytes();
    Scene.u64(bytes, 8, tcsFlags);
    return bytes;
  }
}
