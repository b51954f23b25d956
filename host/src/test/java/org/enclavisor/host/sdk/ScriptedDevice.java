package org.enclavisor.host.sdk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.RangeOutcome;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.Registers;

/** A device whose enclave does what a test says, one entry after the other, and which remembers how it was entered. */
final class ScriptedDevice implements SgxDevice {
  static final long UNTRUSTED_BASE = 0x7000_0000_0000L;

  /** What the enclave does from one entry to the next exit. */
  @FunctionalInterface
  interface Step {
    EnterOutcome run(EnterCall call, Registers registers);
  }

  /** How the device was entered. */
  record Entry(String leaf, long tcs, long rdi, long rsi, long rsp) {}

  private final Deque<Step> steps = new ArrayDeque<>();
  private final MemorySegment memory;
  final List<Entry> entries = new ArrayList<>();

  ScriptedDevice(long untrustedBytes) {
    memory = Arena.ofAuto().allocate(untrustedBytes, 4096);
  }

  ScriptedDevice then(Step step) {
    steps.add(step);
    return this;
  }

  /** Leaves with EEXIT and these values in RDI and RSI. */
  static Step exit(long rdi, long rsi) {
    return (call, registers) -> {
      registers.rdi = rdi;
      registers.rsi = rsi;
      return EnterOutcome.Exited.INSTANCE;
    };
  }

  @Override
  public EnterOutcome enter(EnclaveId id, EnterCall call, Registers registers) {
    entries.add(new Entry(call.leaf().name(), call.tcs(), registers.rdi, registers.rsi, registers.rsp));
    Step step = steps.poll();
    if (step == null) {
      throw new AssertionError("entered once more than the script says: " + entries.getLast());
    }
    return step.run(call, registers);
  }

  @Override
  public UntrustedMemory untrusted(EnclaveId id) {
    return new UntrustedMemory(UNTRUSTED_BASE, memory);
  }

  @Override
  public void interrupt(EnclaveId id, long tcs) {}

  @Override
  public Outcome debugRead(EnclaveId id, long address, MemorySegment into) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome debugWrite(EnclaveId id, long address, MemorySegment from) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome remove(EnclaveId id) {
    return Outcome.success();
  }

  @Override
  public CreateOutcome create(Secs secs, long untrustedSize, int maxThreads) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome add(EnclaveId id, long offset, Secinfo secinfo, MemorySegment pages, boolean measured) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome addZero(EnclaveId id, long offset, long length, Secinfo secinfo, boolean measured) {
    throw new UnsupportedOperationException();
  }

  @Override
  public RangeOutcome restrictPermissions(EnclaveId id, long offset, long length, Permissions permissions) {
    throw new UnsupportedOperationException();
  }

  @Override
  public RangeOutcome modifyTypes(EnclaveId id, long offset, long length, PageType type) {
    throw new UnsupportedOperationException();
  }

  @Override
  public RangeOutcome removePages(EnclaveId id, long offset, long length) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome protect(EnclaveId id, long offset, long length, Permissions host) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome init(EnclaveId id, Sigstruct sigstruct, Optional<Einittoken> token) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
