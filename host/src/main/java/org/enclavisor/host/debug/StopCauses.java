package org.enclavisor.host.debug;

import java.util.Optional;
import java.util.OptionalLong;
import org.enclavisor.isa.Vector;

/** Tells what is the debugger's doing from what is the enclave's own, when a thread has left over an exception. */
final class StopCauses {
  /** INT with a number, of which 3 is a breakpoint too. */
  private static final byte INT_N = (byte) 0xCD;

  private final EnclaveMemoryAccess memory;
  private final Watchpoints watchpoints;
  private final SsaFrames frames;

  StopCauses(EnclaveMemoryAccess memory, Watchpoints watchpoints, SsaFrames frames) {
    this.memory = memory;
    this.watchpoints = watchpoints;
    this.frames = frames;
  }

  /**
   * Whether it is of a debugger that has lost interest: a step that was begun for one that has left, or a breakpoint
   * that was taken away before the thread that ran into it came out.
   */
  boolean isStale(DebugThread thread, Vector vector, boolean attached) {
    return switch (vector) {
      case DB -> thread.stepping && !attached;
      case BP -> !atInt3(frames.rip(thread.tcs));
      default -> false;
    };
  }

  /** Whether there is an INT3 at an address or before it. If nothing can be read there, nobody had a breakpoint. */
  private boolean atInt3(long rip) {
    byte[] code = new byte[1];
    return memory.read(rip, code) == 0 || code[0] == INT_N || memory.isInt3(rip) || memory.isInt3(rip - 1);
  }

  /** Why the thread stops; empty if it was only to be looked at after a step, and goes on. */
  Optional<Stop> of(DebugThread thread, Vector vector) {
    if (vector == Vector.DB && thread.stepping) {
      OptionalLong watched = watchpoints.changed();
      if (watched.isPresent()) {
        return Optional.of(Stop.watched(watched.getAsLong()));
      }
      return thread.action.way() == ResumePlan.Way.STEP ? Optional.of(Stop.STEPPED) : Optional.empty();
    }
    return Optional.of(vector == Vector.BP && atBreakpoint(thread) ? Stop.AT_BREAKPOINT : Stop.of(vector));
  }

  /**
   * Whether RIP is at a breakpoint of the debugger's, or behind it, in which case it is set back. Inside an enclave RIP
   * of #BP is that of the INT3 (SDM 3D, “INT3 Consideration”), but not every machine under us knows.
   */
  private boolean atBreakpoint(DebugThread thread) {
    Optional<RegisterValues> values = frames.read(thread.tcs);
    long rip = values.map(RegisterValues::rip).orElse(0L);
    if (memory.hasBreakpoint(rip)) {
      return true;
    }
    if (!memory.hasBreakpoint(rip - 1)) {
      return false;
    }
    values.ifPresent(
        known -> {
          known.rip(rip - 1);
          frames.write(thread.tcs, known);
        });
    return true;
  }

  /** Whether a stop still means something: a breakpoint may have been taken away since. */
  boolean holds(DebugThread thread, Stop stop) {
    return stop.kind() != Stop.Kind.BREAKPOINT || memory.hasBreakpoint(frames.rip(thread.tcs));
  }
}
