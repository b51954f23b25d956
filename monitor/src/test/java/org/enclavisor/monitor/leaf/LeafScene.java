package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.enclavisor.isa.AesCmac;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.ScriptedPlatform;
import org.enclavisor.monitor.SgxFeature;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EnclaveMemory;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.RecordedTranslations;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.XsaveLayout;

/** A processor, an EPC, and an enclave under construction in it: what leaf tests mutate. */
class LeafScene {
  static final long BASE = 0x10_0000_0000L;
  static final long PAGEINFO_AT = 0x1000;
  static final long SECINFO_AT = 0x2000;
  static final long SOURCE_AT = 0x3000;
  static final int EPC_PF = Outcome.Fault.SGX | Outcome.Fault.PRESENT;
  static final int USER_READ = EPC_PF | Outcome.Fault.USER;
  static final int USER_WRITE = USER_READ | Outcome.Fault.WRITE;

  final Epc epc = new Epc();

  Cpu cpu =
      new Cpu(
          MonitorConfig.SUPPORTED_ATTRIBUTES,
          new MiscSelect(MiscSelect.EXINFO),
          EnumSet.allOf(SgxFeature.class),
          36,
          XsaveLayout.of(new ScriptedPlatform.TestMachine(ScriptedPlatform.XCR0, ScriptedPlatform.XSAVE_BYTES)),
          CpuSvn.ofHex("05000000000000000000000000000000"),
          KeyId.ofHex("11".repeat(32)),
          new TestKeys());

  Operands operands = new Operands();
  RecordedTranslations translations = new RecordedTranslations(MemorySegment.NULL);
  long nextEid = 1;
  long rbx = PAGEINFO_AT;
  long rcx;
  long rdx;
  long linAddr;
  long srcPge = SOURCE_AT;
  long secinfoAt = SECINFO_AT;
  long pageinfoSecs;
  final MemorySegment secinfo = MemorySegment.ofArray(new byte[Secinfo.BYTES]);
  final MemorySegment source = MemorySegment.ofArray(new byte[4096]);
  boolean pageinfoMapped = true;
  boolean secinfoMapped = true;
  boolean sourceMapped = true;

  /** Keys that tests can make too. */
  static final class TestKeys implements DerivedKeys {
    private static final byte[] ROOT = new byte[16];

    @Override
    public Key128 derive(KeyDependencies dependencies) {
      return Key128.of(AesCmac.mac(Key128.of(ROOT), dependencies.toBytes()).bytes());
    }
  }

  /** The operands of ECREATE and EADD, after all mutations. */
  Operands map() {
    if (pageinfoMapped) {
      operands.map(
          PAGEINFO_AT,
          MemorySegment.ofArray(new Pageinfo(linAddr, srcPge, secinfoAt, pageinfoSecs).toBytes()));
    }
    if (secinfoMapped) {
      operands.map(SECINFO_AT, secinfo);
    }
    if (sourceMapped) {
      operands.map(SOURCE_AT, source);
    }
    return operands;
  }

  /** An enclave after ECREATE. */
  SecsPage create(Secs secs) {
    LooseFrame extent = epc.reserve();
    int xsaveBytes = cpu.xsave().bytes(secs.attributes().xfrm());
    SecsPage page = new SecsPage(nextEid++, secs.withBaseAddr(BASE), xsaveBytes);
    extent.put(page);
    MemorySegment memory = MemorySegment.ofArray(new byte[Math.toIntExact(secs.size())]);
    translations = new RecordedTranslations(memory);
    page.attach(epc.reserveElrange(page), new EnclaveMemory(BASE, memory), translations);
    return page;
  }

  static Secs secs(MiscSelect miscSelect) {
    return Secs.of(
        TestEnclaves.SIZE, 1, miscSelect, new Attributes(Attributes.MODE64BIT, TestEnclaves.XFRM));
  }

  /** The small enclave of {@link TestEnclaves}, added without measuring, initialised. */
  SecsPage initialised(MiscSelect miscSelect) {
    return initialised(secs(miscSelect));
  }

  /** The same with these attributes. */
  SecsPage initialised(Attributes attributes) {
    return initialised(Secs.of(TestEnclaves.SIZE, 1, MiscSelect.NONE, attributes));
  }

  /** The same of this SECS; with KSS, its ids are 0x61 and 0x62 all over. */
  SecsPage initialised(Secs secs) {
    SecsPage page = create(secs);
    regular(page, 0, Permissions.RX);
    thread(page, TestEnclaves.TCS_OFFSET, TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
    for (int i = 0; i < 6; i++) {
      regular(page, TestEnclaves.SSA_OFFSET + i * 4096L, Permissions.RW);
    }
    for (int i = 0; i < 2; i++) {
      regular(page, TestEnclaves.DATA_OFFSET + i * 4096L, Permissions.RW);
    }
    page.initialise(
        page.secs().initialized(Digest32.ofHex("aa".repeat(32)), Digest32.ofHex("bb".repeat(32)), 5, 6),
        secs.attributes().has(Attributes.KSS) ? Id16.ofHex("61".repeat(16)) : Id16.ZERO,
        secs.attributes().has(Attributes.KSS) ? Id16.ofHex("62".repeat(16)) : Id16.ZERO);
    return page;
  }

  static void regular(SecsPage page, long offset, Permissions permissions) {
    Eadd.commit(page, offset / 4096, 1, Secinfo.reg(permissions), null);
  }

  static TcsPage thread(SecsPage page, long offset, byte[] bytes) {
    TcsPage tcs = new TcsPage(offset / 4096, page.base() + offset, MemorySegment.ofArray(bytes));
    page.threads().remove(offset / 4096);
    Eadd.commit(page, offset / 4096, 1, Secinfo.tcs(), tcs);
    return tcs;
  }

  /** All eight combinations. */
  static List<Permissions> allPermissions() {
    return IntStream.range(0, 8).mapToObj(Permissions::of).toList();
  }

  /** Changes the EPCM entry of a page. */
  static void epcm(SecsPage page, long offset, EpcmEntry entry) {
    page.pages().set(offset / 4096, 1, entry.bits());
  }

  static EpcmEntry entry(PageType type, Permissions permissions) {
    return new EpcmEntry(true, type, permissions, false, false, false, false, 0);
  }

  static EpcmEntry blocked(PageType type, Permissions permissions) {
    return new EpcmEntry(true, type, permissions, false, false, false, true, 0);
  }

  static EpcmEntry pending(PageType type, Permissions permissions) {
    return new EpcmEntry(true, type, permissions, true, false, false, false, 0);
  }

  static EpcmEntry modified(PageType type, Permissions permissions) {
    return new EpcmEntry(true, type, permissions, false, true, false, false, 0);
  }

  /** An entry's bits as a value. */
  static EpcmEntry of(int bits) {
    return new EpcmEntry(
        EpcmEntry.valid(bits), EpcmEntry.type(bits), Permissions.of(EpcmEntry.permissions(bits)),
        EpcmEntry.pending(bits), EpcmEntry.modified(bits), EpcmEntry.pr(bits), EpcmEntry.blocked(bits), 0);
  }

  static EpcmEntry invalid() {
    return new EpcmEntry(false, PageType.SECS, Permissions.NONE, false, false, false, false, 0);
  }

  static void u8(MemorySegment s, long at, int value) {
    s.set(JAVA_BYTE, at, (byte) value);
  }

  static void u32(MemorySegment s, long at, int value) {
    s.set(JAVA_INT_UNALIGNED, at, value);
  }

  static void u64(MemorySegment s, long at, long value) {
    s.set(JAVA_LONG_UNALIGNED, at, value);
  }

  static void fill(MemorySegment target, byte[] bytes) {
    target.copyFrom(MemorySegment.ofArray(Objects.requireNonNull(bytes)));
  }
}
