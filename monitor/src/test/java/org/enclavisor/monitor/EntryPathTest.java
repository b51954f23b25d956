package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Report;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What comes of each exit, on a scripted processor. */
class EntryPathTest {
  private static final long AEP = 0x9000;

  /** What enclave code does until its next exit. */
  private interface Step {
    Exit run(Registers registers);
  }

  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final List<MonitorEvent> events = new ArrayList<>();
  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults().withEvents(events::add));
  private final ArrayDeque<Step> steps = new ArrayDeque<>();
  private final List<Extended> extended = new ArrayList<>();
  private final List<Long> started = new ArrayList<>();
  private final Registers registers = new Registers();
  private final CreateOutcome.Created enclave;
  private final long base;
  private final long tcs;

  EntryPathTest() {
    enclave = TestEnclaves.load(monitor, TestEnclaves.secs());
    base = enclave.base();
    tcs = base + TestEnclaves.TCS_OFFSET;
    platform.script =
        (cpu, r, how) -> {
          extended.add(how);
          started.add(r.rip);
          return steps.remove().run(r);
        };
  }

  @AfterEach
  void close() {
    assertThat(steps).as("steps that never ran").isEmpty();
    monitor.close();
  }

  private static Exit exit(Registers r) {
    r.rax = EncluLeaf.EEXIT.code();
    r.rbx = 0x1234;
    return Exit.Enclu.INSTANCE;
  }

  private static Step fault(int vector, int code, long address) {
    return r -> new Exit.Fault(vector, code, address);
  }

  private EnterOutcome enter(EncluLeaf leaf) {
    return monitor.enter(enclave.id(), new EnterCall(leaf, tcs, AEP), registers);
  }

  private GprSgx saved(int frame) {
    long at = TestEnclaves.SSA_OFFSET + (frame + 1) * 4096L - GprSgx.BYTES;
    return GprSgx.read(platform.last().enclave().asSlice(at, GprSgx.BYTES));
  }

  @ParameterizedTest
  @CsvSource({
    // The EPCM refuses what the host's mapping allows: P and SGX are set.
    "0x0100, 0x6, 0x8007", // write to r-x code
    "0x0100, 0x7, 0x8007",
    "0x4010, 0x14, 0x8015", // fetch from rw- data
    "0x1000, 0x4, 0x8005", // a TCS cannot be read,
    "0x2008, 0x6, 0x8007", // nor written.
    // There is no page: the host could not have mapped one.
    "0x3000, 0x4, 0x4",
    "0xF008, 0x7, 0x6",
  })
  void pageFaultsInTheElrange(String offset, String machine, String expected) {
    long address = base + Long.decode(offset);
    steps.add(fault(14, Integer.decode(machine), address));
    assertThat(enter(EncluLeaf.EENTER))
        .isEqualTo(new EnterOutcome.Faulted(Vector.PF, Integer.decode(expected), address & -4096));
    assertThat(saved(0).exitInfo().valid()).isFalse();
  }

  @Test
  void pageFaultsThatNeitherEpcmNorHostExplain() {
    for (int i = 0; i < 3; i++) {
      steps.add(fault(14, 6, base + 0x4000));
    }
    steps.add(EntryPathTest::exit);
    assertThat(enter(EncluLeaf.EENTER)).as("tried again").isEqualTo(EnterOutcome.Exited.INSTANCE);
    for (int i = 0; i < 17; i++) {
      steps.add(fault(14, 6, base + 0x4000));
    }
    assertThat(enter(EncluLeaf.EENTER))
        .as("not for ever")
        .isEqualTo(new EnterOutcome.Faulted(Vector.PF, 6, base + 0x4000));
  }

  @Test
  void pageFaultsThatAreTheHostsOwn() {
    TestEnclaves.require(monitor.protect(enclave.id(), 0xB000, 0x1000, Permissions.R));
    steps.add(fault(14, 6, base + 0xB000));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.PF, 7, base + 0xB000));
    TestEnclaves.require(monitor.protect(enclave.id(), 0xA000, 0x1000, Permissions.NONE));
    steps.add(fault(14, 6, base + 0xA000));
    assertThat(enter(EncluLeaf.ERESUME)).isEqualTo(new EnterOutcome.Faulted(Vector.PF, 6, base + 0xA000));
  }

  @Test
  void anSsaThatTheHostHasNotMapped() {
    long ssa = base + TestEnclaves.SSA_OFFSET;
    TestEnclaves.require(monitor.protect(enclave.id(), TestEnclaves.SSA_OFFSET, 0x1000, Permissions.R));
    EnterOutcome outcome = enter(EncluLeaf.EENTER);
    assertThat(((EnterOutcome.Refused) outcome).fault().toString()).startsWith("#PF(0x7) at 0x%x".formatted(ssa));
    TestEnclaves.require(monitor.protect(enclave.id(), TestEnclaves.SSA_OFFSET, 0x1000, Permissions.NONE));
    outcome = enter(EncluLeaf.EENTER);
    assertThat(((EnterOutcome.Refused) outcome).fault().toString()).startsWith("#PF(0x6) at 0x%x".formatted(ssa));
    TestEnclaves.require(monitor.protect(enclave.id(), TestEnclaves.SSA_OFFSET, 0x1000, Permissions.RW));
    steps.add(EntryPathTest::exit);
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  @Test
  void pageFaultsOutsideTheElrangeAreTheHosts() {
    steps.add(fault(14, 0x8006, 0x123456));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.PF, 6, 0x123000));
  }

  @Test
  void fetchingFromOutsideTheElrangeIsGeneralProtection() {
    steps.add(
        r -> {
          r.rip = 0x10_0000;
          return new Exit.Fault(14, 0x15, 0x10_0000);
        });
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.GP, 0, 0));
    assertThat(saved(0).rip()).isEqualTo(0x10_0000);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 5, 6, 13, 16, 17, 19})
  void otherExceptions(int vector) {
    steps.add(fault(vector, 0, 0));
    assertThat(enter(EncluLeaf.EENTER))
        .isEqualTo(new EnterOutcome.Faulted(Vector.of(vector).orElseThrow(), 0, 0));
    assertThat(registers.rip).isEqualTo(AEP);
    assertThat(registers.rax).isEqualTo(3);
    assertThat(registers.rbx).isEqualTo(tcs);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 8, 10, -1})
  void leavesThatAreNotThere(int leaf) {
    steps.add(
        r -> {
          r.rip = base + 0x50;
          r.rax = leaf;
          r.rdi = 77;
          return Exit.Enclu.INSTANCE;
        });
    // The monitor makes the machine show the extended state, by a fetch that cannot work.
    steps.add(fault(14, 0x15, tcs));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.GP, 0, 0));
    assertThat(started.getLast()).isEqualTo(tcs);
    assertThat(extended.getLast()).isEqualTo(Extended.KEEP);
    assertThat(saved(0).rip()).as("on the instruction").isEqualTo(base + 0x50);
    assertThat(saved(0).rdi()).isEqualTo(77);
    assertThat(events).anyMatch(e -> e instanceof MonitorEvent.Enclu enclu && enclu.number() == leaf);
  }

  @Test
  void dyingWhileSettlingIsDeath() {
    steps.add(
        r -> {
          r.rax = 1;
          return Exit.Enclu.INSTANCE;
        });
    steps.add(r -> new Exit.Death("killed"));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Dead("killed"));
  }

  @Test
  void ereportGoesOnBehindTheInstruction() {
    long data = base + TestEnclaves.DATA_OFFSET;
    steps.add(
        r -> {
          r.rip = base + 0x60;
          r.rax = EncluLeaf.EREPORT.code();
          r.rbx = data;
          r.rcx = data + 0x200;
          r.rdx = data + 0x400;
          return Exit.Enclu.INSTANCE;
        });
    steps.add(EntryPathTest::exit);
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(started.getLast()).isEqualTo(base + 0x63);
    MemorySegment memory = platform.last().enclave();
    Report report = Report.read(memory.asSlice(TestEnclaves.DATA_OFFSET + 0x400, Report.BYTES));
    assertThat(report.mrEnclave()).isEqualTo(monitor.secs(enclave.id()).mrEnclave());
    assertThat(report.attributes().xfrm()).isEqualTo(TestEnclaves.XFRM);
  }

  @Test
  void ereportIntoWhatTheHostHasMappedReadOnly() {
    long data = base + TestEnclaves.DATA_OFFSET;
    TestEnclaves.require(monitor.protect(enclave.id(), TestEnclaves.DATA_OFFSET, 0x1000, Permissions.R));
    steps.add(
        r -> {
          r.rax = EncluLeaf.EREPORT.code();
          r.rbx = data;
          r.rcx = data + 0x200;
          r.rdx = data + 0x400;
          return Exit.Enclu.INSTANCE;
        });
    steps.add(fault(14, 0x15, tcs));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.PF, 7, data));
    assertThat(platform.last().enclave().get(ValueLayout.JAVA_LONG, TestEnclaves.DATA_OFFSET + 0x400)).isZero();
  }

  @Test
  void ereportThatFaults() {
    steps.add(
        r -> {
          r.rip = base + 0x60;
          r.rax = 0;
          r.rbx = base + TestEnclaves.DATA_OFFSET;
          r.rcx = base + TestEnclaves.DATA_OFFSET;
          r.rdx = base;
          return Exit.Enclu.INSTANCE;
        });
    steps.add(fault(14, 0x15, tcs));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.PF, 0x8007, base));
    assertThat(saved(0).rip()).isEqualTo(base + 0x60);
  }

  @Test
  void eexitToNowhere() {
    steps.add(
        r -> {
          exit(r);
          r.rbx = 1L << 50;
          return Exit.Enclu.INSTANCE;
        });
    steps.add(fault(14, 0x15, tcs));
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Faulted(Vector.GP, 0, 0));
  }

  @Test
  void handlersRunOnTheNextFrameWithInitialState() {
    steps.add(
        r -> {
          r.rip = base + 0x70;
          r.rdi = 5;
          platform.last().cpus.getFirst().area.set(ValueLayout.JAVA_LONG_UNALIGNED, 512, 2);
          platform.last().cpus.getFirst().area.set(ValueLayout.JAVA_INT_UNALIGNED, 24, 0x1F80);
          platform.last().cpus.getFirst().area.set(ValueLayout.JAVA_LONG_UNALIGNED, 160, 0x1234567);
          return new Exit.Fault(6, 0, 0);
        });
    assertThat(enter(EncluLeaf.EENTER)).isInstanceOf(EnterOutcome.Faulted.class);
    long[] seen = new long[2];
    steps.add(
        r -> {
          seen[0] = r.rax;
          seen[1] = platform.last().cpus.getFirst().area.get(ValueLayout.JAVA_LONG_UNALIGNED, 512);
          return exit(r);
        });
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(seen).as("CSSA, XSTATE_BV").containsExactly(1, 0);
    steps.add(
        r -> {
          seen[0] = r.rdi;
          seen[1] = platform.last().cpus.getFirst().area.get(ValueLayout.JAVA_LONG_UNALIGNED, 160);
          assertThat(r.rip).isEqualTo(base + 0x70);
          return exit(r);
        });
    assertThat(enter(EncluLeaf.ERESUME)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(seen).as("RDI, XMM0").containsExactly(5, 0x1234567);
    steps.add(EntryPathTest::exit);
    assertThat(enter(EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(extended).containsExactly(Extended.KEEP, Extended.LOAD, Extended.LOAD, Extended.KEEP);
  }

  @Test
  void refusalLeavesTheRegistersAlone() {
    registers.rdi = 9;
    registers.rip = 0x777;
    String before = registers.toString();
    EnterOutcome outcome = enter(EncluLeaf.ERESUME);
    assertThat(outcome).isInstanceOf(EnterOutcome.Refused.class);
    assertThat(registers.toString()).isEqualTo(before);
    assertThat(events.getLast()).isInstanceOf(MonitorEvent.Refused.class);
  }

  @Test
  void exinfoReachesTheEnclave() {
    CreateOutcome.Created second =
        TestEnclaves.load(
            monitor,
            Secs.of(TestEnclaves.SIZE, 1, new MiscSelect(1), TestEnclaves.ATTRIBUTES));
    long address = second.base() + 0x123;
    steps.add(fault(14, 6, address));
    EnterOutcome outcome =
        monitor.enter(
            second.id(), EnterCall.eenter(second.base() + TestEnclaves.TCS_OFFSET, AEP), registers);
    assertThat(outcome).isEqualTo(new EnterOutcome.Faulted(Vector.PF, 0x8007, address & -4096));
    assertThat(saved(0).exitInfo().valid()).isTrue();
    long misc = TestEnclaves.SSA_OFFSET + 4096 - GprSgx.BYTES - 16;
    assertThat(platform.last().enclave().get(ValueLayout.JAVA_LONG_UNALIGNED, misc)).isEqualTo(address);
    assertThat(platform.last().enclave().get(ValueLayout.JAVA_INT_UNALIGNED, misc + 8)).isEqualTo(0x8007);
  }

  @Test
  void eventsTellTheStory() {
    assertThat(events.stream().map(e -> e.getClass().getSimpleName()).toList())
        .containsExactly("Encls", "Encls", "Encls", "Encls", "Encls", "Encls", "Encls", "LifeCycle");
    events.clear();
    steps.add(fault(0, 0, 0));
    enter(EncluLeaf.EENTER);
    steps.add(EntryPathTest::exit);
    enter(EncluLeaf.ERESUME);
    monitor.remove(enclave.id());
    assertThat(events.stream().map(e -> e.getClass().getSimpleName()).toList())
        .containsExactly("Entered", "AsynchronousExit", "Entered", "Exited", "LifeCycle", "Encls");
  }
}
