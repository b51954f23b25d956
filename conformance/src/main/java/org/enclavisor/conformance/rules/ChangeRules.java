package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.isa.SgxError;

/** EAUG, EMODPR and EMODT (SDM 3D, the leaves' pages). */
final class ChangeRules {
  private static final int PAGE = 4096;
  private static final Expect NOT_MODIFIABLE = Expect.zf(SgxError.SGX_PAGE_NOT_MODIFIABLE);
  private static final Expect CONFLICT = Expect.zf(SgxError.SGX_EPC_PAGE_CONFLICT);

  private ChangeRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(eaug());
    rules.addAll(emodpr());
    rules.addAll(emodt());
    return rules;
  }

  private static Call eaugCall(Scene scene, boolean building) {
    Enclave enclave = scene.enclave(s -> s.initialised = !building);
    Call call = Call.encls(scene, 0xd, enclave);
    call.pageinfo = true;
    call.secinfoElsewhere = true;
    call.rbx = scene.memory.pageinfo;
    call.rcx = enclave.newPage(Enclave.FREE);
    call.linAddr = enclave.at(Enclave.FREE);
    call.secs = enclave.secs;
    return call;
  }

  private static List<Rule> eaug() {
    return LeafTable.with("EAUG", Features.SGX2, "SGX2", scene -> eaugCall(scene, false))
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "PAGEINFO is aligned to 32 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The destination is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The destination is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx), "rbx pi secs secs-low linaddr linaddr-low",
            "PAGEINFO can be read.", c -> c.rbx = Scene.NOWHERE)
        .spoil("SECS-misaligned", Expect.gp(), "secs-low", "PAGEINFO.SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.secs += 64))
        .spoil("LINADDR-misaligned", Expect.gp(), "linaddr-low", "PAGEINFO.LINADDR is aligned to 4096 bytes.",
            c -> c.low(x -> x.linAddr += 8))
        .spoil("SRCPGE-not-zero", Expect.gp(), "pi", "PAGEINFO.SRCPGE is zero.", c -> c.srcPge = c.scene.memory.source)
        .spoil("SECINFO-misaligned", Expect.gp(), "pi", "PAGEINFO.SECINFO is aligned to 64 bytes.", c -> c.secinfo = 8)
        .spoil("SECS-not-EPC", Expect.pfSecs(), "secs", "PAGEINFO.SECS is in the EPC.", c -> c.secs = Scene.NOWHERE)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf uses the destination.", Hold.SHARED, c -> c.rcx)
        .spoil("RCX-valid", Expect.pfRcx(), "rcx linaddr", "The destination is not valid.",
            c -> c.rcx = c.enclave.page(Enclave.DATA))
        .spoil("SECINFO-not-zero", Expect.gp(), "pi", "PAGEINFO.SECINFO is zero where there are no shadow stacks.",
            c -> c.secinfo = c.scene.memory.secinfo)
        .conflict("SECS-in-use", Expect.gp(), "secs", "No other leaf has the SECS to itself.", Hold.EXCLUSIVE,
            c -> c.secs)
        .spoil("SECS-not-a-SECS", Expect.pfSecs(), "secs", "PAGEINFO.SECS is PT_SECS.",
            c -> c.first(x -> x.secs = x.scene.versionArray()))
        .spoil("SECS-not-valid", Expect.pfSecs(), "secs", "PAGEINFO.SECS is valid.",
            c -> c.secs = c.scene.loosePage())
        .spoil("LINADDR-below", Expect.gp(), "linaddr", "LINADDR is not below the ELRANGE.",
            c -> c.linAddr = c.enclave.base() - PAGE)
        .spoil("LINADDR-above", Expect.gp(), "linaddr", "LINADDR is not above the ELRANGE.",
            c -> c.linAddr = c.enclave.at(Enclave.SIZE))
        .never("shadow-stack", Kind.FAULT, "SECINFO may ask for a shadow stack page.", "the processor has no CET")
        .effect("not-initialised", "The enclave is initialised, else #GP(0).", scene ->
            EinitRules.require(eaugCall(scene, true), Expect.gp()))
        .effect("EPCM", "The page is PT_REG, RW and PENDING.", Needs::rdinfo, scene -> {
          Call call = eaugCall(scene, false);
          call.perform();
          Scene.equal("RDINFO.FLAGS", Building.RW | 8, scene.epcm(call.rcx));
        })
        .effect("no-access", "Nobody can touch the page before EACCEPT.", scene -> {
          for (int access : new int[] {Access.READ, Access.WRITE}) {
            Enclave enclave = scene.inside();
            scene.eaug(enclave, Enclave.FREE);
            Access.refused(scene, enclave, Enclave.FREE, access);
          }
        })
        .effect("zero", "After EACCEPT the page is all zero.", scene -> {
          Enclave enclave = scene.inside();
          scene.eaug(enclave, Enclave.FREE);
          UserRules.accept(scene, enclave, Enclave.FREE, Building.RW | 8);
          for (int at = 0; at < PAGE; at += 1000) {
            Scene.equal("byte " + at, 0, scene.peek(enclave.at(Enclave.FREE) + (at & -8)));
          }
        })
        .rules(Expect.done());
  }

  private static Call secinfoCall(Scene scene, int leaf, long flags) {
    Enclave enclave = scene.enclave();
    Call call = Call.encls(scene, leaf, enclave);
    call.rbx = scene.memory.secinfo;
    call.rcx = enclave.page(Enclave.DATA);
    call.secinfoFlags = flags;
    call.last(c -> {
      byte[] bytes = new byte[64];
      Scene.u64(bytes, 0, c.secinfoFlags);
      bytes[32] = (byte) c.secinfoReserved;
      c.scene.writeIfMapped(c.rbx, bytes);
    });
    return call;
  }

  private static LeafTable common(LeafTable table) {
    return table
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "SECINFO is aligned to 64 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The page is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx), "rbx secinfo", "SECINFO can be read.",
            c -> c.rbx = Scene.NOWHERE)
        .spoil("SECINFO-reserved-flag", Expect.gp(), "secinfo", "SECINFO's reserved flags are clear.",
            c -> c.secinfoFlags |= 1L << 33)
        .spoil("SECINFO-reserved-byte", Expect.gp(), "secinfo", "SECINFO's reserved bytes are zero.",
            c -> c.secinfoReserved = 2);
  }

  private static void building(Call call) {
    call.first(c -> c.rcx = c.scene.enclave(Spec::building).page(Enclave.DATA));
  }

  private static List<Rule> emodpr() {
    return common(LeafTable.with("EMODPR", Features.SGX2, "SGX2", scene -> secinfoCall(scene, 0xe, Building.R)))
        .spoil("W-without-R", Expect.gp(), "secinfo", "W needs R.", c -> c.secinfoFlags = 2 | 2 << 8)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE,
            c -> c.rcx)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The page is valid.",
            c -> c.rcx = c.enclave.newPage(Enclave.FREE))
        .conflict("RCX-changing", CONFLICT, "rcx", "No other leaf of SGX2 is at work on the page.", Hold.CHANGE,
            c -> c.rcx)
        .spoil("PENDING", NOT_MODIFIABLE, "rcx", "The page is not PENDING.", c -> c.first(x -> {
          x.scene.eaug(x.enclave, Enclave.FREE);
          x.rcx = x.enclave.page(Enclave.FREE);
        }))
        .spoil("MODIFIED", NOT_MODIFIABLE, "rcx", "The page is not MODIFIED.",
            c -> c.first(x -> x.scene.emodt(x.enclave, Enclave.DATA, 4)))
        .spoil("TCS", Expect.pfRcx(), "rcx", "The page is PT_REG.", c -> c.rcx = c.enclave.page(Enclave.TCS))
        .spoil("SECS", Expect.pfRcx(), "rcx", "The page is no SECS.", c -> c.rcx = c.enclave.secs)
        .spoil("VA", Expect.pfRcx(), "rcx", "The page is no version array.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("not-initialised", Expect.gp(), "rcx", "The enclave is initialised.", ChangeRules::building)
        .effect("EPCM", "Permissions are those that were and are asked for; PR is set.", Needs::rdinfo, scene -> {
          long[][] cases = {{1, 1}, {3, 3}, {7, 3}, {5, 1}, {0, 0}};
          for (long[] one : cases) {
            Call call = secinfoCall(scene, 0xe, one[0] | 2 << 8);
            EinitRules.require(call, Expect.ok());
            Scene.equal("RDINFO.FLAGS", one[1] | 2 << 8 | 32, scene.epcm(call.rcx));
          }
        })
        .effect("access", "Code that enters afterwards has not more than is left.", scene -> {
          Enclave enclave = scene.enclave();
          scene.emodpr(enclave, Enclave.DATA, 1);
          scene.etrack(enclave);
          enclave.enter(0);
          Access.allowed(scene, enclave, Enclave.DATA, Access.READ);
          Access.refused(scene, enclave, Enclave.DATA, Access.WRITE);
        })
        .effect("execute", "X can be taken away.", scene -> {
          Enclave enclave = scene.inside();
          Access.allowed(scene, enclave, Enclave.RWX, Access.EXECUTE);
          scene.emodpr(enclave, Enclave.RWX, 3);
          scene.cpu(0).interrupt();
          scene.etrack(enclave);
          enclave.enter(0);
          Access.refused(scene, enclave, Enclave.RWX, Access.EXECUTE);
        })
        .effect("no-stale-write", "After ETRACK and all have left, no translation is left over.", scene -> {
          Enclave enclave = scene.inside();
          Access.allowed(scene, enclave, Enclave.DATA, Access.WRITE);
          scene.emodpr(enclave, Enclave.DATA, 1);
          scene.etrack(enclave);
          scene.cpu(0).interrupt();
          enclave.enter(0);
          Access.refused(scene, enclave, Enclave.DATA, Access.WRITE);
        })
        .rules(Expect.ok());
  }

  private static List<Rule> emodt() {
    return common(LeafTable.with("EMODT", Features.SGX2, "SGX2", scene -> secinfoCall(scene, 0xf, 4 << 8)))
        .spoil("PT-REG", Expect.gp(), "secinfo", "PT is PT_TCS or PT_TRIM.", c -> c.secinfoFlags = 2 << 8)
        .spoil("PT-SECS", Expect.gp(), "secinfo", "PT is not PT_SECS.", c -> c.secinfoFlags = 0)
        .spoil("PT-VA", Expect.gp(), "secinfo", "PT is not PT_VA.", c -> c.secinfoFlags = 3 << 8)
        .conflict("RCX-in-use", CONFLICT, "rcx", "No other leaf uses the page.", Hold.SHARED, c -> c.rcx)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The page is valid.",
            c -> c.rcx = c.enclave.newPage(Enclave.FREE))
        .conflict("RCX-changing", CONFLICT, "rcx", "No other leaf of SGX2 is at work on the page.", Hold.CHANGE,
            c -> c.rcx)
        .spoil("SECS", Expect.pfRcx(), "rcx", "The page is no SECS.", c -> c.rcx = c.enclave.secs)
        .spoil("VA", Expect.pfRcx(), "rcx", "The page is no version array.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("TCS-to-TCS", Expect.pfRcx(), "rcx secinfo", "A TCS can only be trimmed.", c -> {
          c.secinfoFlags = 1 << 8;
          c.rcx = c.enclave.page(Enclave.TCS);
        })
        .spoil("PENDING", NOT_MODIFIABLE, "rcx", "The page is not PENDING.", c -> c.first(x -> {
          x.scene.eaug(x.enclave, Enclave.FREE);
          x.rcx = x.enclave.page(Enclave.FREE);
        }))
        .spoil("MODIFIED", Expect.pfRcx(), "rcx", "A trimmed page cannot be trimmed again.",
            c -> c.first(x -> x.scene.emodt(x.enclave, Enclave.DATA, 4)))
        .spoil("MODIFIED-TCS", NOT_MODIFIABLE, "rcx", "The page is not MODIFIED.",
            c -> c.first(x -> x.scene.emodt(x.enclave, Enclave.DATA, 1)))
        .spoil("not-initialised", Expect.gp(), "rcx", "The enclave is initialised.", ChangeRules::building)
        .effect("EPCM-TRIM", "The page is PT_TRIM, MODIFIED, without permissions.", Needs::rdinfo, scene -> {
          Call call = secinfoCall(scene, 0xf, 4 << 8);
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", 4 << 8 | 16, scene.epcm(call.rcx));
        })
        .effect("EPCM-TCS", "The page is PT_TCS, MODIFIED, without permissions.", Needs::rdinfo, scene -> {
          Call call = secinfoCall(scene, 0xf, 1 << 8);
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", 1 << 8 | 16, scene.epcm(call.rcx));
        })
        .effect("PR-cleared", "PR is clear afterwards.", Needs::rdinfo, scene -> {
          Call call = secinfoCall(scene, 0xf, 4 << 8);
          call.first(c -> c.scene.emodpr(c.enclave, Enclave.DATA, 1));
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", 4 << 8 | 16, scene.epcm(call.rcx));
        })
        .effect("access", "Code that enters afterwards cannot touch the page.", scene -> {
          Enclave enclave = scene.enclave();
          scene.emodt(enclave, Enclave.DATA, 4);
          scene.etrack(enclave);
          enclave.enter(0);
          Access.refused(scene, enclave, Enclave.DATA, Access.READ);
        })
        .effect("TCS-trimmed", "A TCS can be trimmed, and not be entered then.", scene -> {
          Enclave enclave = scene.enclave();
          scene.emodt(enclave, Enclave.TCS2, 4);
          var event = scene.cpu(1).enter(
              2, enclave.at(Enclave.TCS2), Scene.AEP, enclave.block(1), Scene.host(enclave, 1));
          Scene.require(event instanceof LogicalProcessor.Refused r
              && r.fault().vector() == 14, "found " + event);
        })
        .effect("TCS-made", "A regular page becomes a TCS that can be entered.", scene -> makeTcs(scene))
        .rules(Expect.ok());
  }

  private static void makeTcs(Scene scene) {
    Enclave enclave = scene.inside();
    byte[] tcs = new Spec().tcs(1);
    scene.poke(enclave, enclave.at(Enclave.DATA2), Arrays.copyOf(tcs, 72));
    scene.emodt(enclave, Enclave.DATA2, 1);
    scene.cpu(0).interrupt();
    scene.etrack(enclave);
    enclave.enter(0);
    UserRules.accept(scene, enclave, Enclave.DATA2, 1 << 8 | 16);
    Scene.leave(scene.cpu(0));
    var event = scene.cpu(1).enter(
        2, enclave.at(Enclave.DATA2), Scene.AEP, enclave.block(1), Scene.host(enclave, 1));
    Scene.require(event instanceof LogicalProcessor.Inside, "EENTER: " + event);
    LeafResult removed = scene.machine.encls(3, 0, enclave.page(Enclave.DATA2), 0);
    Scene.require(
        removed instanceof LeafResult.Done d && d.rax() == SgxError.SGX_ENCLAVE_ACT.code(), "EREMOVE: " + removed);
  }
}
