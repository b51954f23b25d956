package org.enclavisor.host.debug;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.enclavisor.host.debug.DebugThread.State;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.SgxDevice;

/** One enclave as a debugger sees it: registers in SSA frames, memory by EDBGRD and EDBGWR, stop and go at the gate. */
final class EnclaveTarget implements DebugTarget {
  private final EnclaveId id;
  private final Secs secs;
  private final RegisterTable registers;
  private final EnclaveMemoryAccess memory;
  private final Watchpoints watchpoints;
  private final SsaFrames frames;
  private final Gate gate;

  /**
   * @param secs with the base that the enclave got
   */
  EnclaveTarget(SgxDevice device, EnclaveId id, Secs secs, RegisterTable registers) {
    this.id = id;
    this.secs = secs;
    this.registers = registers;
    memory = new EnclaveMemoryAccess(device, id, secs.baseAddr(), secs.size());
    watchpoints = new Watchpoints(memory);
    frames = new SsaFrames(memory, secs, registers.xsaveBytes());
    gate = new Gate(device, id, memory, watchpoints, frames);
  }

  /** Where the host's threads go in and out. */
  Gate gate() {
    return gate;
  }

  /** Whether it is the enclave of this name. */
  boolean is(EnclaveId other) {
    return id.equals(other);
  }

  /** Whether EDBGRD and EDBGWR work on it. */
  boolean debuggable() {
    return secs.attributes().has(Attributes.DEBUG);
  }

  /** A page has become a TCS. */
  void addThread(long tcs) {
    gate.locked(() -> gate.threads().at(tcs));
  }

  @Override
  public RegisterTable registers() {
    return registers;
  }

  @Override
  public long base() {
    return secs.baseAddr();
  }

  @Override
  public List<ThreadInfo> threads() {
    return gate.locked(
        () ->
            gate.threads().shown().stream()
                .map(thread -> new ThreadInfo(thread.id, "tcs 0x%x".formatted(thread.tcs), stateOf(thread)))
                .toList());
  }

  private String stateOf(DebugThread thread) {
    if (thread.state == State.INSIDE) {
      return "inside";
    }
    int cssa = frames.cssa(thread.tcs);
    return cssa == 0 ? "outside" : "inside, CSSA " + cssa;
  }

  @Override
  public Optional<RegisterValues> read(int number) {
    return gate.locked(
        () ->
            gate
                .threads()
                .numbered(number)
                .filter(thread -> thread.state != State.INSIDE)
                .map(
                    thread ->
                        frames
                            .read(thread.tcs)
                            .orElseGet(() -> RegisterValues.outside(thread.host, registers.xsaveBytes()))));
  }

  @Override
  public boolean write(int number, RegisterValues values) {
    return gate.locked(
        () ->
            gate
                .threads()
                .numbered(number)
                .filter(thread -> thread.state != State.INSIDE)
                .map(thread -> frames.write(thread.tcs, values))
                .orElse(false));
  }

  @Override
  public int read(long address, byte[] into) {
    return gate.locked(() -> memory.read(address, into));
  }

  @Override
  public boolean write(long address, byte[] bytes) {
    return gate.locked(() -> memory.write(address, bytes));
  }

  @Override
  public boolean insertBreakpoint(long address) {
    return gate.locked(() -> memory.insertBreakpoint(address));
  }

  @Override
  public boolean removeBreakpoint(long address) {
    return gate.locked(() -> memory.removeBreakpoint(address));
  }

  @Override
  public boolean watch(long address, int length) {
    return gate.locked(() -> watchpoints.insert(address, length));
  }

  @Override
  public boolean unwatch(long address, int length) {
    return gate.locked(() -> watchpoints.remove(address, length));
  }

  @Override
  public void attach(Consumer<DebugEvent> listener) {
    gate.attach(listener);
  }

  @Override
  public void halt() {
    gate.halt();
  }

  @Override
  public void settle() {
    gate.settle();
  }

  @Override
  public void resume(ResumePlan plan) {
    gate.resume(plan);
  }

  @Override
  public void detach() {
    gate.detach();
  }

  @Override
  public void kill() {
    gate.kill();
  }

  @Override
  public String describe() {
    return "base 0x%x, size 0x%x, attributes %s, SSA frames of %d pages, MISCSELECT %s%n"
        .formatted(secs.baseAddr(), secs.size(), secs.attributes(), secs.ssaFrameSize(), secs.miscSelect());
  }
}
