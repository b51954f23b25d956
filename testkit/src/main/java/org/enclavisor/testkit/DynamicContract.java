package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.R10;
import static org.enclavisor.testkit.Reg.R11;
import static org.enclavisor.testkit.Reg.R15;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.R9;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.SampleEnclave.CODE;
import static org.enclavisor.testkit.SampleEnclave.DATA;
import static org.enclavisor.testkit.SampleEnclave.GS_BASE;
import static org.enclavisor.testkit.SampleEnclave.HEAP;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Tcs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.EnterOutcome.Faulted;
import org.enclavisor.monitor.EpcLimit;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.RangeOutcome.Verdict;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.Test;

/**
 * Enclaves whose pages change while they run, with enclave code that accepts: heap growth, trim, permissions, threads.
 * Error codes of page faults are those that Linux shows its hosts on processors with SGX2.
 */
public abstract class DynamicContract extends EnclaveFixture {
  private static final int PAGE = 4096;
  private static final int WRITE_REFUSED = 0x8007;
  private static final int READ_REFUSED = 0x8005;

  /** Where SECINFO lies inside: what EACCEPT compares with. */
  private static final long SECINFO = DATA + 0x400;

  /** What the enclave is asked for in RDI. */
  private static final int LEAF = 0;
  private static final int STORE = 1;
  private static final int LOAD = 2;
  private static final int SPIN = 3;

  private final List<MonitorEvent> events = Collections.synchronizedList(new ArrayList<>());

  @Override
  MonitorConfig config() {
    // With a budget all that is tested here goes through the pager too, which has enough of everything.
    return MonitorConfig.defaults().withEvents(events::add).withEpc(EpcLimit.of(256));
  }

  /** RDI: 0 executes leaf R8 with R9, R10, R11 and leaves RAX in RSI; 1 stores to [R9], 2 loads; 3 counts at [R9]. */
  private static SampleEnclave.Builder servant() {
    return SampleEnclave.of(
        c -> {
          var store = c.label();
          var load = c.label();
          var spin = c.label();
          var done = c.label();
          c.mov(R15, RCX).cmp(RDI, STORE).jz(store).cmp(RDI, LOAD).jz(load).cmp(RDI, SPIN).jz(spin);
          c.mov(RAX, R8).mov(RBX, R9).mov(RCX, R10).mov(RDX, R11).enclu().mov(RSI, RAX).jmp(done);
          c.bind(store).store(R9, 0, RDI).jmp(done);
          c.bind(load).load(RSI, R9, 0).jmp(done);
          c.bind(spin).lockInc(R9, 8).load(R10, R9, 0).cmp(R10, 0).jnz(spin);
          c.bind(done).mov(RBX, R15).enclu(4);
        }).threads(2).size(0x20_0000);
  }

  private Loaded loaded() {
    var loaded = load(servant());
    assertThat(device().protect(loaded.id(), HEAP, 0x10_0000, Permissions.RW).ok()).isTrue();
    return loaded;
  }

  private static Registers ask(int what, long r9) {
    var registers = host();
    registers.rdi = what;
    registers.r9 = r9;
    return registers;
  }

  private EnterOutcome store(Loaded loaded, long offset) {
    return eenter(loaded, 0, ask(STORE, loaded.base() + offset));
  }

  /** EACCEPT on a thread; RAX. */
  private long eaccept(Loaded loaded, int thread, long offset, Secinfo secinfo) {
    return leaf(loaded, thread, EncluLeaf.EACCEPT, offset, secinfo);
  }

  private long leaf(Loaded loaded, int thread, EncluLeaf leaf, long offset, Secinfo secinfo) {
    memory().asSlice(SECINFO, Secinfo.BYTES).copyFrom(MemorySegment.ofArray(secinfo.toBytes()));
    var registers = ask(LEAF, loaded.base() + SECINFO);
    registers.r8 = leaf.code();
    registers.r10 = loaded.base() + offset;
    assertThat(eenter(loaded, thread, registers)).isEqualTo(Exited.INSTANCE);
    return registers.rsi;
  }

  private static Secinfo pending() {
    return new Secinfo(PageType.REG, Permissions.RW, true, false, false);
  }

  @Test
  void aTouchAddsAPageThatTheEnclaveHasToAccept() {
    var loaded = loaded();
    var registers = ask(STORE, loaded.base() + HEAP);
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.PF, WRITE_REFUSED, loaded.base() + HEAP));
    assertThat(eresume(loaded, 0, registers)).isEqualTo(new Faulted(Vector.PF, WRITE_REFUSED, loaded.base() + HEAP));
    assertThat(eaccept(loaded, 1, HEAP, pending())).isZero();
    assertThat(eresume(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
  }

  @Test
  void eacceptAddsThePageItself() {
    var loaded = loaded();
    for (int page = 0; page < 20; page++) {
      assertThat(eaccept(loaded, 0, HEAP + (long) page * PAGE, pending())).isZero();
    }
    assertThat(store(loaded, HEAP + 19L * PAGE)).isEqualTo(Exited.INSTANCE);
    assertThat(eaccept(loaded, 0, HEAP, pending())).as("accepted already").isNotZero();
  }

  @Test
  void whereTheHostHasMappedNothingNothingIsAdded() {
    var loaded = load(servant());
    assertThat(store(loaded, HEAP)).isEqualTo(new Faulted(Vector.PF, 6, loaded.base() + HEAP));
    var second = load(servant());
    assertThat(device().protect(second.id(), HEAP, PAGE, Permissions.R).ok()).isTrue();
    assertThat(store(second, HEAP)).as("mapped for reading").isEqualTo(
        new Faulted(Vector.PF, 6, second.base() + HEAP));
    assertThat(events).noneMatch(event -> event.toString().contains("EAUG"));
  }

  @Test
  void permissionsAreRestrictedAndExtendedAgain() {
    var loaded = loaded();
    long page = DATA + 3L * PAGE;
    assertThat(store(loaded, page)).isEqualTo(Exited.INSTANCE);
    var done = device().restrictPermissions(loaded.id(), page, PAGE, Permissions.R);
    assertThat(done.ok()).as(done.toString()).isTrue();
    assertThat(done.count()).isEqualTo(PAGE);
    assertThat(eaccept(loaded, 0, page, new Secinfo(PageType.REG, Permissions.R, false, false, true))).isZero();
    var registers = ask(STORE, loaded.base() + page);
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.PF, WRITE_REFUSED, loaded.base() + page));
    assertThat(leaf(loaded, 1, EncluLeaf.EMODPE, page, Secinfo.reg(Permissions.RW))).isEqualTo(EncluLeaf.EMODPE.code());
    assertThat(eresume(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
  }

  @Test
  void aPageIsTrimmedAcceptedRemovedAndAddedAgain() {
    var loaded = loaded();
    assertThat(eaccept(loaded, 0, HEAP, pending())).isZero();
    assertThat(store(loaded, HEAP)).isEqualTo(Exited.INSTANCE);
    var early = device().removePages(loaded.id(), HEAP, PAGE);
    assertThat(early.verdict()).as("not trimmed").isEqualTo(Verdict.NOT_PERMITTED);
    assertThat(early.count()).isZero();

    assertThat(device().modifyTypes(loaded.id(), HEAP, PAGE, PageType.TRIM).ok()).isTrue();
    assertThat(device().removePages(loaded.id(), HEAP, PAGE).verdict())
        .as("not accepted")
        .isEqualTo(Verdict.NOT_PERMITTED);
    var registers = ask(LOAD, loaded.base() + HEAP);
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.PF, READ_REFUSED, loaded.base() + HEAP));
    assertThat(eaccept(loaded, 1, HEAP, new Secinfo(PageType.TRIM, Permissions.NONE, false, true, false))).isZero();
    assertThat(eresume(loaded, 0, registers)).isEqualTo(new Faulted(Vector.PF, READ_REFUSED, loaded.base() + HEAP));
    var removed = device().removePages(loaded.id(), HEAP, PAGE);
    assertThat(removed.ok()).as(removed.toString()).isTrue();
    assertThat(removed.count()).isEqualTo(PAGE);
    assertThat(device().removePages(loaded.id(), HEAP, PAGE).verdict()).as("gone").isEqualTo(Verdict.FAILED);

    assertThat(eaccept(loaded, 1, HEAP, pending())).as("a new page").isZero();
    assertThat(eresume(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rsi).as("zeroes again").isZero();
  }

  @Test
  void aRangeIsDoneUpToThePageThatIsRefused() {
    var loaded = loaded();
    for (int page = 0; page < 3; page++) {
      assertThat(eaccept(loaded, 0, HEAP + (long) page * PAGE, pending())).isZero();
    }
    var outcome = device().modifyTypes(loaded.id(), HEAP, 5L * PAGE, PageType.TRIM);
    assertThat(outcome.verdict()).isEqualTo(Verdict.FAILED);
    assertThat(outcome.count()).isEqualTo(3L * PAGE);
    for (int page = 0; page < 3; page++) {
      var secinfo = new Secinfo(PageType.TRIM, Permissions.NONE, false, true, false);
      assertThat(eaccept(loaded, 0, HEAP + (long) page * PAGE, secinfo)).isZero();
    }
    assertThat(device().removePages(loaded.id(), HEAP, 3L * PAGE).count()).isEqualTo(3L * PAGE);
  }

  @Test
  void whatMakesNoSenseIsInvalid() {
    var loaded = loaded();
    assertThat(device().modifyTypes(loaded.id(), HEAP + 1, PAGE, PageType.TRIM).verdict()).isEqualTo(Verdict.INVALID);
    assertThat(device().modifyTypes(loaded.id(), HEAP, 0, PageType.TRIM).verdict()).isEqualTo(Verdict.INVALID);
    assertThat(device().modifyTypes(loaded.id(), DATA, PAGE, PageType.REG).verdict()).isEqualTo(Verdict.INVALID);
    assertThat(device().modifyTypes(loaded.id(), 1L << 40, PAGE, PageType.TRIM).verdict()).isEqualTo(Verdict.INVALID);
    assertThat(device().restrictPermissions(loaded.id(), DATA, PAGE, new Permissions(false, true, false)).verdict())
        .isEqualTo(Verdict.INVALID);
    long tcs = loaded.enclave().tcs().get(1);
    assertThat(device().restrictPermissions(loaded.id(), tcs, PAGE, Permissions.R).verdict())
        .isEqualTo(Verdict.INVALID);
    assertThat(device().modifyTypes(loaded.id(), tcs, PAGE, PageType.TCS).verdict()).isEqualTo(Verdict.INVALID);
    var unfinished = servant().xfrm(3).build().add(device());
    assertThat(device().modifyTypes(unfinished.id(), DATA, PAGE, PageType.TRIM).verdict()).isEqualTo(Verdict.INVALID);
  }

  @Test
  void aPageBecomesAThreadAndIsEntered() {
    var loaded = loaded();
    long tcs = HEAP;
    long ssa = HEAP + PAGE;
    for (long at : new long[] {tcs, ssa}) {
      assertThat(eaccept(loaded, 0, at, pending())).isZero();
    }
    memory().asSlice(tcs, PAGE).copyFrom(MemorySegment.ofArray(Tcs.of(CODE, ssa, 1, DATA, GS_BASE).toBytes()));
    var made = device().modifyTypes(loaded.id(), tcs, PAGE, PageType.TCS);
    assertThat(made.ok()).as(made.toString()).isTrue();
    assertThat(enterNew(loaded, tcs, ask(STORE, loaded.base() + DATA)))
        .as("not accepted yet")
        .isInstanceOf(EnterOutcome.Refused.class);
    assertThat(eaccept(loaded, 0, tcs, new Secinfo(PageType.TCS, Permissions.NONE, false, true, false))).isZero();
    var registers = ask(STORE, loaded.base() + DATA);
    assertThat(enterNew(loaded, tcs, registers)).isEqualTo(Exited.INSTANCE);

    assertThat(device().modifyTypes(loaded.id(), tcs, PAGE, PageType.TRIM).ok()).isTrue();
    assertThat(enterNew(loaded, tcs, ask(STORE, loaded.base() + DATA))).isInstanceOf(EnterOutcome.Refused.class);
    assertThat(eaccept(loaded, 0, tcs, new Secinfo(PageType.TRIM, Permissions.NONE, false, true, false))).isZero();
    assertThat(device().removePages(loaded.id(), tcs, PAGE).ok()).isTrue();
  }

  private EnterOutcome enterNew(Loaded loaded, long tcs, Registers registers) {
    EnterCall call = EnterCall.eenter(loaded.base() + tcs, AEP);
    registers.rax = call.leaf().code();
    registers.rbx = call.tcs();
    registers.rcx = call.aep();
    return device().enter(loaded.id(), call, registers);
  }

  @Test
  void aThreadInsideDoesNotNoticeThatPagesChangeButCannotUseThemAnyMore() {
    var loaded = loaded();
    UntrustedMemory memory = device().untrusted(loaded.id());
    word(memory, 0, 1);
    var registers = ask(SPIN, memory.base());
    var inside = start(() -> eenter(loaded, 1, registers));
    awaitUntrusted(memory, 8, 1);
    for (int round = 0; round < 50; round++) {
      assertThat(eaccept(loaded, 0, HEAP, pending())).isZero();
      var trimmed = device().modifyTypes(loaded.id(), HEAP, PAGE, PageType.TRIM);
      assertThat(trimmed.ok()).as(trimmed.toString()).isTrue();
      // That it can be accepted at once shows that the thread inside has entered anew in the eyes of tracking.
      assertThat(eaccept(loaded, 0, HEAP, new Secinfo(PageType.TRIM, Permissions.NONE, false, true, false))).isZero();
      assertThat(device().removePages(loaded.id(), HEAP, PAGE).ok()).isTrue();
    }
    long before = word(memory, 8);
    awaitUntrusted(memory, 8, before + 1);
    word(memory, 0, 0);
    assertThat(await(inside)).isEqualTo(Exited.INSTANCE);
    assertThat(events).noneMatch(event -> event instanceof MonitorEvent.AsynchronousExit);
  }
}
