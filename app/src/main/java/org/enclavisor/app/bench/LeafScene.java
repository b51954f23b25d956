package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.util.Random;
import org.enclavisor.image.sign.RuntimeSigner;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.EnclvLeaf;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.SigstructSigner;
import org.enclavisor.monitor.Enclv;
import org.enclavisor.monitor.Encls;
import org.enclavisor.monitor.EnclsRegisters;
import org.enclavisor.monitor.LinearMemory;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.Outcome;

/** An enclave of some hundred pages, as an operating system makes, pages, changes and ends it: leaf by leaf. */
final class LeafScene {
  /** Pages that the enclave has, and as many again that it gets by EAUG. */
  static final int PAGES = 512;

  static final int PAGE = LeafBench.PAGE;
  static final long SIZE = 4L * PAGES * PAGE;

  private static final int TRACKS = 64;
  private static final long PAGEINFO_AT = 0x1000;
  private static final long SECINFO_AT = 0x2000;
  private static final long SOURCE_AT = 0x10_000;
  private static final long TOKEN_AT = 0x5000;
  private static final long RDINFO_AT = 0x6000;
  private static final long EVICTED_AT = 0x100_000;
  private static final long PCMD_AT = EVICTED_AT + (long) PAGES * PAGE;

  private final Secs secs;
  private final Sigstruct sigstruct;
  private final byte[] content = new byte[PAGE];

  LeafScene(long xcr0) {
    new Random(1).nextBytes(content);
    Attributes attributes = new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, xcr0 & 7 | 3);
    secs = Secs.of(SIZE, 1, new MiscSelect(0), attributes);
    Measurement measurement = Measurement.ecreate(1, SIZE);
    for (int i = 0; i < PAGES; i++) {
      measurement.eadd((long) i * PAGE, Secinfo.reg(Permissions.RW));
    }
    for (int i = 0; i < PAGES; i++) {
      measurement.eextend(
          (long) i * PAGE, MemorySegment.ofArray(content).asSlice(0, Measurement.CHUNK_BYTES));
    }
    sigstruct =
        SigstructSigner.sign(
            SigstructBody.of(
                0x20260101, measurement.mrEnclave(), new MiscSelect(0), new MiscSelect(-1), attributes,
                new Attributes(-1, -1), 0, 0),
            RuntimeSigner.freshKey());
  }

  /** ECREATE to EINIT. */
  Built build(Monitor monitor, LeafBench bench) throws GeneralSecurityException {
    Built built = new Built(monitor);
    built.create(bench);
    return built;
  }

  /** An enclave and what its leaves work with. */
  final class Built implements AutoCloseable {
    private final Encls encls;
    private final Enclv enclv;
    private final EnclsRegisters r = new EnclsRegisters();
    private final MemorySegment pageinfo = MemorySegment.ofArray(new byte[Pageinfo.BYTES]);
    private final MemorySegment secinfo = MemorySegment.ofArray(new byte[Secinfo.BYTES]);
    private final MemorySegment source = MemorySegment.ofArray(content.clone());
    private final MemorySegment evicted = MemorySegment.ofArray(new byte[PAGES * (PAGE + Pcmd.BYTES)]);
    private final LinearMemory operands;
    private final long secsAt;
    private final long[] frames = new long[PAGES];
    private final long versions;
    private long base;
    private long first;

    private Built(Monitor monitor) {
      this.encls = monitor.encls(PAGE, 1);
      this.enclv = monitor.enclv();
      encls.launchKeyHash(sigstruct.mrSigner());
      this.secsAt = encls.reservePage();
      this.versions = encls.reservePage();
      for (int i = 0; i < PAGES; i++) {
        frames[i] = encls.reservePage();
      }
      this.operands =
          new LinearMemory()
              .map(PAGEINFO_AT, pageinfo)
              .map(SECINFO_AT, secinfo)
              .map(SOURCE_AT, source)
              .map(TOKEN_AT, MemorySegment.ofArray(Einittoken.ABSENT.toBytes()))
              .map(RDINFO_AT, MemorySegment.ofArray(new byte[PAGE]))
              .map(EVICTED_AT, evicted);
    }

    private void leaf(EnclsLeaf leaf, long rbx, long rcx, long rdx) {
      r.rbx = rbx;
      r.rcx = rcx;
      r.rdx = rdx;
      require(leaf.name(), encls.execute(leaf.code(), r, operands));
    }

    private void leaf(EnclvLeaf leaf, long rbx, long rcx, long rdx) {
      r.rbx = rbx;
      r.rcx = rcx;
      r.rdx = rdx;
      require(leaf.name(), enclv.execute(leaf.code(), r, operands));
    }

    private static void require(String leaf, Outcome outcome) {
      if (!outcome.ok()) {
        throw new IllegalStateException(leaf + ": " + outcome);
      }
    }

    private void pageinfo(long linAddr, long srcPge, long secinfoAt, long secsPage) {
      pageinfo.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, linAddr);
      pageinfo.set(ValueLayout.JAVA_LONG_UNALIGNED, 8, srcPge);
      pageinfo.set(ValueLayout.JAVA_LONG_UNALIGNED, 16, secinfoAt);
      pageinfo.set(ValueLayout.JAVA_LONG_UNALIGNED, 24, secsPage);
    }

    private long linear(int i) {
      return base + (long) i * PAGE;
    }

    private long page(int i) {
      return first + (long) i * PAGE;
    }

    private void create(LeafBench bench) throws GeneralSecurityException {
      // The base has to be free in the enclave's process; any multiple of the size up there is.
      base = 0x5000_0000_0000L;
      secs.withBaseAddr(base).write(source.asSlice(0, PAGE));
      new Secinfo(PageType.SECS, Permissions.NONE).write(secinfo);
      pageinfo(0, SOURCE_AT, SECINFO_AT, 0);
      bench.time("ECREATE, with its process", 1, _ -> leaf(EnclsLeaf.ECREATE, PAGEINFO_AT, secsAt, 0));
      first = encls.pageAt(secsAt, base);
      source.copyFrom(MemorySegment.ofArray(content));
      Secinfo.reg(Permissions.RW).write(secinfo);
      bench.time(
          "EADD",
          PAGES,
          i -> {
            pageinfo(linear(i), SOURCE_AT, SECINFO_AT, secsAt);
            leaf(EnclsLeaf.EADD, PAGEINFO_AT, page(i), 0);
          });
      bench.time("EEXTEND", PAGES, i -> leaf(EnclsLeaf.EEXTEND, secsAt, page(i), 0));
      operands.map(SOURCE_AT + PAGE, MemorySegment.ofArray(sigstruct.toBytes()));
      bench.time("EINIT", 1, _ -> leaf(EnclsLeaf.EINIT, SOURCE_AT + PAGE, secsAt, TOKEN_AT));
    }

    /** What changes no page. */
    void look(LeafBench bench) throws GeneralSecurityException {
      bench.time("EDBGRD", PAGES, i -> leaf(EnclsLeaf.EDBGRD, 0, page(i) + 64, 0));
      bench.time("EDBGWR", PAGES, i -> leaf(EnclsLeaf.EDBGWR, i, page(i) + 64, 0));
      bench.time("ERDINFO", PAGES, i -> leaf(EnclsLeaf.ERDINFO, RDINFO_AT, page(i), 0));
      bench.time("EINCVIRTCHILD", PAGES, i -> leaf(EnclvLeaf.EINCVIRTCHILD, page(i), secsAt, 0));
      bench.time("EDECVIRTCHILD", PAGES, i -> leaf(EnclvLeaf.EDECVIRTCHILD, page(i), secsAt, 0));
      bench.time("ESETCONTEXT", PAGES, _ -> leaf(EnclvLeaf.ESETCONTEXT, 0, secsAt, RDINFO_AT));
      bench.time("ETRACK, nothing to do", TRACKS, _ -> leaf(EnclsLeaf.ETRACK, 0, secsAt, 0));
      bench.time("ETRACKC, nothing to do", TRACKS, _ -> leaf(EnclsLeaf.ETRACKC, 0, secsAt, 0));
      bench.time("EPA", PAGES, i -> leaf(EnclsLeaf.EPA, PageType.VA.code(), frames[i], 0));
      bench.time("EREMOVE, version array", PAGES, i -> leaf(EnclsLeaf.EREMOVE, 0, frames[i], 0));
    }

    /** All pages out and in again. */
    void page(LeafBench bench, LeafBench.Gcm gcm) throws GeneralSecurityException {
      leaf(EnclsLeaf.EPA, PageType.VA.code(), versions, 0);
      bench.time("EBLOCK", PAGES, i -> leaf(EnclsLeaf.EBLOCK, 0, page(i), 0));
      bench.time("ETRACK, %d pages".formatted(PAGES), 1, _ -> leaf(EnclsLeaf.ETRACK, 0, secsAt, 0));
      bench.time("AES-GCM of the JDK, encryption", PAGES, gcm::encrypt);
      bench.time(
          "EWB",
          PAGES,
          i -> {
            pageinfo(0, EVICTED_AT + (long) i * PAGE, PCMD_AT + (long) i * Pcmd.BYTES, 0);
            leaf(EnclsLeaf.EWB, PAGEINFO_AT, page(i), versions + 8L * i);
          });
      bench.time("AES-GCM of the JDK, decryption", PAGES, gcm::decrypt);
      bench.time(
          "ELDU",
          PAGES,
          i -> {
            pageinfo(linear(i), EVICTED_AT + (long) i * PAGE, PCMD_AT + (long) i * Pcmd.BYTES, secsAt);
            leaf(EnclsLeaf.ELDU, PAGEINFO_AT, page(i), versions + 8L * i);
          });
    }

    /** Dynamic memory, as far as the system goes with it. */
    void modify(LeafBench bench) throws GeneralSecurityException {
      new Secinfo(PageType.SECS, Permissions.R).write(secinfo);
      bench.time("EMODPR", PAGES, i -> leaf(EnclsLeaf.EMODPR, SECINFO_AT, page(i), 0));
      new Secinfo(PageType.TRIM, Permissions.NONE).write(secinfo);
      bench.time("EMODT", PAGES, i -> leaf(EnclsLeaf.EMODT, SECINFO_AT, page(i), 0));
      bench.time("EREMOVE", PAGES, i -> leaf(EnclsLeaf.EREMOVE, 0, page(i), 0));
      bench.time(
          "EAUG",
          PAGES,
          i -> {
            pageinfo(linear(PAGES + i), 0, 0, secsAt);
            leaf(EnclsLeaf.EAUG, PAGEINFO_AT, page(PAGES + i), 0);
          });
    }

    @Override
    public void close() {
      for (int i = 0; i < PAGES; i++) {
        leaf(EnclsLeaf.EREMOVE, 0, page(PAGES + i), 0);
      }
      leaf(EnclsLeaf.EREMOVE, 0, versions, 0);
      leaf(EnclsLeaf.EREMOVE, 0, secsAt, 0);
    }
  }
}
