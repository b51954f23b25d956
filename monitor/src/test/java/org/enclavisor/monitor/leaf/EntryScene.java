package org.enclavisor.monitor.leaf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.ScriptedPlatform;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/** An initialised enclave, a thread of it, a processor, and what a host's registers hold. */
class EntryScene extends LeafScene {
  static final long RBX = BASE + TestEnclaves.TCS_OFFSET;
  static final long AEP = 0x5000_0000;
  static final long GPR = 4096 - GprSgx.BYTES;
  final SecsPage page;
  final Registers registers = hostRegisters();
  final Processor processor = new Processor();
  final ProcessorSlot slot = new ProcessorSlot(processor);
  @Nullable TcsPage tcs;

  EntryScene() {
    this(MiscSelect.NONE);
  }

  EntryScene(MiscSelect miscSelect) {
    page = initialised(miscSelect);
    tcs = page.thread(RBX);
    rbx = RBX;
    rcx = AEP;
  }

  /** A processor that runs nothing: leaves need only its area. */
  static final class Processor implements LogicalProcessor {
    final MemorySegment area = Arena.ofAuto().allocate(ScriptedPlatform.XSAVE_BYTES, 64);

    @Override
    public Exit enter(Registers registers, Extended extended) {
      throw new AssertionError("leaves do not run code");
    }

    @Override
    public MemorySegment extendedState() {
      return area;
    }

    @Override
    public void interrupt() {}

    @Override
    public void close() {}
  }

  TcsPage tcs() {
    if (tcs == null) {
      throw new AssertionError("no TCS");
    }
    return tcs;
  }

  /** Replaces the thread by one whose page was added with these bytes changed. */
  void tcsBytes(long offset, long value) {
    TcsPage old = tcs();
    MemorySegment bytes = MemorySegment.ofArray(old.bytes());
    u64(bytes, offset, value);
    tcs = thread(page, TestEnclaves.TCS_OFFSET, bytes.toArray(ValueLayout.JAVA_BYTE));
    tcs.cssa = old.cssa;
    tcs.flags(bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, 8));
  }

  /** A machine that has lost AVX since ECREATE. */
  void withoutAvx() {
    Machine machine = new ScriptedPlatform.TestMachine(3, ScriptedPlatform.XSAVE_BYTES);
    cpu =
        new Cpu(
            MonitorConfig.SUPPORTED_ATTRIBUTES,
            cpu.miscselect(),
            cpu.features(),
            36,
            XsaveLayout.of(machine),
            cpu.cpuSvn(),
            cpu.reportKeyId(),
            cpu.keys());
  }

  /** The enclave has ATTRIBUTES.AEXNOTIFY. */
  void notifies() {
    page.initialise(
        page.secs().withAttributes(page.attributes().with(Attributes.AEXNOTIFY)), page.isvFamilyId(),
        page.isvExtProdId());
  }

  /** The enclave's memory. */
  MemorySegment memory() {
    return page.memory().segment();
  }

  /** A field of the GPR area of a frame. */
  long gpr(int frame, long offset) {
    return memory().get(ValueLayout.JAVA_LONG_UNALIGNED, gprAt(frame) + offset);
  }

  static long gprAt(int frame) {
    return TestEnclaves.SSA_OFFSET + frame * 4096L + GPR;
  }

  static Registers hostRegisters() {
    Registers r = new Registers();
    r.rax = 2;
    r.rcx = AEP;
    r.rdx = 0x103;
    r.rbx = RBX;
    r.rsp = 0x7FFF_0000;
    r.rbp = 0x7FFF_0100;
    r.rsi = 0x106;
    r.rdi = 0x107;
    r.r8 = 0x108;
    r.r9 = 0x109;
    r.r10 = 0x10A;
    r.r11 = 0x10B;
    r.r12 = 0x10C;
    r.r13 = 0x10D;
    r.r14 = 0x10E;
    r.r15 = 0x10F;
    r.rip = 0x40_0000;
    r.fsBase = 0xF5;
    r.gsBase = 0x65;
    return r;
  }

  static Registers copy(Registers other) {
    Registers r = new Registers();
    r.set(other);
    return r;
  }

  @Nullable Outcome eenterCheck() {
    return Eenter.check(cpu, page, page.thread(rbx), rbx, rcx);
  }

  @Nullable Outcome eresumeCheck() {
    return Eresume.check(cpu, page, page.thread(rbx), rbx, rcx);
  }

  void eenter() {
    Outcome outcome = eenterCheck();
    if (outcome != null) {
      throw new AssertionError(outcome);
    }
    Eenter.commit(page, tcs(), slot, rcx, registers);
  }

  @Nullable Outcome eresume() {
    Outcome outcome = eresumeCheck();
    return outcome != null ? outcome : Eresume.commit(cpu, page, tcs(), slot, rcx, registers);
  }
}
