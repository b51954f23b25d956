package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.Optional;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.SigstructSigner;
import org.enclavisor.isa.Tcs;

/** A signer, and a small enclave: page 0 code, 1 and 2 TCS, from 4 on three SSA frames each, 10 data. */
public final class TestEnclaves {
  public static final long SIZE = 0x10000;
  public static final long TCS_OFFSET = 0x1000;
  public static final long TCS2_OFFSET = 0x2000;
  public static final long SSA_OFFSET = 0x4000;
  public static final long SSA2_OFFSET = 0x7000;
  public static final long DATA_OFFSET = 0xA000;
  public static final long ENTRY = 0x40;
  public static final long XFRM = 7;
  public static final RSAPrivateCrtKey KEY = key();
  public static final Attributes ATTRIBUTES = new Attributes(Attributes.MODE64BIT, XFRM);

  private TestEnclaves() {}

  public static RSAPrivateCrtKey key() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(new RSAKeyGenParameterSpec(3072, RSAKeyGenParameterSpec.F0));
      KeyPair pair = generator.generateKeyPair();
      return (RSAPrivateCrtKey) pair.getPrivate();
    } catch (NoSuchAlgorithmException | java.security.InvalidAlgorithmParameterException e) {
      throw new IllegalStateException(e);
    }
  }

  public static Secs secs() {
    return Secs.of(SIZE, 1, MiscSelect.NONE, ATTRIBUTES);
  }

  public static byte[] code() {
    byte[] code = new byte[4096];
    for (int i = 0; i < code.length; i++) {
      code[i] = (byte) (i * 7 + 1);
    }
    return code;
  }

  public static Tcs tcs(long ssa) {
    return Tcs.of(ENTRY, ssa, 3, DATA_OFFSET, DATA_OFFSET + 0x1000);
  }

  /** What MRENCLAVE of {@link #addAll} is. */
  public static Measurement measure(Secs secs) {
    Measurement m = Measurement.ecreate(secs.ssaFrameSize(), secs.size());
    m.page(0, Secinfo.reg(Permissions.RX), MemorySegment.ofArray(code()));
    m.page(TCS_OFFSET, Secinfo.tcs(), MemorySegment.ofArray(tcs(SSA_OFFSET).toBytes()));
    m.page(TCS2_OFFSET, Secinfo.tcs(), MemorySegment.ofArray(tcs(SSA2_OFFSET).toBytes()));
    for (int i = 0; i < 6; i++) {
      m.eadd(SSA_OFFSET + i * 4096L, Secinfo.reg(Permissions.RW));
    }
    MemorySegment zero = MemorySegment.ofArray(new byte[4096]);
    for (int i = 0; i < 2; i++) {
      m.page(DATA_OFFSET + i * 4096L, Secinfo.reg(Permissions.RW), zero);
    }
    return m;
  }

  public static void addAll(SgxDevice device, EnclaveId id) {
    require(device.add(id, 0, Secinfo.reg(Permissions.RX), MemorySegment.ofArray(code()), true));
    require(device.add(id, TCS_OFFSET, Secinfo.tcs(), MemorySegment.ofArray(tcs(SSA_OFFSET).toBytes()), true));
    require(device.add(id, TCS2_OFFSET, Secinfo.tcs(), MemorySegment.ofArray(tcs(SSA2_OFFSET).toBytes()), true));
    require(device.addZero(id, SSA_OFFSET, 6 * 4096, Secinfo.reg(Permissions.RW), false));
    require(device.addZero(id, DATA_OFFSET, 2 * 4096, Secinfo.reg(Permissions.RW), true));
  }

  public static Sigstruct sign(Digest32 mrEnclave, Secs secs) {
    return sign(
        SigstructBody.of(
            0x20260101,
            mrEnclave,
            secs.miscSelect(),
            new MiscSelect(-1),
            secs.attributes(),
            new Attributes(-1, -1),
            5,
            6));
  }

  public static Sigstruct sign(SigstructBody body) {
    return SigstructSigner.sign(body, KEY);
  }

  /** Created, filled and initialised. */
  public static CreateOutcome.Created load(SgxDevice device, Secs secs) {
    CreateOutcome.Created created = (CreateOutcome.Created) device.create(secs, 0x10000, 2);
    addAll(device, created.id());
    require(device.init(created.id(), sign(measure(secs).mrEnclave(), secs), Optional.empty()));
    return created;
  }

  public static void require(Outcome outcome) {
    if (!outcome.ok()) {
      throw new AssertionError(outcome);
    }
  }
}
