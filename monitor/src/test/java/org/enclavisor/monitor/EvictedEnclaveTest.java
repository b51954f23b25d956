package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An enclave that an operating system makes, evicts page by page until nothing is left, and brings back, leaf by leaf. */
class EvictedEnclaveTest {
  private static final long BASE = 0x7000_0000_0000L;
  private static final long PAGEINFO_AT = 0x1000;
  private static final long SECINFO_AT = 0x2000;
  private static final long SOURCE_AT = 0x3000;
  private static final long TOKEN_AT = 0x5000;
  private static final long PCMD_AT = 0x6000;
  private static final long[] OFFSETS = {
    0, TestEnclaves.TCS_OFFSET, TestEnclaves.SSA_OFFSET, TestEnclaves.SSA_OFFSET + 4096, TestEnclaves.SSA_OFFSET + 8192,
    TestEnclaves.DATA_OFFSET
  };

  /** An evicted page, and where its version is. */
  private record Evicted(byte[] page, byte[] pcmd, long linAddr, long slot) {}

  private final ScriptedPlatform platform = new ScriptedPlatform();
  private Monitor monitor;
  private Encls encls;
  private long secs;
  private long versions;
  private int nextSlot;

  @BeforeEach
  void build() {
    platform.script =
        (cpu, r, extended) -> {
          r.rax = EncluLeaf.EEXIT.code();
          r.rbx = r.rcx;
          return Exit.Enclu.INSTANCE;
        };
    monitor = new Monitor(platform, MonitorConfig.defaults());
    encls = monitor.encls(4096, 2);
    secs = encls.reservePage();
    versions = encls.reservePage();
    Secs source = TestEnclaves.secs().withBaseAddr(BASE);
    ok(EnclsLeaf.ECREATE, pageinfo(0, SOURCE_AT, SECINFO_AT, 0, source.toBytes(), PageType.SECS), secs, 0);
    Measurement measurement = Measurement.ecreate(1, TestEnclaves.SIZE);
    for (long offset : OFFSETS) {
      boolean tcs = offset == TestEnclaves.TCS_OFFSET;
      byte[] content = tcs ? TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes() : TestEnclaves.code();
      LinearMemory memory = pageinfo(BASE + offset, SOURCE_AT, SECINFO_AT, secs, content, tcs ? PageType.TCS : PageType.REG);
      ok(EnclsLeaf.EADD, memory, frame(offset), 0);
      measurement.eadd(offset, tcs ? Secinfo.tcs() : Secinfo.reg(Permissions.RW));
    }
    Sigstruct sigstruct = TestEnclaves.sign(measurement.mrEnclave(), source);
    encls.launchKeyHash(sigstruct.mrSigner());
    LinearMemory memory =
        new LinearMemory()
            .map(SOURCE_AT, MemorySegment.ofArray(sigstruct.toBytes()))
            .map(TOKEN_AT, MemorySegment.ofArray(Einittoken.ABSENT.toBytes()));
    TestEnclaves.require(
        encls.execute(EnclsLeaf.EINIT.code(), EnclsRegisters.of(SOURCE_AT, secs, TOKEN_AT), memory));
    ok(EnclsLeaf.EPA, new LinearMemory(), PageType.VA.code(), versions, 0);
  }

  @AfterEach
  void close() {
    monitor.close();
  }

  private static LinearMemory pageinfo(
      long linAddr, long srcPge, long secinfo, long secs, byte[] source, PageType type) {
    Permissions permissions = type == PageType.REG ? Permissions.RW : Permissions.NONE;
    return new LinearMemory()
        .map(PAGEINFO_AT, MemorySegment.ofArray(new Pageinfo(linAddr, srcPge, secinfo, secs).toBytes()))
        .map(SECINFO_AT, MemorySegment.ofArray(new Secinfo(type, permissions).toBytes()))
        .map(SOURCE_AT, MemorySegment.ofArray(source));
  }

  private long frame(long offset) {
    return encls.pageAt(secs, BASE + offset);
  }

  private void ok(EnclsLeaf leaf, LinearMemory memory, long rcx, long rdx) {
    ok(leaf, memory, PAGEINFO_AT, rcx, rdx);
  }

  private void ok(EnclsLeaf leaf, LinearMemory memory, long rbx, long rcx, long rdx) {
    assertThat(encls.execute(leaf.code(), EnclsRegisters.of(rbx, rcx, rdx), memory)).isEqualTo(Outcome.success());
  }

  private Evicted ewb(long rcx) {
    MemorySegment info = MemorySegment.ofArray(new Pageinfo(0, SOURCE_AT, PCMD_AT, 0).toBytes());
    byte[] page = new byte[4096];
    byte[] pcmd = new byte[Pcmd.BYTES];
    LinearMemory memory =
        new LinearMemory()
            .map(PAGEINFO_AT, info)
            .map(SOURCE_AT, MemorySegment.ofArray(page))
            .map(PCMD_AT, MemorySegment.ofArray(pcmd));
    long slot = versions + 8L * nextSlot++;
    ok(EnclsLeaf.EWB, memory, rcx, slot);
    return new Evicted(page, pcmd, Pageinfo.read(info).linAddr(), slot);
  }

  private void eldu(Evicted evicted, long rcx, long parent) {
    Pageinfo info = new Pageinfo(evicted.linAddr, SOURCE_AT, PCMD_AT, parent);
    LinearMemory memory =
        new LinearMemory()
            .map(PAGEINFO_AT, MemorySegment.ofArray(info.toBytes()))
            .map(SOURCE_AT, MemorySegment.ofArray(evicted.page))
            .map(PCMD_AT, MemorySegment.ofArray(evicted.pcmd));
    ok(EnclsLeaf.ELDU, memory, rcx, evicted.slot);
  }

  private Map<Long, Evicted> evictAll() {
    for (long offset : OFFSETS) {
      ok(EnclsLeaf.EBLOCK, new LinearMemory(), frame(offset), 0);
    }
    ok(EnclsLeaf.ETRACK, new LinearMemory(), secs, 0);
    Map<Long, Evicted> result = new HashMap<>();
    for (long offset : OFFSETS) {
      result.put(offset, ewb(frame(offset)));
    }
    return result;
  }

  private EnclaveId id() {
    return monitor.enclaveAt(secs).orElseThrow();
  }

  private EnterOutcome enter(EnclaveId id) {
    return monitor.enter(id, EnterCall.eenter(BASE + TestEnclaves.TCS_OFFSET, 0x9000), new Registers());
  }

  @Test
  void outAndInAgain() {
    EnclaveId id = id();
    assertThat(enter(id)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    MemorySegment memory = platform.last().enclave();
    byte[] before = memory.toArray(ValueLayout.JAVA_BYTE);
    Map<Long, Evicted> pages = evictAll();
    assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).as("nothing left").containsOnly(0);
    assertThat(enter(id)).isInstanceOf(EnterOutcome.Refused.class);
    List<Long> frames = new ArrayList<>();
    for (long offset : OFFSETS) {
      frames.add(frame(offset));
    }
    Secs identity = monitor.secs(id);
    final Evicted evictedSecs = ewb(secs);
    assertThat(monitor.enclaveAt(secs)).isEmpty();
    // Something else lies there now.
    ok(EnclsLeaf.EPA, new LinearMemory(), PageType.VA.code(), secs, 0);
    secs = encls.reservePage();
    eldu(evictedSecs, secs, 0);
    assertThat(id()).isEqualTo(id);
    assertThat(monitor.secs(id)).isEqualTo(identity);
    for (int i = 0; i < OFFSETS.length; i++) {
      assertThat(frame(OFFSETS[i])).isEqualTo(frames.get(i));
      eldu(pages.get(OFFSETS[i]), frames.get(i), secs);
    }
    assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
    assertThat(enter(id)).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  /** A thread that left by an AEX goes on with the TCS that came back. */
  @Test
  void aThreadThatWasInterruptedGoesOn() {
    EnclaveId id = id();
    ScriptedPlatform.Script leave = platform.script;
    platform.script =
        (cpu, r, extended) -> {
          r.rip = BASE + 0x123;
          r.r12 = 0x1212;
          return Exit.Interrupt.INSTANCE;
        };
    assertThat(enter(id)).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    Map<Long, Evicted> pages = evictAll();
    long[] frames = new long[OFFSETS.length];
    for (int i = 0; i < OFFSETS.length; i++) {
      frames[i] = frame(OFFSETS[i]);
      eldu(pages.get(OFFSETS[i]), frames[i], secs);
    }
    Registers seen = new Registers();
    platform.script =
        (cpu, r, extended) -> {
          seen.rip = r.rip;
          seen.r12 = r.r12;
          return leave.run(cpu, r, extended);
        };
    EnterCall resume = EnterCall.eresume(BASE + TestEnclaves.TCS_OFFSET, 0x9000);
    assertThat(monitor.enter(id, resume, new Registers())).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(seen.rip).isEqualTo(BASE + 0x123);
    assertThat(seen.r12).isEqualTo(0x1212);
  }

  /** A kick that only wants it to enter anew gets it out: it could not enter on that TCS. */
  @Test
  void aThreadWhoseTcsIsBlockedLeavesAtTheNextKick() {
    EnclaveId id = id();
    long frame = frame(TestEnclaves.TCS_OFFSET);
    TcsPage tcs = ((ElrangePage) Objects.requireNonNull(encls.page(frame))).secs().thread(BASE + TestEnclaves.TCS_OFFSET);
    List<Long> where = new ArrayList<>();
    platform.script =
        (cpu, r, extended) -> {
          where.add(r.rip);
          if (where.size() == 1) {
            ok(EnclsLeaf.EBLOCK, new LinearMemory(), frame, 0);
            tcs.kick(() -> {});
          }
          return Exit.Interrupt.INSTANCE;
        };
    assertThat(enter(id)).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    assertThat(where).as("sent to its TCS to be let out").hasSize(2).last().isEqualTo(tcs.address);
    assertThat(tcs.cssa).isEqualTo(1);
    assertThat(enter(id)).isInstanceOf(EnterOutcome.Refused.class);
  }

  @Test
  void aThreadInsideKeepsItsPages() {
    EnclaveId id = id();
    List<String> answers = new ArrayList<>();
    ScriptedPlatform.Script leave = platform.script;
    platform.script =
        (cpu, r, extended) -> {
          long data = frame(TestEnclaves.DATA_OFFSET);
          ok(EnclsLeaf.EBLOCK, new LinearMemory(), data, 0);
          ok(EnclsLeaf.ETRACK, new LinearMemory(), secs, 0);
          answers.add(code(EnclsLeaf.ETRACK, secs));
          answers.add(tryEwb(data));
          return leave.run(cpu, r, extended);
        };
    assertThat(enter(id)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(answers).containsExactly("SGX_PREV_TRK_INCMPL", "SGX_NOT_TRACKED");
    assertThat(tryEwb(frame(TestEnclaves.DATA_OFFSET))).isEqualTo("ok");
  }

  private String code(EnclsLeaf leaf, long rcx) {
    return name(encls.execute(leaf.code(), EnclsRegisters.of(PAGEINFO_AT, rcx, 0), new LinearMemory()));
  }

  private String tryEwb(long rcx) {
    LinearMemory memory =
        new LinearMemory()
            .map(PAGEINFO_AT, MemorySegment.ofArray(new Pageinfo(0, SOURCE_AT, PCMD_AT, 0).toBytes()))
            .map(SOURCE_AT, MemorySegment.ofArray(new byte[4096]))
            .map(PCMD_AT, MemorySegment.ofArray(new byte[Pcmd.BYTES]));
    return name(encls.execute(EnclsLeaf.EWB.code(), EnclsRegisters.of(PAGEINFO_AT, rcx, versions + 8), memory));
  }

  private static String name(Outcome outcome) {
    return outcome instanceof Outcome.Error error ? error.error().name() : outcome.ok() ? "ok" : outcome.toString();
  }

  @Test
  void removedWhileNothingIsInTheEpc() {
    EnclaveId id = id();
    evictAll();
    final Evicted evictedSecs = ewb(secs);
    ok(EnclsLeaf.EPA, new LinearMemory(), PageType.VA.code(), secs, 0);
    assertThat(monitor.remove(id).ok()).isTrue();
    assertThat(monitor.enclaves()).isZero();
    Pageinfo info = new Pageinfo(0, SOURCE_AT, PCMD_AT, 0);
    LinearMemory memory =
        new LinearMemory()
            .map(PAGEINFO_AT, MemorySegment.ofArray(info.toBytes()))
            .map(SOURCE_AT, MemorySegment.ofArray(evictedSecs.page))
            .map(PCMD_AT, MemorySegment.ofArray(evictedSecs.pcmd));
    EnclsRegisters r = EnclsRegisters.of(PAGEINFO_AT, encls.reservePage(), evictedSecs.slot);
    assertThat(encls.execute(EnclsLeaf.ELDU.code(), r, memory).reason()).contains("was removed");
    // The version array that lies where the SECS was is nobody's business.
    ok(EnclsLeaf.EREMOVE, new LinearMemory(), secs, 0);
  }
}
