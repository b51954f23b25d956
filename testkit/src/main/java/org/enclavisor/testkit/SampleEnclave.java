package org.enclavisor.testkit;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
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
import org.enclavisor.isa.SsaFrame;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.SgxDevice;

/**
 * A tiny enclave, made from a program and signed by {@link TestSigner}: code at {@link #CODE}, where every thread is
 * entered; four pages of data at {@link #DATA}; a read-only page; then, for each thread, a TCS and its SSA frames. All
 * of it is measured. FS base is a page of data for each thread (of the first four), GS base the last page of data.
 *
 * @param secs with the base that was asked for, 0 at first
 * @param pages in the order of EADD
 * @param tcs offsets of the threads' TCS
 * @param sigstruct over all that
 */
public record SampleEnclave(Secs secs, List<Page> pages, List<Long> tcs, Sigstruct sigstruct) {
  /** Where code begins, read and executed. */
  public static final long CODE = 0;
  /** Where data begins, read and written. */
  public static final long DATA = 0x4000;
  /** The end of data, which serves as a stack for programs that want one. */
  public static final long STACK = 0x8000;
  /** A page that may be read only. */
  public static final long READ_ONLY = 0x8000;
  /** Where there is no page. */
  public static final long NOTHING = 0x9000;

  /** The offset of every thread's GS base: the last page of data. */
  public static final long GS_BASE = 0x7000;
  /** Where the TCS and SSA frames of the first thread begin. */
  public static final long THREADS = 0x1_0000;
  /** Where {@link Builder#heap} begins. */
  public static final long HEAP = 0x10_0000;
  /** Bytes of untrusted memory that {@link #load} asks for. */
  public static final long UNTRUSTED = 0x1_0000;

  private static final int PAGE = 4096;
  private static final int DATE = 0x20260101;

  /** Some bytes of an enclave; the page itself may be longer. */
  public record Page(long offset, Secinfo secinfo, byte[] content) {}

  /** An enclave in a monitor. */
  public record Loaded(EnclaveId id, long base, SampleEnclave enclave) {
    /** The linear address of a thread's TCS. */
    public long tcs(int thread) {
      return base + enclave.tcs.get(thread);
    }
  }

  /** What a sample may be made with; everything has a default. Mutable, confined to one thread. */
  public static final class Builder {
    private final byte[] code;
    private int threads = 1;
    private int nssa = 2;
    private int ssaFrameSize = 1;
    private long flags = Attributes.MODE64BIT;
    private long xfrm = 7;
    private MiscSelect miscSelect = MiscSelect.NONE;
    private long size = 0x2_0000;
    private int isvSvn = 1;
    private long base;
    private Permissions codePermissions = Permissions.RX;
    private int heap;

    private Builder(byte[] code) {
      this.code = code;
    }

    public Builder threads(int count) {
      threads = count;
      return this;
    }

    public Builder nssa(int frames) {
      nssa = frames;
      return this;
    }

    public Builder ssaFrameSize(int pages) {
      ssaFrameSize = pages;
      return this;
    }

    /** Attribute flags beside MODE64BIT. */
    public Builder attributes(long more) {
      flags |= more;
      return this;
    }

    public Builder xfrm(long components) {
      xfrm = components;
      return this;
    }

    public Builder miscSelect(int bits) {
      miscSelect = new MiscSelect(bits);
      return this;
    }

    /** Bytes of the ELRANGE: a power of two. */
    public Builder size(long bytes) {
      size = bytes;
      return this;
    }

    /** SECS.BASEADDR, a multiple of the size; 0, as at first, lets the platform choose. */
    public Builder base(long address) {
      base = address;
      return this;
    }

    /** So many pages that may be read and written, from {@link #HEAP} on, in an ELRANGE that is large enough. */
    public Builder heap(int pages) {
      heap = pages;
      size = Math.max(size, Long.highestOneBit(HEAP + (long) pages * PAGE - 1) * 2);
      return this;
    }

    /** Code that can change itself. */
    public Builder writableCode() {
      codePermissions = Permissions.RWX;
      return this;
    }

    public Builder isvSvn(int value) {
      isvSvn = value;
      return this;
    }

    public SampleEnclave build() {
      var pages = new ArrayList<Page>();
      var tcs = new ArrayList<Long>();
      for (int at = 0; at < DATA; at += PAGE) {
        byte[] part = at < code.length ? Arrays.copyOfRange(code, at, at + PAGE) : new byte[PAGE];
        pages.add(new Page(CODE + at, Secinfo.reg(codePermissions), part));
      }
      for (long at = DATA; at < STACK; at += PAGE) {
        pages.add(new Page(at, Secinfo.reg(Permissions.RW), new byte[PAGE]));
      }
      pages.add(new Page(READ_ONLY, Secinfo.reg(Permissions.R), new byte[PAGE]));
      long next = THREADS;
      for (int thread = 0; thread < threads; thread++) {
        tcs.add(next);
        long ssa = next + PAGE;
        pages.add(new Page(next, Secinfo.tcs(), Tcs.of(CODE, ssa, nssa, fsBase(thread), GS_BASE).toBytes()));
        for (int frame = 0; frame < nssa * ssaFrameSize; frame++) {
          pages.add(new Page(ssa + (long) frame * PAGE, Secinfo.reg(Permissions.RW), new byte[PAGE]));
        }
        next = ssa + (long) nssa * ssaFrameSize * PAGE;
      }
      for (int page = 0; page < heap; page++) {
        pages.add(new Page(HEAP + (long) page * PAGE, Secinfo.reg(Permissions.RW), new byte[PAGE]));
      }
      var secs = Secs.of(size, ssaFrameSize, miscSelect, new Attributes(flags, xfrm)).withBaseAddr(base);
      return new SampleEnclave(secs, List.copyOf(pages), List.copyOf(tcs), sign(secs, measure(secs, pages), isvSvn));
    }
  }

  /** An enclave that begins with a program, written as if the base were 0: memory is to be named relative to RIP. */
  public static Builder of(Consumer<Code> program) {
    var code = Code.at(0);
    program.accept(code);
    return new Builder(code.bytes());
  }

  private static Digest32 measure(Secs secs, List<Page> pages) {
    var measurement = Measurement.ecreate(secs.ssaFrameSize(), secs.size());
    for (Page page : pages) {
      measurement.page(page.offset, page.secinfo, MemorySegment.ofArray(page.content));
    }
    return measurement.mrEnclave();
  }

  /** The signature fixes flags (but for DEBUG) and MISCSELECT, and of XFRM only x87 and SSE. */
  private static Sigstruct sign(Secs secs, Digest32 mrEnclave, int isvSvn) {
    var mask = new Attributes(~Attributes.DEBUG, Attributes.XFRM_LEGACY);
    var body = SigstructBody.of(
        DATE, mrEnclave, secs.miscSelect(), new MiscSelect(-1), secs.attributes().and(mask), mask, 0, isvSvn);
    return SigstructSigner.sign(body, TestSigner.KEY);
  }

  /** The offset of a thread's FS base. */
  public static long fsBase(int thread) {
    return DATA + (long) (thread % 4) * PAGE;
  }

  /** Where an SSA frame of a thread begins, from the base. */
  public long ssa(int thread, int index) {
    return frame().offset(tcs.get(thread) + PAGE, index);
  }

  /** The geometry of SSA frames. */
  public SsaFrame frame() {
    return SsaFrame.of(secs.ssaFrameSize(), secs.miscSelect());
  }

  /** ECREATE and all EADD and EEXTEND; fails if one does. */
  public Loaded add(SgxDevice device) {
    CreateOutcome outcome = device.create(secs, UNTRUSTED, tcs.size());
    if (!(outcome instanceof CreateOutcome.Created created)) {
      throw new AssertionError("the sample enclave: " + outcome);
    }
    for (Page page : pages) {
      require(device.add(created.id(), page.offset, page.secinfo, MemorySegment.ofArray(page.content), true));
    }
    return new Loaded(created.id(), created.base(), this);
  }

  /** The same and EINIT. */
  public Loaded load(SgxDevice device) {
    var loaded = add(device);
    require(device.init(loaded.id, sigstruct, Optional.empty()));
    return loaded;
  }

  private static void require(Outcome outcome) {
    if (!outcome.ok()) {
      throw new AssertionError(outcome.toString());
    }
  }
}
