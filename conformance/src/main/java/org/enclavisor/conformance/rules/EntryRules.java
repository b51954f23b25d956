package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.LogicalProcessor.Aex;
import org.enclavisor.conformance.LogicalProcessor.Event;
import org.enclavisor.conformance.LogicalProcessor.Exited;
import org.enclavisor.conformance.LogicalProcessor.Inside;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.conformance.probe.Probe;
import org.jspecify.annotations.Nullable;

/** EENTER, ERESUME, EEXIT, EDECCSSA, asynchronous exits and leaves that are not there (SDM 3D). */
final class EntryRules {
  private static final String NOT_64 = "the machine runs in 64-bit mode only";
  private static final long NOT_CANONICAL = 1L << 60;

  private EntryRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(eenter());
    rules.addAll(eresume());
    rules.addAll(eexit());
    rules.addAll(edeccssa());
    rules.addAll(AexRules.all());
    rules.addAll(absent());
    return rules;
  }

  private static Call entry(Scene scene, int leaf, Consumer<Spec> how) {
    Enclave enclave = scene.enclave(how);
    Call call = new Call(scene, Call.Instruction.ENTRY, leaf, enclave);
    if (leaf == 3) {
      enclave.enter(0);
      scene.cpu(0).interrupt();
    }
    call.rbx = enclave.at(Enclave.TCS);
    call.rcx = Scene.AEP;
    return call;
  }

  private static Expect ssa(long offset) {
    return Expect.pf("SSA", c -> c.enclave.at(offset));
  }

  private static LeafTable operands(LeafTable table) {
    return table
        .spoil("RBX-misaligned", Expect.gp(), "rbx-low", "The TCS is aligned to 4096 bytes.",
            c -> c.low(x -> x.rbx += 8))
        .spoil("RBX-not-EPC", Expect.pfRbx(), "rbx", "The TCS is in the EPC.", c -> c.rbx = Scene.NOWHERE)
        .spoil("AEP-not-canonical", Expect.gp(), "rcx", "The AEP is canonical.", c -> c.rcx = NOT_CANONICAL)
        .conflict("TCS-in-use", Expect.gp(), "tcs", "No other leaf has the TCS to itself.", Hold.EXCLUSIVE,
            c -> c.enclave.page(Enclave.TCS))
        .spoil("RBX-a-regular-page", Expect.pfRbx(), "rbx tcs", "The page is PT_TCS.",
            c -> c.rbx = c.enclave.at(Enclave.DATA))
        .spoil("RBX-blocked", Expect.pfRbx(), "tcs rbx", "The TCS is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.TCS)))
        .spoil("RBX-modified", Expect.pfRbx(), "tcs rbx", "The TCS is not MODIFIED.", Needs::sgx2,
            c -> c.last(x -> x.scene.emodt(x.enclave, Enclave.TCS, 4)))
        .spoil("RBX-pending", Expect.pfRbx(), "tcs rbx rbx-low", "The page is not PENDING.", Needs::sgx2,
            c -> c.last(x -> {
          x.scene.eaug(x.enclave, Enclave.FREE);
          x.rbx = x.enclave.at(Enclave.FREE);
        }));
  }

  private static LeafTable missing(LeafTable table) {
    return table.spoil("SSA-removed", ssa(Enclave.SSA), "ssa", "The SSA frame is there.",
        c -> c.last(x -> Scene.done("EREMOVE", x.scene.machine.encls(3, 0, x.enclave.page(Enclave.SSA), 0))));
  }

  private static LeafTable frames(LeafTable table) {
    return table
        .spoil("SSA-blocked", ssa(Enclave.SSA), "ssa", "The SSA frame is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.SSA)))
        .spoil("SSA-modified", ssa(Enclave.SSA), "ssa", "The SSA frame is not MODIFIED.", Needs::sgx2,
            c -> c.last(x -> x.scene.emodt(x.enclave, Enclave.SSA, 4)))
        .spoil("SSA-not-writable", ssa(Enclave.SSA), "ssa", "The SSA frame can be written.", Needs::sgx2,
            c -> c.last(x -> x.scene.emodpr(x.enclave, Enclave.SSA, 1)));
  }

  /** A rule about an enclave that is made wrong. */
  private static void wrong(LeafTable table, int leaf, String id, String says, Consumer<Spec> how) {
    table.effect(id + "-#GP(0)", says, scene -> EinitRules.require(entry(scene, leaf, how), Expect.gp()));
  }

  private static List<Rule> eenter() {
    LeafTable table = missing(frames(operands(LeafTable.of("EENTER", scene -> entry(scene, 2, spec -> {})))));
    wrong(table, 2, "OSSA-misaligned", "TCS.OSSA is aligned to 4096 bytes.", s -> s.ossa += 64);
    wrong(table, 2, "OFSBASE-misaligned", "TCS.OFSBASE is aligned to 4096 bytes.", s -> s.ofs += 8);
    wrong(table, 2, "OGSBASE-misaligned", "TCS.OGSBASE is aligned to 4096 bytes.", s -> s.ogs += 8);
    wrong(table, 2, "FS-not-canonical", "The FS base is canonical.", s -> s.ofs = NOT_CANONICAL);
    wrong(table, 2, "GS-not-canonical", "The GS base is canonical.", s -> s.ogs = NOT_CANONICAL);
    wrong(table, 2, "FLAGS-reserved", "TCS.FLAGS has no reserved bits.", s -> s.tcsFlags = 1 << 5);
    wrong(table, 2, "FLAGS-AEXNOTIFY-without-attribute", "TCS.FLAGS.AEXNOTIFY needs the enclave's attribute.",
        s -> s.tcsFlags = 2);
    wrong(table, 2, "not-initialised", "The enclave is initialised.", Spec::building);
    wrong(table, 2, "NSSA-zero", "There is a frame left: CSSA is less than NSSA.", s -> s.nssa = 0);
    wrong(table, 2, "OENTRY-not-canonical", "The entry point is canonical.", s -> s.oentry = NOT_CANONICAL);
    return table
        .effect("SSA-missing-#PF", "The SSA frame is there.", scene ->
            EinitRules.require(entry(scene, 2, s -> s.ossa = Enclave.FREE), ssa(Enclave.FREE)))
        .effect("SSA-read-only-#PF", "The SSA frame can be written.", scene ->
            EinitRules.require(entry(scene, 2, s -> s.ossa = Enclave.READ_ONLY), ssa(Enclave.READ_ONLY)))
        .effect("SSA-a-TCS-#PF", "The SSA frame is a regular page.", scene ->
            EinitRules.require(entry(scene, 2, s -> s.ossa = Enclave.TCS2), ssa(Enclave.TCS2)))
        .effect("first-page-of-frame-#PF", "The XSAVE area's page of a frame is looked at.", scene -> {
          Call call = entry(scene, 2, Spec::largeFrames);
          scene.eblock(call.enclave, Enclave.SSA);
          EinitRules.require(call, ssa(Enclave.SSA));
        })
        .effect("last-page-of-frame-#PF", "The GPR area's page of a frame is looked at.", scene -> {
          Call call = entry(scene, 2, Spec::largeFrames);
          scene.eblock(call.enclave, Enclave.SSA + 4096);
          EinitRules.require(call, ssa(Enclave.SSA + 4096));
        })
        .effect("active-#GP(0)", "Nobody is inside by this TCS.", scene -> {
          Call call = entry(scene, 2, spec -> {});
          call.enclave.enter(0);
          EinitRules.require(call, Expect.gp());
        })
        .effect("all-frames-used-#GP(0)", "There is a frame left: CSSA is less than NSSA.", scene -> {
          Call call = entry(scene, 2, spec -> {});
          for (int frame = 0; frame < 2; frame++) {
            call.enclave.enter(0);
            scene.cpu(0).interrupt();
          }
          EinitRules.require(call, Expect.gp());
        })
        .effect("FLAGS-before-SSA", "Reserved flags are reported before a missing frame.", scene ->
            EinitRules.require(entry(scene, 2, s -> {
              s.tcsFlags = 1 << 5;
              s.ossa = Enclave.FREE;
            }), Expect.gp()))
        .effect("NSSA-before-SSA", "No frame left is reported before a missing frame.", scene ->
            EinitRules.require(entry(scene, 2, s -> {
              s.nssa = 0;
              s.ossa = Enclave.FREE;
            }), Expect.gp()))
        .effect("SSA-before-OENTRY", "A missing frame is reported before the entry point.", scene ->
            EinitRules.require(entry(scene, 2, s -> {
              s.oentry = NOT_CANONICAL;
              s.ossa = Enclave.FREE;
            }), ssa(Enclave.FREE)))
        .effect("registers", "RSP and RBP are the host's, RCX follows the ENCLU, RAX is CSSA.", scene -> {
          Enclave enclave = scene.inside();
          scene.cpu(0).command(Command.of(Command.Kind.ENTRY));
          Command.Results r = scene.cpu(0).results();
          Registers host = Scene.host(enclave, 0);
          Scene.equal("RSP", host.rsp, r.rax());
          Scene.equal("RBP", host.rbp, r.rbx());
          Scene.equal("RCX", host.rip + 3, r.rcx());
          Scene.equal("RAX", 0, r.rdx());
        })
        .effect("CSSA-in-RAX", "RAX is CSSA of the TCS.", scene -> {
          Enclave enclave = scene.inside();
          scene.cpu(0).interrupt();
          enclave.enter(0);
          scene.cpu(0).command(Command.of(Command.Kind.ENTRY));
          Scene.equal("RAX", 1, scene.cpu(0).results().rdx());
        })
        .effect("FS-GS", "FS and GS bases are the enclave's.", scene -> {
          Enclave enclave = scene.inside();
          scene.cpu(0).command(Command.of(Command.Kind.BASES));
          Scene.equal("FS base", enclave.at(Enclave.DATA), scene.cpu(0).results().rax());
          Scene.equal("GS base", enclave.at(Enclave.DATA2), scene.cpu(0).results().rbx());
        })
        .effect("two-threads", "Two TCS can be inside at once.", scene -> {
          Enclave enclave = scene.inside();
          enclave.enter(1);
          Scene.require(scene.cpu(0).inside() && scene.cpu(1).inside(), "not both are inside");
        })
        .effect("inside-#GP(0)", "EENTER inside an enclave faults.", scene -> leafInside(scene, 2))
        .never("segments-32", Kind.FAULT, "Outside 64-bit mode, segments have base 0 and limits.", NOT_64)
        .never("MODE64BIT", Kind.FAULT, "The processor's mode is the enclave's.", NOT_64)
        .never("CR4.OSFXSR", Kind.FAULT, "CR4.OSFXSR is set.", "user code runs with CR4.OSFXSR set only")
        .never("XFRM-XCR0", Kind.FAULT, "XFRM is a subset of XCR0.", "XCR0 cannot be changed by the suite")
        .rules(Expect.done());
  }

  private static void leafInside(Scene scene, int leaf) {
    Enclave enclave = scene.inside();
    Event event = scene.cpu(0).command(Command.enclu(leaf, enclave.at(Enclave.TCS2), Scene.AEP, 0));
    Scene.require(
        event instanceof Aex(LeafResult.Fault fault, var _) && fault != null && fault.vector() == 13,
        "expected #GP(0), found " + event);
  }

  private static List<Rule> eresume() {
    return missing(frames(operands(LeafTable.of("ERESUME", scene -> entry(scene, 3, spec -> {})))))
        .effect("CSSA-zero-#GP(0)", "There is a frame: CSSA is not zero.", scene -> {
          Enclave enclave = scene.enclave();
          Event event = scene.cpu(0).enter(
              3, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
          Scene.require(
              event instanceof LogicalProcessor.Refused r && r.fault().vector() == 13, "found " + event);
        })
        .effect("active-#GP(0)", "Nobody is inside by this TCS.", scene -> {
          Call call = entry(scene, 3, spec -> {});
          call.enclave.enter(0);
          EinitRules.require(call, Expect.gp());
        })
        .effect("inside-#GP(0)", "ERESUME inside an enclave faults.", scene -> leafInside(scene, 3))
        .effect("resumed", "The instruction that faulted is executed again, with the registers that it had.", scene -> {
          Enclave enclave = scene.enclave();
          scene.eblock(enclave, Enclave.DATA);
          enclave.enter(0);
          Access.refused(scene, enclave, Enclave.DATA, Access.WRITE);
          // Unblocked by leaving and coming back, as an operating system does it.
          long va = scene.versionArray();
          scene.etrack(enclave);
          Scene.done("EWB", scene.ewb(enclave.page(Enclave.DATA), va));
          Scene.done("ELDU", scene.eld(8, enclave, Enclave.DATA, va));
          Event event = scene.cpu(0).enter(
              3, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
          Scene.require(event instanceof Inside, "ERESUME: " + event);
          Scene.equal("what the write wrote", 42, scene.peek(enclave.at(Enclave.DATA)));
        })
        .effect("faults-again", "If nothing has changed, it faults again.", scene -> {
          Enclave enclave = scene.inside();
          scene.cpu(0).command(Command.of(Command.Kind.UD2));
          Event event = scene.cpu(0).enter(
              3, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
          Scene.require(
              event instanceof Aex(LeafResult.Fault fault, var _) && fault != null && fault.vector() == 6,
              "found " + event);
        })
        .effect("CSSA", "CSSA is one less.", scene -> {
          Call call = entry(scene, 3, spec -> {});
          EinitRules.require(call, Expect.done());
          scene.cpu(1).interrupt();
          EinitRules.require(call, Expect.done());
        })
        .effect("other-processor", "A thread can be resumed on another logical processor.", scene ->
            EinitRules.require(entry(scene, 3, spec -> {}), Expect.done()))
        .effect("nested", "Frames are resumed in reverse order.", scene -> {
          Enclave enclave = scene.inside();
          scene.cpu(0).interrupt();
          enclave.enter(0);
          scene.cpu(0).interrupt();
          for (int i = 0; i < 2; i++) {
            Event event = scene.cpu(0).enter(
                3, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
            Scene.require(event instanceof Inside, "ERESUME: " + event);
            Scene.leave(scene.cpu(0));
          }
          Event event = scene.cpu(0).enter(
              3, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
          Scene.require(event instanceof LogicalProcessor.Refused, "a third ERESUME: " + event);
        })
        .never("segments-32", Kind.FAULT, "Outside 64-bit mode, segments have base 0 and limits.", NOT_64)
        .never("XRSTOR", Kind.FAULT, "XRSTOR accepts the XSAVE area.", "see the platform contract of the project")
        .rules(Expect.done());
  }

  private static Call eexitCall(Scene scene) {
    Call call = new Call(scene, Call.Instruction.ENCLU, 4, scene.inside());
    call.rbx = NOT_CANONICAL;
    return call;
  }

  private static List<Rule> eexit() {
    return LeafTable.of("EEXIT", EntryRules::eexitCall)
        .effect("target", "RIP is RBX, RCX is the AEP.", scene -> {
          scene.inside();
          Event event = scene.cpu(0).command(Command.enclu(4, 0x5000_1234L, 0, 0));
          Scene.require(event instanceof Exited, "found " + event);
          Registers r = ((Exited) event).registers();
          Scene.equal("RIP", 0x5000_1234L, r.rip);
          Scene.equal("RCX", Scene.AEP, r.rcx);
        })
        .effect("registers-kept", "Other registers are what the enclave left in them.", scene -> {
          scene.inside();
          Event event = scene.cpu(0).command(Command.enclu(4, 0x5000_1234L, 0, 0x7788));
          Scene.equal("RDX", 0x7788, ((Exited) event).registers().rdx);
          Scene.equal("RBX", 0x5000_1234L, ((Exited) event).registers().rbx);
        })
        .effect("FS-GS", "FS and GS are the host's again.", scene -> {
          scene.inside();
          Event event = scene.cpu(0).command(Command.enclu(4, 0x5000_1234L, 0, 0));
          Scene.equal("FS base", Scene.HOST_FS, ((Exited) event).registers().fsBase);
          Scene.equal("GS base", Scene.HOST_GS, ((Exited) event).registers().gsBase);
        })
        .effect("inactive", "The TCS can be entered again.", scene -> {
          Enclave enclave = scene.inside();
          scene.cpu(0).command(Command.enclu(4, 0x5000_1234L, 0, 0));
          enclave.enter(0);
        })
        .never("target-32", Kind.FAULT, "Outside 64-bit mode the target is within CS.", NOT_64)
        .rules(new Expect("#GP(0) of a target that is not canonical", Expect.gp().check()));
  }

  private static Call edeccssaCall(Scene scene) {
    Enclave enclave = scene.inside();
    scene.cpu(0).interrupt();
    enclave.enter(0);
    return new Call(scene, Call.Instruction.ENCLU, 9, enclave);
  }

  private static List<Rule> edeccssa() {
    return frames(LeafTable.with("EDECCSSA", Features.EDECCSSA, "EDECCSSA", EntryRules::edeccssaCall))
        .effect("CSSA-zero-#GP(0)", "CSSA is not zero.", scene ->
            EinitRules.require(new Call(scene, Call.Instruction.ENCLU, 9, scene.inside()), Expect.gp()))
        .effect("CSSA", "CSSA is one less: the next entry finds it in RAX.", scene -> {
          Call call = edeccssaCall(scene);
          EinitRules.require(call, Expect.untouched());
          Scene.leave(scene.cpu(0));
          call.enclave.enter(0);
          scene.cpu(0).command(Command.of(Command.Kind.ENTRY));
          Scene.equal("RAX", 0, scene.cpu(0).results().rdx());
        })
        .effect("frame-used", "The next asynchronous exit goes to the frame below.", scene -> {
          Call call = edeccssaCall(scene);
          EinitRules.require(call, Expect.untouched());
          scene.cpu(0).interrupt();
          Event event = scene.cpu(0).enter(
              3, call.enclave.at(Enclave.TCS), Scene.AEP, call.enclave.block(0), Scene.host(call.enclave, 0));
          Scene.require(event instanceof Inside, "ERESUME: " + event);
          Scene.leave(scene.cpu(0));
          event = scene.cpu(0).enter(
              3, call.enclave.at(Enclave.TCS), Scene.AEP, call.enclave.block(0), Scene.host(call.enclave, 0));
          Scene.require(event instanceof LogicalProcessor.Refused, "a second ERESUME: " + event);
        })
        .never("CET", Kind.EFFECT, "CET state changes too.", "the processor has no CET")
        .rules(Expect.untouched());
  }

  private static @Nullable String nothing(Features features) {
    return null;
  }

  /** Leaves that are not there, and instructions at the wrong place. */
  private static List<Rule> absent() {
    List<Rule> rules = new ArrayList<>();
    for (int leaf : new int[] {0x14, 0x17, 0x19, 0x40, -1}) {
      rules.add(new Rule("ENCLS", "leaf-" + Integer.toHexString(leaf) + "-#GP(0)", Kind.FAULT,
          "A leaf that is not there is #GP(0).", EntryRules::nothing, scene -> {
            LeafResult result = scene.machine.encls(leaf, 0, 0, 0);
            Scene.require(result instanceof LeafResult.Fault f && f.vector() == 13, "found " + result);
          }));
    }
    for (int leaf : new int[] {0xa, 0x20, -1}) {
      rules.add(new Rule("ENCLU", "leaf-" + Integer.toHexString(leaf) + "-#GP(0)", Kind.FAULT,
          "A leaf that is not there is #GP(0).", EntryRules::nothing, scene -> leafInside(scene, leaf)));
    }
    rules.add(new Rule("EVERIFYREPORT2", "absent-#GP(0)", Kind.FAULT,
        "Without the capability the leaf is #GP(0).",
        f -> f.has(Features.EVERIFYREPORT2) ? "the processor has EVERIFYREPORT2, which needs TDX to be asked" : null,
        scene -> leafInside(scene, 8)));
    rules.add(Rule.never("EVERIFYREPORT2", "all", Kind.EFFECT, "A report of TDX is verified.",
        "the processor has no TDX, and says so in CPUID leaf 12H"));
    rules.add(new Rule("ENCLV", "absent-#UD", Kind.FAULT, "Without the capability ENCLV is #UD.",
        f -> f.has(Features.ENCLV) ? "the processor has ENCLV" : null, scene -> {
          LeafResult result = scene.machine.enclv(1, 0, 0, 0);
          Scene.require(result instanceof LeafResult.Fault f && f.vector() == 6, "found " + result);
        }));
    rules.add(new Rule("ENCLV", "leaf-3-#GP(0)", Kind.FAULT, "A leaf that is not there is #GP(0).", Needs::enclv,
        scene -> {
          LeafResult result = scene.machine.enclv(3, 0, 0, 0);
          Scene.require(result instanceof LeafResult.Fault f && f.vector() == 13, "found " + result);
        }));
    rules.add(Rule.never("ENCLU", "CPL", Kind.FAULT, "ENCLU above privilege level 3 is #UD.",
        "the suite runs user code only"));
    rules.add(Rule.never("ENCLS", "CPL", Kind.FAULT, "ENCLS by user code is #UD.",
        "the machine offers ENCLS as a service"));
    return rules;
  }

  static Probe probe(Scene scene) {
    return scene.machine.probe();
  }
}
