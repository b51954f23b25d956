package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.Optional;
import org.enclavisor.image.sign.RuntimeSigner;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
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
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.Registers;

/**
 * An enclave that goes over a list of its own addresses in untrusted memory, and counts at each of them, or accepts the
 * page there (EACCEPT). A page of code, a TCS, an SSA frame, a page with SECINFOs, then a heap, and room for another.
 */
final class VisitorEnclave {
  static final int PAGE = 4096;
  static final int LIST = 1 << 14;
  private static final long TCS = PAGE;
  private static final long SSA = 2 * PAGE;
  private static final long DATA = 3 * PAGE;
  static final long HEAP = 16 * PAGE;

  // RSI to RDX in words; R8 = 0: lock inc qword [address]; else EACCEPT with the SECINFO at R9
  private static final byte[] CODE =
      HexFormat.of()
          .parseHex(
              "4989cf4839d60f84480000004c8b96000000004981f8000000000f8514000000f049ff82000000004881c608000000e9cf"
                  + "ffffff4989d34c89cb4c89d1b8050000000f01d74c89da4881c608000000e9afffffff4c89fbb8040000000f01d7");

  private final int heap;
  private final Secs secs;
  private final MemorySegment code = page(CODE);
  private final MemorySegment tcs = page(Tcs.of(0, SSA, 1, 0, 0).toBytes());
  private final MemorySegment data =
      page(new Secinfo(PageType.REG, Permissions.RW, true, false, false).toBytes());
  private final Sigstruct sigstruct;

  /**
   * @param heap in pages
   */
  VisitorEnclave(int heap, long xcr0) {
    this.heap = heap;
    long size = Long.highestOneBit(later(heap) * 2 - 1) << 1;
    secs = Secs.of(size, 1, new MiscSelect(0), new Attributes(Attributes.MODE64BIT, xcr0 & 7 | 3));
    Measurement measurement = Measurement.ecreate(1, size);
    measurement.page(0, Secinfo.reg(Permissions.RX), code);
    measurement.page(TCS, Secinfo.tcs(), tcs);
    measurement.zeroPage(SSA, Secinfo.reg(Permissions.RW));
    measurement.page(DATA, Secinfo.reg(Permissions.RW), data);
    for (int i = 0; i < heap; i++) {
      measurement.zeroPage(HEAP + (long) i * PAGE, Secinfo.reg(Permissions.RW));
    }
    SigstructBody body =
        SigstructBody.of(
            0x20260101, measurement.mrEnclave(), new MiscSelect(0), new MiscSelect(-1), secs.attributes(),
            new Attributes(-1, -1), 0, 0);
    sigstruct = SigstructSigner.sign(body, RuntimeSigner.freshKey());
  }

  /** Where pages can be added while it runs. */
  static long later(int heap) {
    return HEAP + (long) heap * PAGE;
  }

  private static MemorySegment page(byte[] begin) {
    MemorySegment page = MemorySegment.ofArray(new byte[PAGE]);
    page.asSlice(0, begin.length).copyFrom(MemorySegment.ofArray(begin));
    return page;
  }

  Loaded load(SgxDevice device) {
    CreateOutcome.Created created =
        switch (device.create(secs, (long) LIST * Long.BYTES, 1)) {
          case CreateOutcome.Created c -> c;
          case CreateOutcome.Refused(Outcome outcome) -> throw new IllegalStateException("ECREATE: " + outcome);
        };
    EnclaveId id = created.id();
    require(device.add(id, 0, Secinfo.reg(Permissions.RX), code, true));
    require(device.add(id, TCS, Secinfo.tcs(), tcs, true));
    require(device.addZero(id, SSA, PAGE, Secinfo.reg(Permissions.RW), true));
    require(device.add(id, DATA, Secinfo.reg(Permissions.RW), data, true));
    require(device.addZero(id, HEAP, (long) heap * PAGE, Secinfo.reg(Permissions.RW), true));
    require(device.init(id, sigstruct, Optional.empty()));
    require(device.protect(id, later(heap), (long) heap * PAGE, Permissions.RW));
    return new Loaded(device, id, created.base(), EnterCall.eenter(created.base() + TCS, 0), new Registers());
  }

  private static void require(Outcome outcome) {
    if (!outcome.ok()) {
      throw new IllegalStateException(outcome.toString());
    }
  }

  /** A loaded one, entered by one thread. */
  record Loaded(SgxDevice device, EnclaveId id, long base, EnterCall call, Registers registers)
      implements AutoCloseable {

    /** Writes the list: one offset for each step. */
    void list(long[] offsets) {
      UntrustedMemory memory = device.untrusted(id);
      for (int i = 0; i < offsets.length; i++) {
        memory.segment().setAtIndex(ValueLayout.JAVA_LONG, i, base + offsets[i]);
      }
    }

    /** Counts at so many of the listed addresses. */
    void visit(int count) {
      go(count, 0);
    }

    /** Accepts so many of the listed pages. */
    void accept(int count) {
      go(count, 1);
    }

    private void go(int count, int what) {
      registers.rsi = device.untrusted(id).base();
      registers.rdx = registers.rsi + (long) count * Long.BYTES;
      registers.r8 = what;
      registers.r9 = base + DATA;
      EnterOutcome outcome = device.enter(id, call, registers);
      if (!(outcome instanceof EnterOutcome.Exited)) {
        throw new IllegalStateException("expected EEXIT, found " + outcome);
      }
    }

    @Override
    public void close() {
      device.remove(id);
    }
  }
}
