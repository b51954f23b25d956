package org.enclavisor.conformance.campaign;

import java.util.Arrays;
import java.util.HexFormat;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor.Aex;
import org.enclavisor.conformance.LogicalProcessor.Event;
import org.enclavisor.conformance.LogicalProcessor.Exited;
import org.enclavisor.conformance.LogicalProcessor.Inside;
import org.enclavisor.conformance.LogicalProcessor.Lost;
import org.enclavisor.conformance.LogicalProcessor.Refused;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.probe.Command;
import org.jspecify.annotations.Nullable;

/** What the machine did against what the model did; null if they agree. */
final class Compare {
  private static final int SGX = 1 << 15;
  private static final int WRITE = 1 << 1;
  private static final int FETCH = 1 << 4;

  private Compare() {}

  static @Nullable String leaf(Op op, LeafResult found, LeafResult expected, boolean unknown) {
    boolean same = switch (expected) {
      case LeafResult.Fault e -> found instanceof LeafResult.Fault f && fault(f, e, false);
      case LeafResult.Done e ->
          found instanceof LeafResult.Done f
              && (op.plain() || f.rax() == e.rax() && f.flags() == e.flags())
              && (op != Op.EDBGRD || e.rax() != 0 || unknown || f.rbx() == e.rbx());
    };
    return same ? null : op + ": found " + found + ", expected " + expected;
  }

  /** Also compares how an access was made, where that is known. */
  private static boolean fault(LeafResult.Fault f, LeafResult.Fault e, boolean access) {
    if (f.vector() != e.vector()) {
      return false;
    }
    if (e.vector() != 14) {
      return f.errorCode() == e.errorCode();
    }
    int bits = access ? SGX | WRITE | FETCH : SGX;
    return ((f.address() ^ e.address()) & -4096) == 0 && ((f.errorCode() ^ e.errorCode()) & bits) == 0;
  }

  static @Nullable String event(Op op, World.Cpu cpu, Event found, Event expected, boolean unknown) {
    boolean access = op == Op.READ || op == Op.WRITE || op == Op.EXECUTE;
    boolean same = switch (expected) {
      case Inside _ -> found instanceof Inside;
      case Exited(Registers e) -> found instanceof Exited(Registers f) && f.rip == e.rip && f.rcx == e.rcx
          && f.fsBase == e.fsBase && f.gsBase == e.gsBase && f.rsp == e.rsp;
      case Aex(LeafResult.Fault e, Registers registers) ->
          found instanceof Aex(LeafResult.Fault f, Registers seen)
              && (e == null ? f == null : f != null && fault(f, e, access))
              && synthetic(seen, registers);
      case Refused(LeafResult.Fault e) -> found instanceof Refused(LeafResult.Fault f) && fault(f, e, false);
      case Lost _ -> false;
    };
    if (!same) {
      return op + ": found " + text(found) + ", expected " + text(expected);
    }
    return expected instanceof Inside ? results(op, cpu, unknown) : null;
  }

  private static String text(Event event) {
    return switch (event) {
      case Aex(LeafResult.Fault fault, Registers r) -> "AEX " + fault + " " + HexFormat.of().toHexDigits(r.rax);
      case Exited _ -> "an exit";
      default -> event.toString();
    };
  }

  private static boolean synthetic(Registers f, Registers e) {
    return Arrays.equals(f.general(), e.general())
        && f.rip == e.rip && f.fsBase == e.fsBase && f.gsBase == e.gsBase
        && (f.rflags & LeafResult.STATUS) == 0;
  }

  private static @Nullable String results(Op op, World.Cpu cpu, boolean unknown) {
    Command.Results found = cpu.machine.results();
    Command.Results expected = cpu.model.results();
    boolean leaf = op.ordinal() >= Op.EREPORT.ordinal() && op.ordinal() <= Op.EDECCSSA.ordinal();
    boolean same =
        (unknown || found.rax() == expected.rax())
            && found.rbx() == expected.rbx() && found.rcx() == expected.rcx() && found.rdx() == expected.rdx()
            && (!leaf || ((found.flags() ^ expected.flags()) & LeafResult.STATUS) == 0);
    return same ? null : op + ": the probe found " + found + ", expected " + expected;
  }

  static @Nullable String memory(World world, long address, int bytes, String what) {
    byte[] found = new byte[bytes];
    byte[] expected = new byte[bytes];
    world.machine.read(address, found);
    world.model.read(address, expected);
    return Arrays.equals(found, expected) ? null
        : what + ": found " + HexFormat.of().formatHex(found) + ", expected " + HexFormat.of().formatHex(expected);
  }
}
