package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.SampleEnclave.DATA;
import static org.enclavisor.testkit.SampleEnclave.NOTHING;
import static org.enclavisor.testkit.SampleEnclave.READ_ONLY;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Report;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.EnterOutcome.Faulted;
import org.enclavisor.monitor.EnterOutcome.Interrupted;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/** Enclaves run on a monitor on a platform: what the leaves promise, with enclave code that really runs. */
public abstract class EnclaveContract extends EnclaveFixture {
  /** Where the first thread's first SSA frame keeps RIP, in an enclave with frames of one page and no MISC region. */
  private static final long SAVED_RIP = SampleEnclave.THREADS + 0x2000 - GprSgx.BYTES + GprSgx.RIP_OFFSET;

  @Test
  void eenterRunsAndEexitReturns() {
    // add rdi, 1; mov rbx, rcx; mov eax, 4; enclu
    var loaded = load(SampleEnclave.of(c -> c.add(RDI, 1).mov(RBX, RCX).enclu(4)));
    for (int i = 0; i < 100; i++) {
      var registers = host();
      registers.rdi = i;
      registers.rsi = 77;
      assertThat(eenter(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
      assertThat(registers.rdi).isEqualTo(i + 1);
      assertThat(registers.rsi).isEqualTo(77);
      assertThat(registers.rip).as("behind the host's ENCLU").isEqualTo(HOST_RIP + 3);
      assertThat(registers.rcx).as("AEP").isEqualTo(AEP);
      assertThat(registers.rsp).isEqualTo(HOST_STACK);
      assertThat(registers.fsBase).isEqualTo(HOST_FS);
      assertThat(registers.gsBase).isEqualTo(HOST_GS);
    }
  }

  @Test
  void eenterTellsTheEnclaveWhereItIs() {
    // mov rsi, rax; mov rdi, rbx; mov rdx, rcx; rdfsbase r8; mov rbx, rcx; …
    var loaded = load(SampleEnclave.of(
        c -> c.mov(RSI, RAX).mov(RDI, RBX).mov(RDX, RCX).rdfsbase(R8).mov(RBX, RCX).enclu(4)));
    var registers = host();
    assertThat(eenter(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rsi).as("CSSA").isZero();
    assertThat(registers.rdi).as("TCS").isEqualTo(loaded.tcs(0));
    assertThat(registers.rdx).as("return address").isEqualTo(HOST_RIP + 3);
    assertThat(registers.r8).as("FS base").isEqualTo(loaded.base() + DATA);
  }

  @Test
  void anAsynchronousExitSavesAllAndShowsNothing() {
    // ud2
    var enclave = SampleEnclave.of(Code::ud2).build();
    var loaded = load(enclave);
    var registers = EntryContract.random(Seeded.named("anAsynchronousExitSavesAll"), HOST_RIP);
    registers.rsp = HOST_STACK;
    var given = new Registers();
    given.set(registers);
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.UD, 0, 0));

    assertThat(registers.rip).isEqualTo(AEP);
    assertThat(registers.rax).isEqualTo(EncluLeaf.ERESUME.code());
    assertThat(registers.rbx).isEqualTo(loaded.tcs(0));
    assertThat(registers.rcx).isEqualTo(AEP);
    assertThat(registers.rsp).isEqualTo(HOST_STACK);
    assertThat(registers.rbp).isEqualTo(given.rbp);
    for (Reg reg : new Reg[] {RDX, RSI, RDI, R8, Reg.R9, Reg.R10, Reg.R11, Reg.R12, Reg.R13, Reg.R14, Reg.R15}) {
      assertThat(reg.of(registers)).as("synthetic " + reg).isZero();
    }
    long gpr = enclave.ssa(0, 0) + enclave.frame().gprOffset();
    var frame = GprSgx.read(memory().asSlice(gpr, GprSgx.BYTES));
    assertThat(frame.rip()).isEqualTo(loaded.base());
    assertThat(frame.rax()).isZero();
    assertThat(frame.rbx()).isEqualTo(loaded.tcs(0));
    assertThat(frame.rcx()).isEqualTo(HOST_RIP + 3);
    assertThat(frame.rdi()).isEqualTo(given.rdi);
    assertThat(frame.r15()).isEqualTo(given.r15);
    assertThat(frame.ursp()).isEqualTo(given.rsp);
    assertThat(frame.urbp()).isEqualTo(given.rbp);
    assertThat(frame.fsBase()).isEqualTo(loaded.base() + DATA);
    assertThat(frame.exitInfo().valid()).isTrue();
    assertThat(frame.exitInfo().vector()).isEqualTo(Vector.UD.number());
  }

  @Test
  void extendedStateIsSavedInTheSsaAndComesBack() {
    // outside of a handler: load ymm0; ud2; store ymm0; exit. Its handler loads another ymm0 and moves RIP behind ud2
    var loaded = load(SampleEnclave.of(c -> {
      var handler = c.label();
      c.cmp(RAX, 0).jnz(handler).mov(R8, RCX).vload(0, DATA).ud2();
      c.vstore(DATA + 64, 0).mov(RBX, R8).enclu(4);
      c.bind(handler).vload(0, DATA + 256).load(RDX, SAVED_RIP).add(RDX, 2).store(SAVED_RIP, RDX);
      c.mov(RBX, RCX).enclu(4);
    }));
    byte[] pattern = Seeded.named("extendedStateIsSaved").bytes(32);
    MemorySegment.copy(MemorySegment.ofArray(pattern), 0, memory(), DATA, 32);

    var registers = host();
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.UD, 0, 0));
    assertThat(bytes(loaded.enclave().ssa(0, 0) + 160, 16)).as("XMM0 in the SSA")
        .isEqualTo(Arrays.copyOf(pattern, 16));
    assertThat(eenter(loaded, 0, registers = host())).as("the handler").isEqualTo(Exited.INSTANCE);
    assertThat(eresume(loaded, 0, registers = host())).isEqualTo(Exited.INSTANCE);
    assertThat(bytes(DATA + 64, 32)).isEqualTo(pattern);
  }

  private byte[] bytes(long offset, int length) {
    return memory().asSlice(offset, length).toArray(JAVA_BYTE);
  }

  @Test
  void eresumeRunsTheInstructionAgain() {
    // mov rsi, [nothing]: a page that the host has not mapped at first; exit
    var loaded = load(SampleEnclave.of(c -> c.load(RSI, READ_ONLY + 0x128).mov(RBX, RCX).enclu(4)));
    memory().set(JAVA_LONG, READ_ONLY + 0x128, 4711);
    assertThat(device().protect(loaded.id(), READ_ONLY, 0x1000, Permissions.NONE).ok()).isTrue();
    var registers = host();
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.PF, 4, loaded.base() + READ_ONLY));
    assertThat(eresume(loaded, 0, registers)).as("still")
        .isEqualTo(new Faulted(Vector.PF, 4, loaded.base() + READ_ONLY));
    assertThat(device().protect(loaded.id(), READ_ONLY, 0x1000, Permissions.R).ok()).isTrue();
    assertThat(eresume(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rsi).isEqualTo(4711);
  }

  @Test
  void thePageTableAndTheEpcmRefuseEachInItsOwnWay() {
    // mov [rdi], rax
    var loaded = load(SampleEnclave.of(c -> c.store(RDI, 0, RAX)).nssa(3)); // a frame for each fault
    record Case(String what, long offset, int errorCode) {}
    device().protect(loaded.id(), DATA, 0x1000, Permissions.R);
    for (var refused : new Case[] {
      new Case("the EPCM's permissions", READ_ONLY, 0x8007),
      new Case("the host's mapping", DATA, 7),
      new Case("no page there", NOTHING, 6),
    }) {
      var registers = host();
      registers.rdi = loaded.base() + refused.offset;
      long address = loaded.base() + refused.offset;
      assertThat(eenter(loaded, 0, registers)).as(refused.what)
          .isEqualTo(new Faulted(Vector.PF, refused.errorCode, address));
    }
  }

  @Test
  void withoutAFreeSsaFrameThereIsNoEntry() {
    var loaded = load(SampleEnclave.of(Code::ud2).nssa(2));
    for (int i = 0; i < 2; i++) {
      assertThat(eenter(loaded, 0, host())).isEqualTo(new Faulted(Vector.UD, 0, 0));
    }
    var registers = host();
    assertThat(eenter(loaded, 0, registers)).isInstanceOfSatisfying(
        EnterOutcome.Refused.class, refused -> assertThat(refused.fault().vector()).isEqualTo(Vector.GP));
    assertThat(registers.rip).isEqualTo(HOST_RIP);
    assertThat(eresume(loaded, 0, registers)).as("the last one again").isEqualTo(new Faulted(Vector.UD, 0, 0));
  }

  @Test
  void eresumeWithoutAnythingToResumeIsRefused() {
    var loaded = load(SampleEnclave.of(c -> c.mov(RBX, RCX).enclu(4)));
    assertThat(eresume(loaded, 0, host())).isInstanceOf(EnterOutcome.Refused.class);
    assertThat(eenter(loaded, 0, host())).isEqualTo(Exited.INSTANCE);
  }

  @Test
  void threadsRunTogetherAndEachTcsTakesOne() {
    // loop: lock inc [data]; mov rdx, [rdi]; cmp rdx, 0; jz loop; exit
    var loaded = load(SampleEnclave.of(c -> {
      var loop = c.label();
      c.mov(R8, RCX).bind(loop).lockInc(RSI, 0).load(RDX, RDI, 0).cmp(RDX, 0).jz(loop).mov(RBX, R8).enclu(4);
    }).threads(2));
    var untrusted = device().untrusted(loaded.id());
    var outcomes = new ArrayList<CompletableFuture<EnterOutcome>>();
    for (int thread = 0; thread < 2; thread++) {
      var registers = host();
      registers.rdi = untrusted.base();
      registers.rsi = untrusted.base() + 0x1000 + 64 * thread;
      int number = thread;
      outcomes.add(start(() -> eenter(loaded, number, registers)));
    }
    awaitUntrusted(untrusted, 0x1000, 100);
    awaitUntrusted(untrusted, 0x1040, 100);
    assertThat(eenter(loaded, 0, host())).as("a TCS in use").isInstanceOf(EnterOutcome.Refused.class);
    assertThat(outcomes).noneMatch(CompletableFuture::isDone);
    word(untrusted, 0, 1);
    outcomes.forEach(outcome -> assertThat(await(outcome)).isEqualTo(Exited.INSTANCE));
  }

  @Test
  void aLoopIsInterruptedAndResumed() {
    // loop: lock inc [rsi]; mov rdx, [rdi]; cmp rdx, 0; jz loop; exit
    var loaded = load(SampleEnclave.of(c -> {
      var loop = c.label();
      c.mov(R8, RCX).bind(loop).lockInc(RSI, 0).load(RDX, RDI, 0).cmp(RDX, 0).jz(loop).mov(RBX, R8).enclu(4);
    }));
    var untrusted = device().untrusted(loaded.id());
    var registers = host();
    registers.rdi = untrusted.base();
    registers.rsi = untrusted.base() + 0x1000;
    var first = start(() -> eenter(loaded, 0, registers));
    for (int i = 0; i < 10; i++) {
      awaitUntrusted(untrusted, 0x1000, word(untrusted, 0x1000) + 10); // now it is inside
      device().interrupt(loaded.id(), loaded.tcs(0));
      assertThat(await(first)).isEqualTo(Interrupted.INSTANCE);
      assertThat(registers.rax).isEqualTo(EncluLeaf.ERESUME.code());
      first = start(() -> eresume(loaded, 0, registers));
    }
    word(untrusted, 0, 1);
    assertThat(await(first)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rdi).isEqualTo(untrusted.base());
  }

  @Test
  void ereportTellsWhoTheEnclaveIs() {
    // mov r8, rcx; rbx = TARGETINFO, rcx = REPORTDATA, rdx = where to; enclu(0); mov rbx, r8; enclu(4)
    var loaded = load(SampleEnclave.of(
        c -> c.mov(R8, RCX).mov(RBX, RDI).mov(RCX, RSI).enclu(0).mov(RBX, R8).enclu(4)));
    assertThat(Targetinfo.BYTES).isLessThanOrEqualTo(0x200);
    memory().asSlice(DATA + 0x200, 64).copyFrom(MemorySegment.ofArray(Seeded.of(3).bytes(64)));
    var registers = host();
    registers.rdi = loaded.base() + DATA;
    registers.rsi = loaded.base() + DATA + 0x200;
    registers.rdx = loaded.base() + DATA + 0x400;
    assertThat(eenter(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    var report = Report.read(MemorySegment.ofArray(bytes(DATA + 0x400, Report.BYTES)));
    assertThat(report.toString()).contains(loaded.enclave().sigstruct().enclaveHash().hex());
  }

  /** A platform may change code that it has seen to leave often; what the enclave writes there counts nevertheless. */
  @Test
  void codeThatIsRewrittenRunsAsRewritten() {
    long site = 0x100;
    // if rdi = 1, overwrite the site with rsi; mov rbx, rcx; jmp site; site: mov eax, 4; enclu
    var loaded = load(SampleEnclave.of(c -> {
      var there = c.label();
      var go = c.label();
      c.cmp(RDI, 1).jnz(go).store(site, RSI).bind(go).mov(RBX, RCX).jmp(there);
      c.padTo((int) site).bind(there).enclu(4);
    }).writableCode());
    for (int i = 0; i < 50; i++) {
      assertThat(eenter(loaded, 0, host())).isEqualTo(Exited.INSTANCE);
    }
    assertThat(memory().get(JAVA_LONG, site)).as("the monitor's view").isEqualTo(0xd7010f00000004b8L);
    var registers = host();
    registers.rdi = 1;
    registers.rsi = 0x909090909090_0b0fL; // ud2
    assertThat(eenter(loaded, 0, registers)).isEqualTo(new Faulted(Vector.UD, 0, 0));
    assertThat(memory().get(JAVA_LONG, SAVED_RIP)).isEqualTo(loaded.base() + site);
  }

  @Test
  void aWrongMeasurementIsRefused() {
    var enclave = SampleEnclave.of(Code::ud2).build();
    var loaded = enclave.add(device());
    device().addZero(loaded.id(), NOTHING, 0x1000, Secinfo.reg(Permissions.RW), false);
    assertThat(device().init(loaded.id(), enclave.sigstruct(), Optional.empty())).isInstanceOfSatisfying(
        Outcome.Error.class, e -> assertThat(e.error()).isEqualTo(SgxError.SGX_INVALID_MEASUREMENT));
    assertThat(eenter(loaded, 0, host())).as("not initialised").isInstanceOf(EnterOutcome.Refused.class);
  }

  @Test
  void aKilledProcessIsADeadEnclaveAndOthersLive() {
    var loaded = load(SampleEnclave.of(c -> {
      var loop = c.label();
      c.bind(loop).lockInc(RSI, 0).jmp(loop);
    }));
    var space = space();
    var other = load(SampleEnclave.of(c -> c.mov(RBX, RCX).enclu(4)));
    var untrusted = device().untrusted(loaded.id());
    var registers = host();
    registers.rsi = untrusted.base();
    var outcome = start(() -> eenter(loaded, 0, registers));
    awaitUntrusted(untrusted, 0, 100);
    kill(space);
    assertThat(await(outcome)).isInstanceOf(EnterOutcome.Dead.class);
    assertThat(eenter(loaded, 0, host())).isInstanceOf(EnterOutcome.Dead.class);
    assertThat(eenter(other, 0, host())).isEqualTo(Exited.INSTANCE);
  }

  /** The process may be gone before a thread enters for the first time. */
  @Test
  void aThreadThatHasNeverEnteredFindsTheProcessDead() {
    var loaded = load(SampleEnclave.of(c -> c.mov(RBX, RCX).enclu(4)).threads(2));
    assertThat(eenter(loaded, 0, host())).isEqualTo(Exited.INSTANCE);
    kill(space());
    assertThat(eenter(loaded, 1, host())).isInstanceOf(EnterOutcome.Dead.class);
    assertThat(eenter(loaded, 1, host())).isInstanceOf(EnterOutcome.Dead.class);
    assertThat(eenter(loaded, 0, host())).isInstanceOf(EnterOutcome.Dead.class);
  }

  @Test
  void removingAnEnclaveEndsWhoIsInside() {
    var loaded = load(SampleEnclave.of(c -> {
      var loop = c.label();
      c.bind(loop).lockInc(RSI, 0).jmp(loop);
    }));
    var untrusted = device().untrusted(loaded.id());
    var registers = host();
    registers.rsi = untrusted.base();
    var outcome = start(() -> eenter(loaded, 0, registers));
    awaitUntrusted(untrusted, 0, 100);
    assertThat(device().remove(loaded.id()).ok()).isTrue();
    assertThat(await(outcome))
        .isInstanceOfAny(EnterOutcome.Dead.class, Interrupted.class);
    assertThat(device().enter(loaded.id(), EnterCall.eenter(loaded.tcs(0), AEP), host()))
        .isInstanceOf(EnterOutcome.Refused.class);
  }

  /** A thread that is hardly ever outside of the monitor's own code can be got out, too. */
  @Test
  void aLoopOfLeavesIsInterruptedAndGoesOn() {
    // rbx, rcx, rdx: TARGETINFO, REPORTDATA, REPORT; loop: mov eax, 0; enclu; mov rax, [rdi]; cmp rax, 0; jz loop; …
    var loaded = load(SampleEnclave.of(c -> {
      var loop = c.label();
      c.mov(RSI, RCX).rdgsbase(RBX).add(RBX, (int) (SampleEnclave.DATA - SampleEnclave.GS_BASE));
      c.mov(RCX, RBX).add(RCX, 0x200).mov(RDX, RBX).add(RDX, 0x400);
      c.bind(loop).enclu(0).lockInc(RDI, 8).load(RAX, RDI, 0).cmp(RAX, 0).jz(loop).mov(RBX, RSI).enclu(4);
    }));
    var untrusted = device().untrusted(loaded.id());
    var registers = host();
    registers.rdi = untrusted.base();
    for (int i = 0; i < 10; i++) {
      int turn = i;
      var outcome = start(() -> turn == 0 ? eenter(loaded, 0, registers) : eresume(loaded, 0, host()));
      awaitUntrusted(untrusted, 8, word(untrusted, 8) + 10);
      device().interrupt(loaded.id(), loaded.tcs(0));
      assertThat(await(outcome)).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    }
    word(untrusted, 0, 1);
    assertThat(eresume(loaded, 0, host())).isEqualTo(Exited.INSTANCE);
  }
}
