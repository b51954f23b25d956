package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.isa.SgxError;

/** ERDINFO, EDBGRD, EDBGWR, EUPDATESVN and the leaves of ENCLV (SDM 3D, the leaves' pages). */
final class DebugRules {
  private static final Expect CONFLICT = Expect.zf(SgxError.SGX_EPC_PAGE_CONFLICT);
  private static final Expect NOT_DEBUGGABLE = Expect.zf(SgxError.SGX_PAGE_NOT_DEBUGGABLE);

  private DebugRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(erdinfo());
    rules.addAll(debug("EDBGRD", 4));
    rules.addAll(debug("EDBGWR", 5));
    rules.addAll(eupdatesvn());
    rules.addAll(virtualChild("EDECVIRTCHILD", 0));
    rules.addAll(virtualChild("EINCVIRTCHILD", 1));
    rules.addAll(esetcontext());
    return rules;
  }

  private static Call erdinfoCall(Scene scene) {
    Enclave enclave = scene.enclave();
    Call call = Call.encls(scene, 0x10, enclave);
    call.rbx = scene.memory.rdinfo;
    call.rcx = enclave.page(Enclave.DATA);
    return call;
  }

  private static List<Rule> erdinfo() {
    return LeafTable.with("ERDINFO", Features.OVERSUBSCRIPTION, "ERDINFO", DebugRules::erdinfoCall)
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "RDINFO is aligned to 32 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.cf(SgxError.SGX_PG_NONEPC), "rcx", "The page is in the EPC.",
            c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", CONFLICT, "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE, c -> c.rcx)
        .spoil("RCX-not-valid", Expect.cf(SgxError.SGX_PG_INVLD), "rcx", "The page is valid.",
            c -> c.rcx = c.scene.loosePage())
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx), "rbx", "RDINFO can be written.",
            c -> c.rbx = Scene.NOWHERE)
        .effect("REG", "FLAGS of a regular page: permissions and PT_REG; ENCLAVECONTEXT is the SECS's.", scene -> {
          Call call = erdinfoCall(scene);
          EinitRules.require(call, Expect.ok());
          byte[] info = scene.read(call.rbx, 32);
          Scene.equal("STATUS", 0, Scene.u64(info, 0));
          Scene.equal("FLAGS", Building.RW, Scene.u64(info, 8));
          Scene.equal("ENCLAVECONTEXT", call.enclave.secs, Scene.u64(info, 16));
        })
        .effect("SECS-with-children", "STATUS of a SECS says that a child is present.", scene -> {
          Call call = erdinfoCall(scene);
          call.rcx = call.enclave.secs;
          EinitRules.require(call, Expect.ok());
          Scene.equal("STATUS", 1, Scene.u64(scene.read(call.rbx, 8), 0));
        })
        .effect("SECS-with-virtual-children", "STATUS says that a virtual child is present.", Needs::enclv, scene -> {
          Call call = erdinfoCall(scene);
          call.rcx = call.enclave.secs;
          scene.machine.enclv(1, call.rcx, call.rcx, 0);
          EinitRules.require(call, Expect.ok());
          Scene.equal("STATUS", 3, Scene.u64(scene.read(call.rbx, 8), 0));
          scene.machine.enclv(0, call.rcx, call.rcx, 0);
        })
        .effect("VA", "A version array has no ENCLAVECONTEXT.", scene -> {
          Call call = erdinfoCall(scene);
          call.rcx = scene.versionArray();
          EinitRules.require(call, Expect.ok());
          Scene.equal("ENCLAVECONTEXT", 0, Scene.u64(scene.read(call.rbx, 32), 16));
        })
        .rules(Expect.ok());
  }

  private static Call debugCall(Scene scene, int leaf, boolean debug) {
    Enclave enclave = scene.enclave(s -> {
      if (debug) {
        s.debug();
      }
    });
    Call call = Call.encls(scene, leaf, enclave);
    call.rbx = 0x0102030405060708L;
    call.rcx = enclave.page(Enclave.DATA) + 8;
    return call;
  }

  private static List<Rule> debug(String name, int leaf) {
    boolean read = leaf == 4;
    LeafTable table = LeafTable.of(name, scene -> debugCall(scene, leaf, true))
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The address is aligned to 8 bytes.",
            c -> c.low(x -> x.rcx += 4))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The address is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE,
            c -> c.rcx)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The page is valid.", c -> c.rcx = c.scene.loosePage())
        .spoil("SECS", Expect.pfRcx(), "rcx", "The page is no SECS.", c -> c.rcx = c.enclave.secs)
        .spoil("TRIM", Expect.pfRcx(), "rcx", "The page is not PT_TRIM.", Needs::sgx2,
            c -> c.first(x -> x.scene.emodt(x.enclave, Enclave.DATA, 4)))
        .spoil("PENDING", NOT_DEBUGGABLE, "rcx", "The page is not PENDING.", Needs::sgx2, c -> c.first(x -> {
          x.scene.eaug(x.enclave, Enclave.FREE);
          x.rcx = x.enclave.page(Enclave.FREE);
        }))
        .spoil("MODIFIED", NOT_DEBUGGABLE, "rcx", "The page is not MODIFIED.", Needs::sgx2, c -> c.first(x -> {
          x.scene.emodt(x.enclave, Enclave.DATA, 1);
          x.rcx = x.enclave.page(Enclave.DATA);
        }))
        .spoil("TCS-beyond", Expect.gp(), "rcx", read ? "In a TCS, the address is below the limit."
            : "In a TCS, the address is that of FLAGS.", c -> c.rcx = c.enclave.page(Enclave.TCS) + (read ? 72 : 16))
        .never("RCX-misaligned-32", Kind.FAULT, "Outside 64-bit mode the address is aligned to 4 bytes.",
            "the machine runs in 64-bit mode only")
        .effect("production-REG", "A page of an enclave that is not a debug one: #GP(0).", scene ->
            EinitRules.require(debugCall(scene, leaf, false), Expect.gp()))
        .effect("production-TCS", "A TCS of an enclave that is not a debug one: #GP(0).", scene -> {
          Call call = debugCall(scene, leaf, false);
          call.rcx = call.enclave.page(Enclave.TCS) + 8;
          EinitRules.require(call, Expect.gp());
        })
        .effect("PENDING-of-production", "PENDING is reported before the enclave is asked for DEBUG.", Needs::sgx2,
            scene -> {
              Call call = debugCall(scene, leaf, false);
              scene.eaug(call.enclave, Enclave.FREE);
              call.rcx = call.enclave.page(Enclave.FREE);
              EinitRules.require(call, NOT_DEBUGGABLE);
            })
        .effect("permissions-ignored", "EPCM permissions do not matter.", scene -> {
          Call call = debugCall(scene, leaf, true);
          call.rcx = call.enclave.page(Enclave.READ_ONLY);
          EinitRules.require(call, Expect.ok());
        });
    if (read) {
      return table
          .effect("REG", "RBX is what the page holds.", scene -> {
            Call call = debugCall(scene, leaf, true);
            call.enclave.enter(0);
            byte[] value = new byte[8];
            Scene.u64(value, 0, 0x1234567890abcdefL);
            scene.poke(call.enclave, call.enclave.at(Enclave.DATA) + 8, value);
            LeafResult result = call.perform();
            Scene.require(result instanceof LeafResult.Done d && d.rbx() == 0x1234567890abcdefL, "found " + result);
          })
          .effect("TCS", "The fields of a TCS can be read.", scene -> {
            Call call = debugCall(scene, leaf, true);
            byte[] tcs = new Spec().tcs(0);
            for (int offset : new int[] {8, 16, 24, 32, 48, 56, 64}) {
              call.rcx = call.enclave.page(Enclave.TCS) + offset;
              LeafResult result = call.perform();
              Scene.require(
                  result instanceof LeafResult.Done d && d.rbx() == Scene.u64(tcs, offset),
                  "offset " + offset + ": " + result);
            }
          })
          .effect("VA-slot", "Of a slot it says only whether it is occupied.", scene -> {
            Enclave enclave = scene.enclave();
            long va = scene.versionArray();
            scene.evict(enclave, Enclave.DATA, va + 64);
            for (int slot = 56; slot <= 72; slot += 8) {
              LeafResult result = scene.machine.encls(4, 0, va + slot, 0);
              long expected = slot == 64 ? -1 : 0;
              Scene.require(result instanceof LeafResult.Done d && d.rbx() == expected, slot + ": " + result);
            }
          })
          .rules(Expect.ok());
    }
    return table
        .spoil("VA", Expect.pfRcx(), "rcx", "The page is no version array.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .effect("REG", "The page holds RBX.", scene -> {
          Call call = debugCall(scene, leaf, true);
          EinitRules.require(call, Expect.ok());
          call.enclave.enter(0);
          Scene.equal("the page", call.rbx, scene.peek(call.enclave.at(Enclave.DATA) + 8));
        })
        .effect("TCS.FLAGS", "FLAGS of a TCS can be written.", scene -> {
          Call call = debugCall(scene, leaf, true);
          call.rcx = call.enclave.page(Enclave.TCS) + 8;
          call.rbx = 1;
          EinitRules.require(call, Expect.ok());
          LeafResult result = scene.machine.encls(4, 0, call.rcx, 0);
          Scene.require(result instanceof LeafResult.Done d && d.rbx() == 1, "found " + result);
        })
        .rules(Expect.ok());
  }

  private static List<Rule> eupdatesvn() {
    return LeafTable.with("EUPDATESVN", Features.EUPDATESVN, "EUPDATESVN", scene ->
            Call.encls(scene, 0x18, Enclave.none(scene)))
        .spoil("EPC-in-use", Expect.zf(SgxError.SGX_EPC_NOT_READY), "epc", "No page of the EPC is valid.",
            c -> c.first(x -> x.scene.versionArray()))
        .never("SGX_INSUFFICIENT_ENTROPY", Kind.PRECONDITION, "There is entropy for new keys.",
            "software cannot make the generator run dry")
        .never("updated", Kind.EFFECT, "CPUSVN is the newer one.", "no newer microcode can be loaded")
        .rules(Expect.cf(SgxError.SGX_NO_UPDATE));
  }

  private static Call virtualCall(Scene scene, int leaf) {
    Enclave enclave = scene.enclave();
    Call call = new Call(scene, Call.Instruction.ENCLV, leaf, enclave);
    call.rbx = enclave.page(Enclave.DATA);
    call.rcx = enclave.secs;
    if (leaf == 0) {
      call.first(c -> scene.machine.enclv(1, enclave.secs, enclave.secs, 0));
    }
    scene.afterwards(() -> {
      for (int i = 0; i < 3; i++) {
        scene.machine.enclv(0, enclave.secs, enclave.secs, 0);
      }
    });
    return call;
  }

  private static List<Rule> virtualChild(String name, int leaf) {
    LeafTable table = LeafTable.with(name, Features.ENCLV, "ENCLV", scene -> virtualCall(scene, leaf))
        .spoil("RBX-misaligned", Expect.gp(), "rbx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rbx += 8))
        .spoil("RBX-not-EPC", Expect.pfRbx(), "rbx", "The page is in the EPC.", c -> c.rbx = Scene.NOWHERE)
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The SECS is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RBX-in-use", CONFLICT, "rbx", "No other leaf has the page to itself.", Hold.EXCLUSIVE, c -> c.rbx)
        .spoil("RBX-not-valid", Expect.pfRbx(), "rbx", "The page is valid.", c -> c.rbx = c.scene.loosePage())
        .spoil("RBX-a-VA", Expect.pfRbx(), "rbx", "The page is no version array.",
            c -> c.first(x -> x.rbx = x.scene.versionArray()))
        .spoil("RCX-another-SECS", Expect.gp(), "rcx", "RCX is the SECS of the page.",
            c -> c.first(x -> x.rcx = x.scene.enclave().secs))
        .effect("SECS-itself", "The page may be the SECS.", scene -> {
          Call call = virtualCall(scene, leaf);
          call.rbx = call.enclave.secs;
          EinitRules.require(call, Expect.ok());
        });
    if (leaf == 0) {
      table.effect("SGX_INVALID_COUNTER", "The count does not go below zero.", scene -> {
        Enclave enclave = scene.enclave();
        LeafResult result = scene.machine.enclv(0, enclave.secs, enclave.secs, 0);
        Scene.require(
            result instanceof LeafResult.Done d && d.rax() == SgxError.SGX_INVALID_COUNTER.code()
                && d.flags() == LeafResult.ZF,
            "found " + result);
      });
    }
    return table.rules(Expect.ok());
  }

  private static Call contextCall(Scene scene) {
    Enclave enclave = scene.enclave();
    Call call = new Call(scene, Call.Instruction.ENCLV, 2, enclave);
    call.rcx = enclave.secs;
    call.rdx = scene.memory.context;
    byte[] context = new byte[8];
    Scene.u64(context, 0, 0x7777_0000_1234L);
    call.last(c -> scene.writeIfMapped(c.rdx, context));
    return call;
  }

  private static List<Rule> esetcontext() {
    return LeafTable.with("ESETCONTEXT", Features.ENCLV, "ENCLV", DebugRules::contextCall)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The SECS is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RDX-misaligned", Expect.gp(), "rdx", "The context is aligned to 8 bytes.", c -> c.rdx += 4)
        .spoil("RDX-not-mapped", Expect.notMapped("RDX", c -> c.rdx), "rdx", "The context can be read.",
            c -> c.rdx = Scene.NOWHERE)
        .conflict("RCX-in-use", CONFLICT, "rcx", "No other leaf has the SECS to itself.", Hold.EXCLUSIVE, c -> c.rcx)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The page is valid.", c -> c.rcx = c.scene.loosePage())
        .spoil("RCX-a-regular-page", Expect.pfRcx(), "rcx", "The page is PT_SECS.",
            c -> c.rcx = c.enclave.page(Enclave.DATA))
        .effect("context", "ERDINFO shows the new context.", Needs::rdinfo, scene -> {
          Call call = contextCall(scene);
          EinitRules.require(call, Expect.ok());
          scene.epcm(call.enclave.page(Enclave.DATA));
          Scene.equal("ENCLAVECONTEXT", 0x7777_0000_1234L, Scene.u64(scene.read(scene.memory.rdinfo, 32), 16));
        })
        .rules(Expect.ok());
  }
}
