package org.enclavisor.conformance.rules;

import java.nio.charset.StandardCharsets;
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

/** EPA, EBLOCK, ETRACK, ETRACKC and EWB (SDM 3D, the leaves' pages). */
final class PagingRules {
  private static final Expect CONFLICT = Expect.zf(SgxError.SGX_EPC_PAGE_CONFLICT);
  private static final String VMX = "no VMX non-root operation";

  private PagingRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(epa());
    rules.addAll(eblock());
    rules.addAll(etrack());
    rules.addAll(etrackc());
    rules.addAll(ewb());
    return rules;
  }

  private static Call epaCall(Scene scene) {
    Call call = Call.encls(scene, 0xa, Enclave.none(scene));
    call.rbx = 3;
    call.rcx = scene.loosePage();
    return call;
  }

  private static List<Rule> epa() {
    return LeafTable.of("EPA", PagingRules::epaCall)
        .spoil("RBX-not-PT_VA", Expect.gp(), "rbx", "RBX is PT_VA.", c -> c.rbx = 2)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The page is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf uses the page.", Hold.SHARED, c -> c.rcx)
        .spoil("RCX-valid", Expect.pfRcx(), "rcx", "The page is not valid.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("EPCM", "The page is PT_VA, without access and marks.", Needs::rdinfo, scene ->
            Scene.equal("RDINFO.FLAGS", 3 << 8, scene.epcm(scene.versionArray())))
        .effect("empty", "All slots are empty.", scene -> {
          long va = scene.versionArray();
          for (int slot = 0; slot < 4096; slot += 504) {
            LeafResult result = scene.machine.encls(4, 0, va + slot, 0);
            Scene.require(result instanceof LeafResult.Done d && d.rbx() == 0, "slot " + slot + ": " + result);
          }
        })
        .rules(Expect.done());
  }

  private static Call pageCall(Scene scene, int leaf) {
    Enclave enclave = scene.enclave();
    Call call = Call.encls(scene, leaf, enclave);
    call.rcx = enclave.page(Enclave.DATA);
    return call;
  }

  private static List<Rule> eblock() {
    return LeafTable.of("EBLOCK", scene -> pageCall(scene, 9))
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The page is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", CONFLICT, "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE, c -> c.rcx)
        .spoil("RCX-not-valid", Expect.zf(SgxError.SGX_PG_INVLD), "rcx", "The page is valid.",
            c -> c.rcx = c.scene.loosePage())
        .spoil("free-ELRANGE-page", Expect.zf(SgxError.SGX_PG_INVLD), "rcx", "The enclave's page is valid.",
            c -> c.rcx = c.enclave.newPage(Enclave.FREE))
        .spoil("SECS", Expect.cf(SgxError.SGX_PG_IS_SECS), "rcx", "The page is no SECS.", c -> c.rcx = c.enclave.secs)
        .spoil("VA", Expect.cf(SgxError.SGX_NOTBLOCKABLE), "rcx", "The page is no version array.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("blocked", Expect.cf(SgxError.SGX_BLKSTATE), "rcx", "The page is not blocked.",
            c -> c.first(x -> x.scene.eblock(x.enclave, Enclave.DATA)))
        .conflict("tracking-in-use", Expect.zf(SgxError.SGX_ENTRYEPOCH_LOCKED), "rcx",
            "No ETRACK is at work on the SECS.", Hold.TRACK, c -> c.enclave.secs)
        .effect("BLOCKED", "EPCM.BLOCKED is set, and nothing else.", Needs::rdinfo, scene -> {
          Call call = pageCall(scene, 9);
          call.perform();
          Scene.equal("RDINFO.FLAGS", Building.RW | Scene.BLOCKED, scene.epcm(call.rcx));
        })
        .effect("TCS", "A TCS can be blocked, and cannot be entered then.", scene -> {
          Enclave enclave = scene.enclave();
          scene.eblock(enclave, Enclave.TCS);
          var event = scene.cpu(0).enter(
              2, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
          Scene.require(event instanceof LogicalProcessor.Refused r
              && r.fault().vector() == 14, "found " + event);
        })
        .effect("access", "Code that enters afterwards cannot touch the page.", scene -> {
          Enclave enclave = scene.enclave();
          scene.eblock(enclave, Enclave.DATA);
          enclave.enter(0);
          Access.refused(scene, enclave, Enclave.DATA, Access.READ);
        })
        .effect("PENDING", "A page that waits for EACCEPT can be blocked.", Needs::sgx2, scene -> {
          Enclave enclave = scene.enclave();
          scene.eaug(enclave, Enclave.FREE);
          scene.eblock(enclave, Enclave.FREE);
        })
        .rules(Expect.ok());
  }

  private static Call trackCall(Scene scene, int leaf) {
    Enclave enclave = scene.enclave();
    Call call = Call.encls(scene, leaf, enclave);
    call.rcx = enclave.secs;
    return call;
  }

  private static void behind(Call call) {
    call.first(x -> {
      x.enclave.enter(0);
      x.scene.etrack(x.enclave);
    });
  }

  private static List<Rule> etrack() {
    return LeafTable.of("ETRACK", scene -> trackCall(scene, 0xc))
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The SECS is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("SECS-in-use", Expect.gp(), "rcx", "No other leaf has the SECS to itself.", Hold.EXCLUSIVE,
            c -> c.rcx)
        .conflict("tracking-in-use", Expect.gp(), "rcx", "No other ETRACK is at work on the SECS.", Hold.TRACK,
            c -> c.rcx)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The SECS is valid.", c -> c.rcx = c.scene.loosePage())
        .spoil("RCX-a-VA", Expect.pfRcx(), "rcx", "The page is PT_SECS.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("RCX-a-regular-page", Expect.pfRcx(), "rcx", "The page is PT_SECS.",
            c -> c.rcx = c.enclave.page(Enclave.DATA))
        .spoil("incomplete", Expect.zf(SgxError.SGX_PREV_TRK_INCMPL), "threads",
            "All who were inside at the last ETRACK have left.", PagingRules::behind)
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("complete-after-exit", "When they have left, the next cycle can begin.", scene -> {
          Call call = trackCall(scene, 0xc);
          behind(call);
          EinitRules.require(call, Expect.zf(SgxError.SGX_PREV_TRK_INCMPL));
          scene.cpu(0).interrupt();
          LeafResult result = scene.machine.encls(0xc, 0, call.enclave.secs, 0);
          Scene.require(result instanceof LeafResult.Done d && d.rax() == 0, "found " + result);
        })
        .effect("newcomers-do-not-count", "Who enters after ETRACK does not keep the cycle open.", scene -> {
          Call call = trackCall(scene, 0xc);
          call.perform();
          call.enclave.enter(0);
          EinitRules.require(call, Expect.ok());
        })
        .effect("building", "An enclave under construction can be tracked.", scene -> {
          Enclave enclave = scene.enclave(Spec::building);
          scene.etrack(enclave);
        })
        .rules(Expect.ok());
  }

  private static List<Rule> etrackc() {
    return LeafTable.with("ETRACKC", Features.OVERSUBSCRIPTION, "ETRACKC", scene -> pageCall(scene, 0x11))
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The page is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", CONFLICT, "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE, c -> c.rcx)
        .spoil("RCX-not-valid", Expect.zf(SgxError.SGX_PG_INVLD), "rcx", "The page is valid.",
            c -> c.rcx = c.scene.loosePage())
        .spoil("VA", Expect.cf(SgxError.SGX_TRACK_NOT_REQUIRED), "rcx", "Version arrays are not tracked.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .conflict("tracking-in-use", CONFLICT, "rcx", "No other ETRACK is at work on the SECS.", Hold.TRACK,
            c -> c.enclave.secs)
        .spoil("incomplete", Expect.zf(SgxError.SGX_PREV_TRK_INCMPL), "threads",
            "All who were inside at the last ETRACK have left.", PagingRules::behind)
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("by-SECS", "The SECS itself can be named.", scene -> {
          Call call = pageCall(scene, 0x11);
          call.rcx = call.enclave.secs;
          EinitRules.require(call, Expect.ok());
        })
        .effect("tracks", "A page that was blocked before can be evicted afterwards.", scene -> {
          Call call = pageCall(scene, 0x11);
          long va = scene.versionArray();
          scene.eblock(call.enclave, Enclave.DATA);
          EinitRules.require(call, Expect.ok());
          Scene.done("EWB", scene.ewb(call.rcx, va));
        })
        .rules(Expect.ok());
  }

  private static Call ewbCall(Scene scene) {
    Enclave enclave = scene.enclave();
    long va = scene.versionArray();
    Call call = Call.encls(scene, 0xb, enclave);
    call.pageinfo = true;
    call.rbx = scene.memory.pageinfo;
    call.rcx = enclave.page(Enclave.DATA);
    call.rdx = va + 16;
    call.srcPge = scene.memory.evicted;
    call.secinfo = scene.memory.pcmd;
    call.secinfoElsewhere = true;
    call.first(c -> {
      if (!c.unblocked) {
        c.scene.eblock(c.enclave, Enclave.DATA);
      }
      if (!c.untracked) {
        c.scene.etrack(c.enclave);
      }
    });
    return call;
  }

  private static List<Rule> ewb() {
    return LeafTable.of("EWB", PagingRules::ewbCall)
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "PAGEINFO is aligned to 32 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The page is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RDX-misaligned", Expect.gp(), "rdx-low", "The slot is aligned to 8 bytes.",
            c -> c.low(x -> x.rdx += 4))
        .spoil("RDX-not-EPC", Expect.pfRdx(), "rdx", "The slot is in the EPC.", c -> c.rdx = Scene.NOWHERE)
        .spoil("same-page", Expect.gp(), "rcx rdx", "Page and slot are in different EPC pages.", c -> c.rdx = c.rcx)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx), "rbx srcpge pcmd pi", "PAGEINFO can be read.",
            c -> c.rbx = Scene.NOWHERE)
        .spoil("LINADDR-not-zero", Expect.gp(), "pi", "PAGEINFO.LINADDR is zero.", c -> c.linAddr = 4096)
        .spoil("PAGEINFO.SECS-not-zero", Expect.gp(), "pi", "PAGEINFO.SECS is zero.", c -> c.secs = c.enclave.secs)
        .spoil("PCMD-misaligned", Expect.gp(), "pcmd", "PCMD is aligned to 128 bytes.", c -> c.secinfo += 64)
        .spoil("SRCPGE-misaligned", Expect.gp(), "srcpge", "SRCPGE is aligned to 4096 bytes.", c -> c.srcPge += 128)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf uses the page.", Hold.SHARED, c -> c.rcx)
        .conflict("VA-in-use", Expect.gp(), "rdx", "No other leaf has the version array to itself.", Hold.EXCLUSIVE,
            c -> c.rdx)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The page is valid.", c -> c.rcx = c.scene.loosePage())
        .spoil("RDX-not-valid", Expect.pfRdx(), "rdx", "The version array is valid.",
            c -> c.rdx = c.scene.loosePage())
        .spoil("RDX-not-a-VA", Expect.pfRdx(), "rdx", "The slot is in a version array.",
            c -> c.rdx = c.enclave.page(Enclave.DATA2))
        .spoil("not-blocked", Expect.zf(SgxError.SGX_PAGE_NOT_BLOCKED), "blocked rcx", "The page is blocked.",
            c -> c.unblocked = true)
        .spoil("not-tracked", Expect.zf(SgxError.SGX_NOT_TRACKED), "tracked rcx",
            "ETRACK has come after EBLOCK.", c -> c.untracked = true)
        .spoil("thread-still-inside", Expect.zf(SgxError.SGX_NOT_TRACKED), "threads rcx blocked tracked",
            "All who were inside at EBLOCK have left.", c -> c.enclave.enter(0))
        .spoil("SECS-with-children", Expect.zf(SgxError.SGX_CHILD_PRESENT), "rcx", "A SECS has no pages any more.",
            c -> c.rcx = c.enclave.secs)
        .spoil("slot-occupied", Expect.cf(SgxError.SGX_VA_SLOT_OCCUPIED), "slot rcx rdx", "The slot is empty.",
            c -> c.first(x -> {
              x.scene.eblock(x.enclave, Enclave.DATA2);
              x.scene.etrack(x.enclave);
              Scene.done("EWB", x.scene.ewb(
                  x.enclave.page(Enclave.DATA2), x.rdx, x.scene.memory.evicted2, x.scene.memory.pcmd2));
            }))
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("invalid", "The page is free.", Needs::rdinfo, scene -> {
          Call call = ewbCall(scene);
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", -1, scene.epcm(call.rcx));
        })
        .effect("slot", "The slot holds a version.", scene -> {
          Call call = ewbCall(scene);
          EinitRules.require(call, Expect.ok());
          LeafResult result = scene.machine.encls(4, 0, call.rdx, 0);
          Scene.require(result instanceof LeafResult.Done d && d.rbx() == -1, "found " + result);
        })
        .effect("PCMD", "PCMD has SECINFO and the enclave's number, PAGEINFO the address.", scene -> {
          Call call = ewbCall(scene);
          EinitRules.require(call, Expect.ok());
          byte[] pcmd = scene.read(scene.memory.pcmd, 128);
          Scene.equal("SECINFO.FLAGS", Building.RW, Scene.u64(pcmd, 0));
          Scene.require(Scene.u64(pcmd, 64) != 0, "ENCLAVEID is zero");
          for (int at = 72; at < 112; at += 8) {
            Scene.equal("RESERVED at " + at, 0, Scene.u64(pcmd, at));
          }
          Scene.equal("LINADDR", call.enclave.at(Enclave.DATA), Scene.u64(scene.read(call.rbx, 8), 0));
        })
        .effect("encrypted", "What is stored is not what was in the page.", scene -> {
          Enclave enclave = scene.inside();
          byte[] secret = "a secret of sixteen bytes or so.".getBytes(StandardCharsets.US_ASCII);
          scene.poke(enclave, enclave.at(Enclave.DATA), secret);
          Scene.leave(scene.cpu(0));
          scene.evict(enclave, Enclave.DATA, scene.versionArray());
          long word = Scene.u64(secret, 0);
          byte[] stored = scene.read(scene.memory.evicted, 4096);
          int zeros = 0;
          for (int at = 0; at < 4096; at += 8) {
            Scene.require(Scene.u64(stored, at) != word, "the secret is at " + at);
            zeros += Scene.u64(stored, at) == 0 ? 1 : 0;
          }
          Scene.require(zeros < 8, zeros + " words of zero");
        })
        .effect("fresh-versions", "Two evictions of the same page have different ciphertexts and MACs.", scene -> {
          Enclave enclave = scene.enclave();
          long va = scene.versionArray();
          scene.evict(enclave, Enclave.DATA, va);
          byte[] first = scene.read(scene.memory.evicted, 4096);
          Scene.done("ELDU", scene.eld(8, enclave, Enclave.DATA, va));
          scene.evict(enclave, Enclave.DATA, va);
          byte[] second = scene.read(scene.memory.evicted, 4096);
          Scene.require(!Arrays.equals(first, second), "the same ciphertext twice");
        })
        .effect("VA-evictable", "A version array can be evicted itself.", scene -> {
          long va = scene.versionArray();
          Scene.done("EWB", scene.ewb(va, scene.versionArray() + 8));
        })
        .effect("SECS-evictable", "A SECS without pages can be evicted.", scene -> {
          long page = scene.loosePage();
          Scene.done("ECREATE", scene.ecreate(page, new Spec().secs(scene.machine.elrange(Enclave.SIZE))));
          Scene.done("EWB", scene.ewb(page, scene.versionArray() + 8));
        })
        .effect("refused-keeps-page", "A page that was refused is still there.", Needs::rdinfo, scene -> {
          Call call = ewbCall(scene);
          call.untracked = true;
          EinitRules.require(call, Expect.zf(SgxError.SGX_NOT_TRACKED));
          Scene.equal("RDINFO.FLAGS", Building.RW | Scene.BLOCKED, scene.epcm(call.rcx));
        })
        .rules(Expect.ok());
  }
}
