package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.security.interfaces.RSAPrivateCrtKey;
import java.util.HexFormat;
import java.util.Optional;
import org.enclavisor.image.sign.RuntimeSigner;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.SigstructSigner;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.spi.Registers;

/**
 * An enclave that leaves as soon as it is entered: what a transition costs when nothing is done inside. Its layout: a
 * page of code, a TCS, an SSA frame, and as much filler as a load is to be measured with.
 */
public final class SmallestEnclave {
  private static final int PAGE = 4096;
  private static final long TCS = PAGE;
  private static final long SSA = 2 * PAGE;
  private static final long FILLER = 4 * PAGE;

  // mov rbx, rcx; mov eax, 4 (EEXIT); enclu
  private static final byte[] CODE = HexFormat.of().parseHex("4889cbb8040000000f01d7");

  private final Secs secs;
  private final MemorySegment code = page(CODE);
  private final MemorySegment tcs = page(Tcs.of(0, SSA, 1, 0, 0).toBytes());
  private final MemorySegment filler;
  private final Sigstruct sigstruct;

  /**
   * @param filler bytes of measured pages beside those that are needed
   */
  public SmallestEnclave(MemorySegment filler, long xcr0) {
    this(filler, xcr0, RuntimeSigner.freshKey());
  }

  /** The same, signed with a key: to make one takes up to a second. */
  public SmallestEnclave(MemorySegment filler, long xcr0, RSAPrivateCrtKey key) {
    this.filler = filler;
    long size = Long.highestOneBit(FILLER + filler.byteSize() - 1) << 1;
    secs = Secs.of(size, 1, new MiscSelect(0), new Attributes(Attributes.MODE64BIT, xcr0 & 7 | 3));
    sigstruct = sign(secs.attributes(), key);
  }

  private Sigstruct sign(Attributes attributes, RSAPrivateCrtKey key) {
    SigstructBody body =
        SigstructBody.of(
            0x20260101,
            measure().mrEnclave(),
            new MiscSelect(0),
            new MiscSelect(-1),
            attributes,
            new Attributes(-1, -1),
            0,
            0);
    return SigstructSigner.sign(body, key);
  }

  private Measurement measure() {
    Measurement measurement = Measurement.ecreate(1, secs.size());
    measurement.page(0, Secinfo.reg(Permissions.RX), code);
    measurement.page(TCS, Secinfo.tcs(), tcs);
    measurement.zeroPage(SSA, Secinfo.reg(Permissions.RW));
    for (long at = 0; at < filler.byteSize(); at += PAGE) {
      measurement.page(FILLER + at, Secinfo.reg(Permissions.RW), filler.asSlice(at, PAGE));
    }
    return measurement;
  }

  private static MemorySegment page(byte[] begin) {
    MemorySegment page = MemorySegment.ofArray(new byte[PAGE]);
    page.asSlice(0, begin.length).copyFrom(MemorySegment.ofArray(begin));
    return page;
  }

  /** ECREATE to EINIT. */
  public Loaded load(SgxDevice device) {
    CreateOutcome.Created created =
        switch (device.create(secs, PAGE, 1)) {
          case CreateOutcome.Created c -> c;
          case CreateOutcome.Refused(Outcome outcome) -> throw new IllegalStateException("ECREATE: " + outcome);
        };
    EnclaveId id = created.id();
    require("EADD code", device.add(id, 0, Secinfo.reg(Permissions.RX), code, true));
    require("EADD TCS", device.add(id, TCS, Secinfo.tcs(), tcs, true));
    require("EADD SSA", device.addZero(id, SSA, PAGE, Secinfo.reg(Permissions.RW), true));
    if (filler.byteSize() > 0) {
      require("EADD filler", device.add(id, FILLER, Secinfo.reg(Permissions.RW), filler, true));
    }
    require("EINIT", device.init(id, sigstruct, Optional.empty()));
    return new Loaded(device, id, EnterCall.eenter(created.base() + TCS, 0));
  }

  private static void require(String step, Outcome outcome) {
    if (!outcome.ok()) {
      throw new IllegalStateException(step + ": " + outcome);
    }
  }

  /** A loaded one, entered by one thread. */
  public record Loaded(SgxDevice device, EnclaveId id, EnterCall call) implements AutoCloseable {
    /** EENTER and EEXIT. */
    public void roundTrip(Registers registers) {
      if (!(device.enter(id, call, registers) instanceof EnterOutcome.Exited)) {
        throw new IllegalStateException("expected EEXIT");
      }
    }

    @Override
    public void close() {
      device.remove(id);
    }
  }
}
