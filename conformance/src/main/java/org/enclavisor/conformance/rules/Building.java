package org.enclavisor.conformance.rules;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;

/** Makes the enclave of a rule, measuring on its own what the machine has to measure. Confined to one thread. */
final class Building {
  private static final int PAGE = Enclave.PAGE;
  static final long R = 1 | 2 << 8;
  static final long RW = 3 | 2 << 8;
  static final long RX = 5 | 2 << 8;
  static final long RWX = 7 | 2 << 8;
  static final long TCS = 1 << 8;

  private final Scene scene;
  private final Spec spec;
  private final Secs secs;
  private final Enclave enclave;
  private final Measurement measurement;

  Building(Scene scene, Spec spec) {
    this.scene = scene;
    this.spec = spec;
    secs = spec.secs(spec.base != 0 ? spec.base : scene.machine.elrange(Enclave.SIZE));
    long page = scene.loosePage();
    enclave = new Enclave(scene, page, secs);
    measurement = Measurement.ecreate(secs.ssaFrameSize(), secs.size());
    Scene.done("ECREATE", scene.ecreate(page, secs));
    scene.add(enclave);
  }

  Enclave build() {
    add(Enclave.CODE, RX, scene.machine.probe().code());
    eextend(Enclave.CODE, 0);
    add(Enclave.DATA, RW, new byte[0]);
    add(Enclave.DATA2, RW, new byte[0]);
    add(Enclave.READ_ONLY, R, new byte[0]);
    add(Enclave.TCS, TCS, spec.tcs(0));
    add(Enclave.TCS2, TCS, spec.tcs(1));
    if (spec.withFrames) {
      for (int frame = 0; frame < 2; frame++) {
        add(Enclave.SSA + (long) frame * PAGE, RW, new byte[0]);
        add(Enclave.SSA2 + (long) frame * PAGE, RW, new byte[0]);
      }
    }
    add(Enclave.RWX, RWX, Probe.comeBack());
    enclave.measured = measurement.mrEnclave();
    if (spec.initialised) {
      Scene.done("EINIT", einit(scene, enclave, sign(spec, enclave)));
    }
    return enclave;
  }

  private void add(long offset, long flags, byte[] content) {
    Scene.done("EADD", scene.eadd(enclave, offset, flags, content));
    measurement.eadd(offset, Secinfo.ofFlags(flags));
  }

  /** Measures a chunk of the probe's page. */
  private void eextend(long offset, int chunk) {
    Scene.done("EEXTEND", scene.machine.encls(6, enclave.secs, enclave.page(offset) + chunk, 0));
    byte[] page = Arrays.copyOf(scene.machine.probe().code(), PAGE);
    measurement.eextend(offset + chunk, MemorySegment.ofArray(page).asSlice(chunk, 256));
  }

  static SigstructBody body(Spec spec, Enclave enclave) {
    Attributes attributes = new Attributes(spec.flags, 3);
    return SigstructBody.of(
            0x20260101, enclave.measured, new MiscSelect(spec.misc), new MiscSelect(-1), attributes,
            new Attributes(~0L & ~Attributes.DEBUG, -1), spec.isvProdId, spec.isvSvn)
        .withKss(spec.familyId, spec.extProdId);
  }

  static Sigstruct sign(Spec spec, Enclave enclave) {
    SigstructBody body = body(spec, enclave);
    return spec.otherSigner ? Signers.signOtherwise(body) : Signers.sign(body);
  }

  static LeafResult einit(Scene scene, Enclave enclave, Sigstruct sigstruct) {
    scene.machine.write(scene.memory.sigstruct, sigstruct.toBytes());
    scene.machine.write(scene.memory.token, new byte[PAGE]);
    return scene.machine.encls(2, scene.memory.sigstruct, enclave.secs, scene.memory.token);
  }
}
