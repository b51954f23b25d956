package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor.Aex;
import org.enclavisor.conformance.LogicalProcessor.Event;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.conformance.probe.Probe;
import org.jspecify.annotations.Nullable;

/** Asynchronous exits (SDM 3D, “Enclave Exiting Events”). SSA frames are read as a debugger does, by EDBGRD. */
final class AexRules {
  private static final int GPR = 4096 - 184;
  private static final int RIP = 136;
  private static final int URSP = 144;
  private static final int EXITINFO = 160;
  private static final int EXINFO = 4096 - 184 - 16;
  private static final long VALID = 1L << 31;

  private AexRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    exception(rules, Command.Kind.UD2, 6, 3);
    exception(rules, Command.Kind.DIVIDE, 0, 3);
    effect(rules, "INT3-opt-out", "After an opt-out entry INT3 is #UD.", f -> null, scene -> {
      scene.inside();
      Aex exit = aex(scene, Command.of(Command.Kind.INT3));
      Scene.require(exit.fault() != null && exit.fault().vector() == 6, "found " + exit);
    });
    effect(rules, "INT3-opt-in", "After an opt-in entry INT3 is #BP, and EXITINFO says so.", AexRules::frames,
        scene -> {
      Enclave enclave = scene.enclave(Spec::debug);
      Scene.done("EDBGWR", scene.machine.encls(5, 1, enclave.page(Enclave.TCS) + 8, 0));
      enclave.enter(0);
      Aex exit = aex(scene, Command.of(Command.Kind.INT3));
      Scene.require(exit.fault() != null && exit.fault().vector() == 3, "found " + exit);
      Scene.equal("EXITINFO", VALID | 6 << 8 | 3, frame(scene, enclave, GPR + EXITINFO) & 0xffff_ffffL);
    });
    exception(rules, Command.Kind.HLT, 13, 0);
    effect(rules, "synthetic-state", "The host sees nothing of the enclave's registers.", f -> null, scene -> {
      Enclave enclave = scene.inside();
      Registers r = aex(scene, Command.of(Command.Kind.PATTERN)).registers();
      Registers host = Scene.host(enclave, 0);
      Scene.equal("RAX", 3, r.rax);
      Scene.equal("RBX", enclave.at(Enclave.TCS), r.rbx);
      Scene.equal("RCX", Scene.AEP, r.rcx);
      Scene.equal("RIP", Scene.AEP, r.rip);
      Scene.equal("RSP", host.rsp, r.rsp);
      Scene.equal("RBP", host.rbp, r.rbp);
      Scene.equal("FS base", host.fsBase, r.fsBase);
      Scene.equal("GS base", host.gsBase, r.gsBase);
      long[] general = r.general();
      for (int register : new int[] {2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}) {
        Scene.equal("register " + register, 0, general[register]);
      }
      Scene.equal("status flags", 0, r.rflags & LeafResult.STATUS);
    });
    effect(rules, "registers-saved", "The frame holds the enclave's registers.", AexRules::frames, scene -> {
      Enclave enclave = debugInside(scene, 0);
      aex(scene, Command.of(Command.Kind.PATTERN));
      for (int register = 0; register < 16; register++) {
        if (register != 4 && register != 7) {
          Scene.equal("register " + register, Probe.pattern(register), frame(scene, enclave, GPR + 8 * register));
        }
      }
      Registers host = Scene.host(enclave, 0);
      Scene.equal("RDI", host.rdi, frame(scene, enclave, GPR + 56));
      Scene.equal("U_RSP", host.rsp, frame(scene, enclave, GPR + URSP));
      Scene.equal("U_RBP", host.rbp, frame(scene, enclave, GPR + URSP + 8));
      Scene.equal("FS base", enclave.at(Enclave.DATA), frame(scene, enclave, GPR + 168));
      Scene.equal("GS base", enclave.at(Enclave.DATA2), frame(scene, enclave, GPR + 176));
    });
    effect(rules, "interrupt-EXITINFO", "An interrupt is not told to the enclave.", AexRules::frames, scene -> {
      Enclave enclave = debugInside(scene, 0);
      scene.cpu(0).interrupt();
      Scene.equal("EXITINFO", 0, frame(scene, enclave, GPR + EXITINFO) & 0xffff_ffffL);
    });
    effect(rules, "PF-not-told", "A page fault is not told to an enclave that has not asked by MISCSELECT.",
        AexRules::frames, scene -> {
          Enclave enclave = debugInside(scene, 0);
          aex(scene, Command.write(enclave.at(Enclave.READ_ONLY), 1));
          Scene.equal("EXITINFO", 0, frame(scene, enclave, GPR + EXITINFO) & 0xffff_ffffL);
        });
    effect(rules, "PF-EXINFO", "An enclave that has asked finds address and error code.", AexRules::exinfo, scene -> {
      Enclave enclave = debugInside(scene, 1);
      Aex exit = aex(scene, Command.write(enclave.at(Enclave.READ_ONLY) + 24, 1));
      Scene.require(exit.fault() != null && exit.fault().vector() == 14, "found " + exit);
      Scene.equal("CR2 outside", enclave.at(Enclave.READ_ONLY), exit.fault().address());
      Scene.equal("EXITINFO", VALID | 3 << 8 | 14, frame(scene, enclave, GPR + EXITINFO) & 0xffff_ffffL);
      Scene.equal("EXINFO.MADDR", enclave.at(Enclave.READ_ONLY) + 24, frame(scene, enclave, EXINFO));
      long errcd = frame(scene, enclave, EXINFO + 8) & 0xffff_ffffL;
      Scene.require((errcd & 0x8002) == 0x8002, "EXINFO.ERRCD: " + Long.toHexString(errcd));
    });
    effect(rules, "GP-EXINFO", "So it does after #GP.", AexRules::exinfo, scene -> {
      Enclave enclave = debugInside(scene, 1);
      aex(scene, Command.of(Command.Kind.HLT));
      Scene.equal("EXITINFO", VALID | 3 << 8 | 13, frame(scene, enclave, GPR + EXITINFO) & 0xffff_ffffL);
      Scene.equal("EXINFO.MADDR", 0, frame(scene, enclave, EXINFO));
      Scene.equal("EXINFO.ERRCD", 0, frame(scene, enclave, EXINFO + 8) & 0xffff_ffffL);
    });
    effect(rules, "second-frame", "A second exit goes to the second frame.", AexRules::frames, scene -> {
      Enclave enclave = debugInside(scene, 0);
      scene.cpu(0).interrupt();
      enclave.enter(0);
      aex(scene, Command.of(Command.Kind.UD2));
      long first = frame(scene, enclave, GPR + RIP);
      long second = frame(scene, enclave, 4096 + GPR + RIP);
      Scene.equal("RIP of the first", enclave.at(EntryRules.probe(scene).waitOffset()), first);
      Scene.equal(
          "RIP of the second", enclave.at(EntryRules.probe(scene).instructionOffset(Command.Kind.UD2)), second);
    });
    effect(rules, "execute-outside-ELRANGE", "Code cannot go on outside the ELRANGE.", f -> null, scene -> {
      Enclave enclave = scene.inside();
      Event event = scene.cpu(0).command(Command.execute(enclave.block(5), 0));
      Scene.require(event instanceof Aex(LeafResult.Fault fault, var _) && fault != null
          && (fault.vector() == 13 || fault.vector() == 14), "found " + event);
    });
    access(rules, "execute-data", Enclave.DATA, Access.EXECUTE, "A page without X cannot be executed.");
    access(rules, "write-code", Enclave.CODE, Access.WRITE, "A page without W cannot be written.");
    access(rules, "read-TCS", Enclave.TCS, Access.READ, "A TCS cannot be read.");
    access(rules, "write-TCS", Enclave.TCS, Access.WRITE, "A TCS cannot be written.");
    effect(rules, "read-nothing-#PF", "Where there is no page, nothing can be read.", f -> null, scene -> {
      Enclave enclave = scene.inside();
      Aex exit = aex(scene, Command.read(enclave.at(Enclave.FREE)));
      Scene.require(exit.fault() != null && exit.fault().vector() == 14, "found " + exit);
    });
    effect(rules, "other-enclave", "An enclave cannot read another's pages.", f -> null, scene -> {
      Enclave other = scene.enclave();
      scene.inside();
      Event event = scene.cpu(0).command(Command.read(other.at(Enclave.DATA)));
      Scene.require(
          event instanceof Aex(LeafResult.Fault fault, var _) && fault != null && fault.vector() == 14,
          "found " + event);
    });
    return rules;
  }

  private static void access(List<Rule> rules, String id, long offset, int access, String says) {
    effect(rules, id + "-#PF", says, f -> null, scene -> Access.refused(scene, scene.inside(), offset, access));
  }

  private static @Nullable String frames(Features features) {
    return features.frames() ? null : "the machine keeps no SSA frames";
  }

  private static @Nullable String exinfo(Features features) {
    return frames(features) != null ? frames(features)
        : (features.miscselect() & 1) != 0 ? null : "the processor has no EXINFO";
  }

  private static void effect(
      List<Rule> rules, String id, String says, Function<Features, @Nullable String> needs,
      Rule.Body body) {
    rules.add(new Rule("AEX", id, Kind.EFFECT, says, needs, body));
  }

  private static void exception(List<Rule> rules, Command.Kind kind, int vector, int type) {
    effect(rules, "vector-" + vector, "Exception " + vector + " of " + kind + " reaches the host.", f -> null,
        scene -> {
      scene.inside();
      Aex exit = aex(scene, Command.of(kind));
      Scene.require(exit.fault() != null && exit.fault().vector() == vector, "found " + exit);
    });
    if (type != 0) {
      effect(rules, "EXITINFO-" + vector, "EXITINFO tells the enclave of exception " + vector + ", RIP says where.",
          AexRules::frames, scene -> {
            Enclave enclave = debugInside(scene, 0);
            aex(scene, Command.of(kind));
            Scene.equal(
                "EXITINFO", VALID | (long) type << 8 | vector, frame(scene, enclave, GPR + EXITINFO) & 0xffff_ffffL);
            long rip = enclave.at(EntryRules.probe(scene).instructionOffset(kind));
            Scene.equal("RIP", rip, frame(scene, enclave, GPR + RIP));
          });
    }
  }

  private static Enclave debugInside(Scene scene, int misc) {
    Enclave enclave = scene.enclave(s -> s.debug().misc = misc);
    enclave.enter(0);
    return enclave;
  }

  private static Aex aex(Scene scene, Command command) {
    Event event = scene.cpu(0).command(command);
    if (event instanceof Aex exit) {
      return exit;
    }
    throw new Rule.Broken("expected an asynchronous exit, found " + event);
  }

  private static long frame(Scene scene, Enclave enclave, int offset) {
    LeafResult result = scene.machine.encls(4, 0, enclave.page(Enclave.SSA + (offset & -4096)) + (offset & 4095), 0);
    if (result instanceof LeafResult.Done done && done.rax() == 0) {
      return done.rbx();
    }
    throw new Rule.Broken("EDBGRD of the SSA frame: " + result);
  }
}
