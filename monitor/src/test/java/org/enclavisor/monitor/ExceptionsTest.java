package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.KeyPolicy;
import org.enclavisor.isa.Keyrequest;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Tcs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the manual makes of exceptions that the machine reports otherwise, and of leaves that give back a result. */
class ExceptionsTest {
  private static final long AEP = 0x9000;
  private static final long TF = 1L << 8;
  private static final long RF = 1L << 16;
  private static final long ZF = 1L << 6;
  private static final long CARRY_PARITY_AUX_SIGN_OVERFLOW = 0x895;
  private static final long CODE = TestEnclaves.DATA_OFFSET + 0x800;

  private interface Step {
    Exit run(Registers registers);
  }

  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
  private final ArrayDeque<Step> steps = new ArrayDeque<>();
  private final Registers registers = new Registers();
  private final CreateOutcome.Created enclave;
  private final long base;
  private final long tcs;

  ExceptionsTest() {
    Secs secs =
        TestEnclaves.secs()
            .withAttributes(TestEnclaves.ATTRIBUTES.with(Attributes.DEBUG));
    enclave = TestEnclaves.load(monitor, secs);
    base = enclave.base();
    tcs = base + TestEnclaves.TCS_OFFSET;
    platform.script = (_, r, _) -> steps.remove().run(r);
  }

  @AfterEach
  void close() {
    assertThat(steps).as("steps that never ran").isEmpty();
    monitor.close();
  }

  private MemorySegment memory() {
    return platform.last().enclave();
  }

  private GprSgx saved(int frame) {
    long at = TestEnclaves.SSA_OFFSET + (frame + 1) * 4096L - GprSgx.BYTES;
    return GprSgx.read(memory().asSlice(at, GprSgx.BYTES));
  }

  private EnterOutcome enter() {
    return monitor.enter(enclave.id(), EnterCall.eenter(tcs, AEP), registers);
  }

  /** Lets the machine report an exception of an instruction. */
  private EnterOutcome exception(String instruction, int vector, int code) {
    byte[] bytes = HexFormat.of().parseHex(instruction);
    memory().asSlice(CODE, 16).fill((byte) 0x90);
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory(), CODE, bytes.length);
    steps.add(
        r -> {
          r.rip = base + CODE;
          return new Exit.Fault(vector, code, 0);
        });
    return enter();
  }

  private void optIn() {
    threadFlags(Tcs.DBGOPTIN);
  }

  private void threadFlags(long value) {
    byte[] flags = new byte[8];
    flags[0] = (byte) value;
    TestEnclaves.require(
        monitor.debugWrite(enclave.id(), tcs + Tcs.FLAGS_OFFSET, MemorySegment.ofArray(flags)));
  }

  @ParameterizedTest
  @CsvSource({
    "6c, 13, 0", // INSB
    "f36d, 13, 0", // REP INSD
    "6e, 13, 0", // OUTSB
    "e460, 13, 0", // IN AL, 60H
    "66ed, 13, 0", // IN AX, DX
    "e680, 13, 0", // OUT 80H, AL
    "ef, 13, 0", // OUT DX, EAX
    "cd80, 13, 0x402", // INT 80H
    "cd0d, 13, 0x6a", // INT 0DH
    "8ed8, 13, 0x10", // MOV DS, AX
    "4c8ed0, 13, 0", // MOV SS with REX, null selector
    "8ed8, 11, 0x10", // a segment that is not present
    "0fa1, 13, 0x18", // POP FS
    "0fb210, 13, 0", // LSS
    "0fb510, 13, 0x20", // LGS
    "cb, 13, 0x33", // far RET
    "48cf, 13, 0x33", // IRETQ
    "ff18, 13, 0", // CALL FAR
    "ff28, 13, 0x40", // JMP FAR
    "0f33, 13, 0", // RDPMC
    "0f00c0, 13, 0", // SLDT
    "0f00c8, 13, 0", // STR
    "0f0100, 13, 0", // SGDT
    "0f0108, 13, 0", // SIDT
    "0f01e0, 13, 0", // SMSW
    "0f01c1, 13, 0", // VMCALL
    "0f01d4, 13, 0", // VMFUNC
    "0f05, 6, 0", // SYSCALL
    "0f37, 6, 0", // GETSEC
    "0f34, 13, 0", // SYSENTER
    "0fa2, 13, 0", // CPUID, where it faults
  })
  void illegalInsideAnEnclave(String instruction, int vector, String code) {
    assertThat(exception(instruction, vector, Integer.decode(code)))
        .isEqualTo(new EnterOutcome.Faulted(Vector.UD, 0, 0));
    assertThat(saved(0).rip()).as("on the instruction").isEqualTo(base + CODE);
    assertThat(saved(0).exitInfo().vector()).isEqualTo(6);
    assertThat(saved(0).exitInfo().valid()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "f4", // HLT
        "fa", // CLI
        "0f22c0", // MOV CR0, RAX
        "0f32", // RDMSR
        "0f01d0", // XGETBV
        "0f0110", // LGDT
        "0f01f9", // RDTSCP
        "8b00", // MOV EAX, [RAX], not canonical
        "ff20", // JMP [RAX]
        "ff10", // CALL [RAX]
        "c3", // RET
        "0fae08", // FXRSTOR
        "2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e", // too long
      })
  void privilegedOrWrongAsOutside(String instruction) {
    assertThat(exception(instruction, 13, 0)).isEqualTo(new EnterOutcome.Faulted(Vector.GP, 0, 0));
    assertThat(saved(0).exitInfo().valid()).as("without EXINFO").isFalse();
  }

  @Test
  void atTheEndOfTheElrange() {
    long last = TestEnclaves.SIZE - 1;
    assertThat(IllegalInstruction.at(memory(), last)).isFalse();
    assertThat(IllegalInstruction.at(MemorySegment.ofArray(new byte[] {(byte) 0xEC}), 0)).isTrue();
    assertThat(IllegalInstruction.at(MemorySegment.ofArray(new byte[] {0x66}), 0)).isFalse();
    assertThat(IllegalInstruction.at(MemorySegment.ofArray(new byte[] {0x0F}), 0)).isTrue();
  }

  @Test
  void breakpointsAreNoInstructionAfterAnOptOutEntry() {
    assertThat(exception("cc", 3, 0)).isEqualTo(new EnterOutcome.Faulted(Vector.UD, 0, 0));
    assertThat(saved(0).exitInfo().vector()).isEqualTo(6);
    assertThat(saved(0).exitInfo().exitType()).isEqualTo(3);
  }

  @Test
  void breakpointsAfterAnOptInEntry() {
    optIn();
    assertThat(exception("cc", 3, 0)).isEqualTo(new EnterOutcome.Faulted(Vector.BP, 0, 0));
    assertThat(saved(0).exitInfo().vector()).isEqualTo(3);
    assertThat(saved(0).exitInfo().exitType()).isEqualTo(6);
    assertThat(saved(0).rip()).as("on the instruction").isEqualTo(base + CODE);
  }

  @Test
  void afterAnOptOutEntryPopfCannotSingleStep() {
    steps.add(
        r -> {
          r.rflags |= TF;
          return new Exit.Fault(1, 0, 0);
        });
    steps.add(
        r -> {
          assertThat(r.rflags & TF).isZero();
          r.rax = EncluLeaf.EEXIT.code();
          r.rbx = AEP;
          return Exit.Enclu.INSTANCE;
        });
    assertThat(enter()).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  @Test
  void singleStepsAfterAnOptInEntry() {
    optIn();
    registers.rflags |= TF;
    steps.add(
        r -> {
          assertThat(r.rflags & TF).as("the host's").isEqualTo(TF);
          return new Exit.Fault(1, 0, 0);
        });
    assertThat(enter()).isEqualTo(new EnterOutcome.Faulted(Vector.DB, 0, 0));
    assertThat(saved(0).exitInfo().vector()).isEqualTo(1);
    assertThat(saved(0).rflags() & TF).as("never saved").isZero();
    assertThat(registers.rflags & TF).as("left as it was").isEqualTo(TF);
  }

  @Test
  void aStepPendsBehindAnEresumeThatTellsOfTheExit() {
    threadFlags(Tcs.DBGOPTIN | Tcs.AEXNOTIFY);
    steps.add(r -> Exit.Interrupt.INSTANCE);
    assertThat(enter()).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    long frame = TestEnclaves.SSA_OFFSET + 4096 - GprSgx.BYTES;
    memory().set(ValueLayout.JAVA_BYTE, frame + GprSgx.AEXNOTIFY_OFFSET, (byte) 1);
    registers.rflags |= TF;
    steps.add(r -> new Exit.Fault(14, 0x15, tcs)); // the monitor makes the machine show the extended state
    EnterOutcome outcome = monitor.enter(enclave.id(), new EnterCall(EncluLeaf.ERESUME, tcs, AEP), registers);
    assertThat(outcome).isEqualTo(new EnterOutcome.Faulted(Vector.DB, 0, 0));
    assertThat(saved(1).rip()).as("before the first instruction").isEqualTo(base + TestEnclaves.ENTRY);
    assertThat(saved(1).rax()).as("CSSA").isEqualTo(1);
  }

  @Test
  void theHostsTrapFlagComesBackAfterAnOptOutEntry() {
    registers.rflags |= TF;
    steps.add(
        r -> {
          assertThat(r.rflags & TF).isZero();
          return Exit.Interrupt.INSTANCE;
        });
    assertThat(enter()).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    assertThat(registers.rflags & TF).isEqualTo(TF);
  }

  @ParameterizedTest
  @CsvSource({
    "0, true", "1, false", "5, true", "6, true", "13, true", "14, true", "16, true", "17, true", "19, true",
    "4, false", "-1, false",
  })
  void theResumeFlagIsSavedOfFaultsOnly(int vector, boolean set) {
    steps.add(r -> vector < 0 ? Exit.Interrupt.INSTANCE : new Exit.Fault(vector, 0, 0x1000));
    enter();
    assertThat((saved(0).rflags() & RF) != 0).isEqualTo(set);
    assertThat(registers.rflags & RF).as("synthetic").isZero();
  }

  @Test
  void framesAreUsedUpAndThenNobodyEnters() {
    for (int frame = 0; frame < 3; frame++) {
      long rip = base + 0x50 + frame;
      steps.add(
          r -> {
            r.rip = rip;
            return new Exit.Fault(0, 0, 0);
          });
      assertThat(enter()).isEqualTo(new EnterOutcome.Faulted(Vector.DE, 0, 0));
    }
    assertThat(enter()).isInstanceOfSatisfying(
        EnterOutcome.Refused.class, r -> assertThat(r.fault().toString()).startsWith("#GP(0): TCS.CSSA=3"));
    for (int frame = 2; frame >= 0; frame--) {
      assertThat(saved(frame).rip()).isEqualTo(base + 0x50 + frame);
      long rip = base + 0x50 + frame;
      steps.add(
          r -> {
            assertThat(r.rip).isEqualTo(rip);
            r.rax = EncluLeaf.EEXIT.code();
            r.rbx = AEP;
            return Exit.Enclu.INSTANCE;
          });
      EnterOutcome outcome = monitor.enter(enclave.id(), new EnterCall(EncluLeaf.ERESUME, tcs, AEP), registers);
      assertThat(outcome).isEqualTo(EnterOutcome.Exited.INSTANCE);
    }
  }

  /** Executes a leaf inside and leaves; what its registers were afterwards. */
  private Registers leaf(EncluLeaf leaf, UnaryOperator<Registers> operands) {
    Registers after = new Registers();
    steps.add(
        r -> {
          r.rip = base + 0x50;
          r.rax = leaf.code();
          r.rflags |= CARRY_PARITY_AUX_SIGN_OVERFLOW | ZF;
          operands.apply(r);
          return Exit.Enclu.INSTANCE;
        });
    steps.add(
        r -> {
          after.set(r);
          r.rax = EncluLeaf.EEXIT.code();
          r.rbx = AEP;
          return Exit.Enclu.INSTANCE;
        });
    assertThat(enter()).isEqualTo(EnterOutcome.Exited.INSTANCE);
    return after;
  }

  private Registers egetkey(int name) {
    Keyrequest request =
        new Keyrequest(
            name, new KeyPolicy(KeyPolicy.MRENCLAVE), 0, 0, CpuSvn.ZERO, Attributes.ZERO, KeyId.ZERO, MiscSelect.NONE,
            0);
    request.write(memory().asSlice(TestEnclaves.DATA_OFFSET, Keyrequest.BYTES));
    return leaf(
        EncluLeaf.EGETKEY,
        r -> {
          r.rbx = base + TestEnclaves.DATA_OFFSET;
          r.rcx = base + TestEnclaves.DATA_OFFSET + 0x1000;
          return r;
        });
  }

  @Test
  void resultsAreInRaxAndFlags() {
    Registers good = egetkey(KeyName.SEAL_KEY.code());
    assertThat(good.rip).isEqualTo(base + 0x53);
    assertThat(good.rax).isZero();
    assertThat(good.rflags & (CARRY_PARITY_AUX_SIGN_OVERFLOW | ZF)).isZero();
    Registers bad = egetkey(77);
    assertThat(bad.rip).isEqualTo(base + 0x53);
    assertThat(bad.rax).isEqualTo(SgxError.SGX_INVALID_KEYNAME.code());
    assertThat(bad.rflags & (CARRY_PARITY_AUX_SIGN_OVERFLOW | ZF)).isEqualTo(ZF);
  }

  @Test
  void leavesWithoutAResultLeaveRaxAndFlagsAlone() {
    Registers after =
        leaf(
            EncluLeaf.EMODPE,
            r -> {
              r.rbx = base + TestEnclaves.DATA_OFFSET + 0x800;
              r.rcx = base + TestEnclaves.DATA_OFFSET;
              return r;
            });
    assertThat(after.rax).isEqualTo(EncluLeaf.EMODPE.code());
    assertThat(after.rflags & (CARRY_PARITY_AUX_SIGN_OVERFLOW | ZF)).isEqualTo(CARRY_PARITY_AUX_SIGN_OVERFLOW | ZF);
  }

  @Test
  void leavesOfFeaturesThatAreNotThere() {
    try (Monitor plain = new Monitor(platform, MonitorConfig.defaults().withFeatures(Set.of()))) {
      CreateOutcome.Created created = TestEnclaves.load(plain, TestEnclaves.secs());
      for (EncluLeaf leaf : new EncluLeaf[] {
        EncluLeaf.EACCEPT, EncluLeaf.EMODPE, EncluLeaf.EACCEPTCOPY, EncluLeaf.EDECCSSA, EncluLeaf.EVERIFYREPORT2
      }) {
        steps.add(
            r -> {
              r.rax = leaf.code();
              return Exit.Enclu.INSTANCE;
            });
        steps.add(r -> new Exit.Fault(14, 0x15, tcs));
        EnterCall call = EnterCall.eenter(created.base() + TestEnclaves.TCS2_OFFSET, AEP);
        assertThat(plain.enter(created.id(), call, new Registers()))
            .isEqualTo(new EnterOutcome.Faulted(Vector.GP, 0, 0));
        steps.add(
            r -> {
              r.rax = EncluLeaf.EEXIT.code();
              r.rbx = AEP;
              return Exit.Enclu.INSTANCE;
            });
        plain.enter(
            created.id(), new EnterCall(EncluLeaf.ERESUME, created.base() + TestEnclaves.TCS2_OFFSET, AEP),
            new Registers());
      }
    }
  }
}
