package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** RFLAGS.TF on a scripted processor (SDM 3D, “Enclave Code Debug and Profiling”). */
class SingleStepTest {
  private static final long TF = 1 << 8;
  private static final EnterOutcome STEPPED = new EnterOutcome.Faulted(Vector.DB, 0, 0);

  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
  private final CreateOutcome.Created enclave =
      TestEnclaves.load(
          monitor, Secs.of(TestEnclaves.SIZE, 1, MiscSelect.NONE, TestEnclaves.ATTRIBUTES.with(Attributes.DEBUG)));
  private final long tcs = enclave.base() + TestEnclaves.TCS_OFFSET;
  private final Registers registers = new Registers();

  /** RIP and TF of each run. */
  private final List<String> runs = new ArrayList<>();

  @AfterEach
  void close() {
    monitor.close();
  }

  /** What enclave code does: faults on a TCS, and else what a test says. */
  private void script(Exit exit) {
    platform.script =
        (_, r, _) -> {
          runs.add("0x%x%s".formatted(r.rip - enclave.base(), (r.rflags & TF) == 0 ? "" : " TF"));
          if (r.rip == tcs) {
            return new Exit.Fault(14, 0x15, tcs);
          }
          r.rip += exit instanceof Exit.Fault ? 2 : 0;
          return exit;
        };
  }

  private void flags(long flags) {
    TestEnclaves.require(
        monitor.debugWrite(enclave.id(), tcs + Tcs.FLAGS_OFFSET, MemorySegment.ofArray(new long[] {flags})));
  }

  private EnterOutcome enter(EncluLeaf leaf, boolean step) {
    registers.rflags = 0x202 | (step ? TF : 0);
    return monitor.enter(enclave.id(), new EnterCall(leaf, tcs, 0x9000), registers);
  }

  private GprSgx saved() {
    long at = TestEnclaves.SSA_OFFSET + 4096 - GprSgx.BYTES;
    return GprSgx.read(platform.last().enclave().asSlice(at, GprSgx.BYTES));
  }

  @Test
  void anOptInEntryStopsBeforeTheFirstInstructionAndThenAfterEach() {
    flags(Tcs.DBGOPTIN);
    script(new Exit.Fault(1, 0, 0));
    assertThat(enter(EncluLeaf.EENTER, true)).isEqualTo(STEPPED);
    assertThat(saved().rip() - enclave.base()).isEqualTo(TestEnclaves.ENTRY);
    assertThat(saved().rflags() & TF).as("TF in the SSA").isZero();
    assertThat(saved().exitInfo().vector()).isEqualTo(1);
    assertThat(registers.rflags & TF).as("TF of the host stays").isEqualTo(TF);
    assertThat(runs).as("nothing but to the page on which it faults").containsExactly("0x1000 TF");

    assertThat(enter(EncluLeaf.ERESUME, true)).isEqualTo(STEPPED);
    assertThat(saved().rip() - enclave.base()).isEqualTo(TestEnclaves.ENTRY + 2);
    assertThat(runs).last().isEqualTo("0x40 TF");
    enter(EncluLeaf.ERESUME, false);
    assertThat(runs).last().isEqualTo("0x42");
  }

  @Test
  void anOptOutEntryKnowsNothingOfIt() {
    script(new Exit.Fault(6, 0, 0));
    assertThat(enter(EncluLeaf.EENTER, true)).isEqualTo(new EnterOutcome.Faulted(Vector.UD, 0, 0));
    assertThat(runs).containsExactly("0x40");
    assertThat(registers.rflags & TF).as("the host's again").isEqualTo(TF);
  }

  @Test
  void aLeafInsideIsOneStep() {
    flags(Tcs.DBGOPTIN);
    long data = enclave.base() + TestEnclaves.DATA_OFFSET;
    platform.script =
        (_, r, _) -> {
          if (r.rip == tcs) {
            return new Exit.Fault(14, 0x15, tcs);
          }
          r.rflags |= TF; // by POPF, which an opt-in entry allows
          r.rax = EncluLeaf.EREPORT.code();
          r.rbx = data;
          r.rcx = data + 512;
          r.rdx = data + 1024;
          return Exit.Enclu.INSTANCE;
        };
    assertThat(enter(EncluLeaf.EENTER, false)).isEqualTo(STEPPED);
    assertThat(saved().rip() - enclave.base()).isEqualTo(TestEnclaves.ENTRY + 3);
  }
}
