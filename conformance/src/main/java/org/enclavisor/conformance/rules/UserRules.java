package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.isa.SgxError;

/** EACCEPT, EMODPE and EACCEPTCOPY (SDM 3D, the leaves' pages), executed by the probe. */
final class UserRules {
  private static final Expect MISMATCH = Expect.zf(SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH);
  private static final long SECINFO = Enclave.DATA2 + 64;
  private static final int PAGE = 4096;

  private UserRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(eaccept());
    rules.addAll(emodpe());
    rules.addAll(eacceptcopy());
    return rules;
  }

  /** EACCEPT by thread 0, which is inside. */
  static void accept(Scene scene, Enclave enclave, long offset, long flags) {
    byte[] secinfo = new byte[64];
    Scene.u64(secinfo, 0, flags);
    scene.poke(enclave, enclave.at(Enclave.DATA), secinfo);
    Scene.done("EACCEPT", Scene.result(scene.cpu(0), scene.cpu(0).command(
        Command.enclu(5, enclave.at(Enclave.DATA), enclave.at(offset), 0))));
  }

  private static Call inside(Scene scene, int leaf, long secinfoFlags) {
    Enclave enclave = scene.inside();
    Call call = new Call(scene, Call.Instruction.ENCLU, leaf, enclave);
    call.rbx = enclave.at(SECINFO);
    call.secinfoFlags = secinfoFlags;
    call.first(c -> c.secinfoAt = enclave.at(SECINFO));
    return call;
  }

  /** What ENCLU leaves ask of a SECINFO operand. */
  private static LeafTable secinfo(LeafTable table) {
    return table
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "SECINFO is aligned to 64 bytes.", c -> c.rbx += 8)
        .spoil("RBX-outside-ELRANGE", Expect.gp(), "rbx", "SECINFO is in the ELRANGE.",
            c -> c.rbx = c.enclave.block(3));
  }

  private static LeafTable secinfoPage(LeafTable table) {
    return table
        .spoil("RBX-no-page", Expect.pfRbx(), "rbx secinfo", "SECINFO is in a page.",
            c -> c.rbx = c.enclave.at(Enclave.FREE2))
        .spoil("RBX-a-TCS", Expect.pfRbx(), "rbx secinfo", "SECINFO is in a regular page.",
            c -> c.rbx = c.enclave.at(Enclave.TCS2))
        .spoil("RBX-blocked", Expect.pfRbx(), "rbx-page", "SECINFO is in a page that is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.DATA2)))
        .spoil("RBX-pending", Expect.pfRbx(), "rbx secinfo rbx-page", "SECINFO is in a page that is not PENDING.",
            c -> c.last(x -> {
              x.scene.eaug(x.enclave, Enclave.FREE2);
              x.rbx = x.enclave.at(Enclave.FREE2);
            }))
        .spoil("RBX-modified", Expect.pfRbx(), "rbx-page", "SECINFO is in a page that is not MODIFIED.",
            c -> c.last(x -> x.scene.emodt(x.enclave, Enclave.DATA2, 4)))
        .spoil("RBX-not-readable", Expect.pfRbx(), "rbx-page", "SECINFO is in a page that can be read.",
            c -> c.last(x -> x.scene.emodpr(x.enclave, Enclave.DATA2, 0)))
        .spoil("SECINFO-reserved-flag", Expect.gp(), "secinfo", "SECINFO's reserved flags are clear.",
            c -> c.secinfoFlags |= 1L << 50)
        .spoil("SECINFO-reserved-byte", Expect.gp(), "secinfo", "SECINFO's reserved bytes are zero.",
            c -> c.secinfoReserved = 3);
  }

  private static Call eacceptCall(Scene scene) {
    Call call = inside(scene, 5, Building.RW | 8);
    call.first(c -> c.scene.eaug(c.enclave, Enclave.FREE));
    call.rcx = call.enclave.at(Enclave.FREE);
    return call;
  }

  private static List<Rule> eaccept() {
    LeafTable table = secinfoPage(secinfo(
        LeafTable.with("EACCEPT", Features.SGX2, "SGX2", UserRules::eacceptCall)));
    return table
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 64))
        .spoil("RCX-outside-ELRANGE", Expect.gp(), "rcx", "The page is in the ELRANGE.",
            c -> c.rcx = c.enclave.at(Enclave.SIZE))
        .spoil("REG-MODIFIED", Expect.gp(), "secinfo", "A regular page is accepted without MODIFIED.",
            c -> c.secinfoFlags |= 16)
        .spoil("REG-nothing-to-accept", Expect.gp(), "secinfo", "A regular page is accepted with PENDING or PR.",
            c -> c.secinfoFlags &= ~8L)
        .spoil("TRIM-PENDING", Expect.gp(), "secinfo", "A trimmed page is accepted without PENDING.",
            c -> c.secinfoFlags = 4 << 8 | 16 | 8)
        .spoil("TRIM-without-MODIFIED", Expect.gp(), "secinfo", "A trimmed page is accepted with MODIFIED.",
            c -> c.secinfoFlags = 4 << 8)
        .spoil("TCS-PR", Expect.gp(), "secinfo", "A TCS is accepted without PR.",
            c -> c.secinfoFlags = 1 << 8 | 16 | 32)
        .spoil("PT-VA", Expect.gp(), "secinfo", "PT is REG, TCS or TRIM.", c -> c.secinfoFlags = 3 << 8 | 16)
        .spoil("RCX-no-page", Expect.pfRcx(), "rcx secinfo rbx rbx-page", "There is a page.",
            c -> c.rcx = c.enclave.at(Enclave.FREE2))
        .spoil("RCX-blocked", Expect.pfRcx(), "rcx", "The page is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.FREE)))
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE,
            c -> c.enclave.page(Enclave.FREE))
        .conflict("RCX-changing", Expect.gp(), "rcx", "No other leaf of SGX2 is at work on the page.", Hold.CHANGE,
            c -> c.enclave.page(Enclave.FREE))
        .spoil("permissions-differ", MISMATCH, "secinfo", "SECINFO has the page's permissions.",
            c -> c.secinfoFlags ^= 2)
        .spoil("X-differs", MISMATCH, "secinfo", "SECINFO has the page's X.", c -> c.secinfoFlags ^= 4)
        .spoil("PENDING-differs", MISMATCH, "rcx", "SECINFO has the page's PENDING.",
            c -> c.rcx = c.enclave.at(Enclave.DATA))
        .spoil("type-differs", MISMATCH, "secinfo", "SECINFO has the page's type.", c -> c.secinfoFlags = 4 << 8 | 16)
        .effect("not-tracked-EMODPR", "After EMODPR, ETRACK has come and all have left.", scene -> {
          Enclave enclave = scene.inside();
          scene.emodpr(enclave, Enclave.DATA, 1);
          scene.etrack(enclave);
          Call call = again(scene, enclave, Enclave.DATA, Building.R | 32);
          EinitRules.require(call, Expect.zf(SgxError.SGX_NOT_TRACKED));
          scene.cpu(0).interrupt();
          enclave.enter(0);
          EinitRules.require(call, Expect.ok());
        })
        .effect("not-tracked-EMODT", "After EMODT, ETRACK has come and all have left.", scene -> {
          Enclave enclave = scene.inside();
          scene.emodt(enclave, Enclave.DATA, 4);
          Call call = again(scene, enclave, Enclave.DATA, 4 << 8 | 16);
          EinitRules.require(call, Expect.zf(SgxError.SGX_NOT_TRACKED));
          Scene.leave(scene.cpu(0));
          enclave.enter(0);
          EinitRules.require(call, Expect.zf(SgxError.SGX_NOT_TRACKED));
          scene.etrack(enclave);
          Scene.leave(scene.cpu(0));
          enclave.enter(0);
          EinitRules.require(call, Expect.ok());
        })
        .effect("PENDING-cleared", "The page can be used.", scene -> {
          Call call = eacceptCall(scene);
          EinitRules.require(call, Expect.ok());
          Access.allowed(scene, call.enclave, Enclave.FREE, Access.WRITE);
          Access.allowed(scene, call.enclave, Enclave.FREE, Access.READ);
          Access.refused(scene, call.enclave, Enclave.FREE, Access.EXECUTE);
        })
        .effect("EPCM", "PENDING, MODIFIED and PR are clear.", Needs::rdinfo, scene -> {
          Call call = eacceptCall(scene);
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", Building.RW, scene.epcm(call.enclave.page(Enclave.FREE)));
        })
        .effect("twice", "What is accepted cannot be accepted again.", scene -> {
          Call call = eacceptCall(scene);
          EinitRules.require(call, Expect.ok());
          EinitRules.require(again(scene, call.enclave, Enclave.FREE, Building.RW | 8), MISMATCH);
        })
        .effect("TCS-reserved", "A page whose reserved bytes are not zero cannot become a TCS.", scene ->
            badTcs(scene, 80, 1))
        .effect("TCS-DBGOPTIN", "A page with FLAGS.DBGOPTIN cannot become a TCS.", scene -> badTcs(scene, 8, 1))
        .effect("TCS-CSSA", "A page with CSSA not less than NSSA cannot become a TCS.", scene ->
            badTcs(scene, 24, 2 | 2L << 32))
        .effect("TCS-AEP", "A page with an AEP cannot become a TCS.", scene -> badTcs(scene, 40, 8))
        .effect("TCS-STATE", "A page with a state cannot become a TCS.", scene -> badTcs(scene, 0, 1))
        .never("TCS-limits-32", Kind.FAULT, "Without MODE64BIT, FSLIMIT and GSLIMIT end in FFFH.",
            "the machine runs in 64-bit mode only")
        .rules(Expect.ok());
  }

  private static Call again(Scene scene, Enclave enclave, long offset, long flags) {
    Call call = new Call(scene, Call.Instruction.ENCLU, 5, enclave);
    call.rbx = enclave.at(SECINFO);
    call.secinfoAt = enclave.at(SECINFO);
    call.secinfoFlags = flags;
    call.rcx = enclave.at(offset);
    return call;
  }

  private static void badTcs(Scene scene, int offset, long value) {
    Enclave enclave = scene.inside();
    byte[] tcs = Arrays.copyOf(new Spec().tcs(1), 128);
    Scene.u64(tcs, offset, value);
    scene.poke(enclave, enclave.at(Enclave.DATA), tcs);
    scene.emodt(enclave, Enclave.DATA, 1);
    scene.cpu(0).interrupt();
    scene.etrack(enclave);
    enclave.enter(0);
    EinitRules.require(again(scene, enclave, Enclave.DATA, 1 << 8 | 16), Expect.gp());
  }

  private static Call emodpeCall(Scene scene) {
    Call call = inside(scene, 6, Building.RW);
    call.rcx = call.enclave.at(Enclave.READ_ONLY);
    return call;
  }

  private static List<Rule> emodpe() {
    LeafTable table = LeafTable.with("EMODPE", Features.SGX2, "SGX2", UserRules::emodpeCall);
    secinfo(table)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 64))
        .spoil("RCX-outside-ELRANGE", Expect.gp(), "rcx", "The page is in the ELRANGE.",
            c -> c.rcx = c.enclave.at(Enclave.SIZE));
    return secinfoPage(table)
        .spoil("RCX-pending", Expect.pfRcx(), "rcx rcx-low", "The page is not PENDING.", c -> c.last(x -> {
          x.scene.eaug(x.enclave, Enclave.FREE);
          x.rcx = x.enclave.at(Enclave.FREE);
        }))
        .spoil("RCX-modified", Expect.pfRcx(), "rcx", "The page is not MODIFIED.",
            c -> c.last(x -> x.scene.emodt(x.enclave, Enclave.READ_ONLY, 4)))
        .spoil("RCX-blocked", Expect.pfRcx(), "rcx", "The page is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.READ_ONLY)))
        .spoil("RCX-a-TCS", Expect.pfRcx(), "rcx", "The page is PT_REG.", c -> c.rcx = c.enclave.at(Enclave.TCS2))
        .conflict("RCX-changing", Expect.gp(), "rcx", "No other leaf of SGX2 is at work on the page.", Hold.CHANGE,
            c -> c.enclave.page(Enclave.READ_ONLY))
        .effect("W-without-R", "W needs R, of the page or of SECINFO: #GP(0).", scene -> {
          Call call = emodpeCall(scene);
          scene.emodpr(call.enclave, Enclave.READ_ONLY, 0);
          call.secinfoFlags = 2 | 2 << 8;
          EinitRules.require(call, Expect.gp());
        })
        .effect("no-page", "There is a page, else #PF.", scene -> {
          Call call = emodpeCall(scene);
          call.rcx = call.enclave.at(Enclave.FREE2);
          EinitRules.require(call, Expect.pfRcx());
        })
        .effect("extended", "The page has what it had and what was asked for.", scene -> {
          Call call = emodpeCall(scene);
          EinitRules.require(call, Expect.untouched());
          Access.allowed(scene, call.enclave, Enclave.READ_ONLY, Access.WRITE);
          Access.allowed(scene, call.enclave, Enclave.READ_ONLY, Access.READ);
          Access.refused(scene, call.enclave, Enclave.READ_ONLY, Access.EXECUTE);
        })
        .effect("X-extended", "X can be had.", scene -> {
          Call call = emodpeCall(scene);
          call.rcx = call.enclave.at(Enclave.DATA);
          byte[] back = Arrays.copyOf(Probe.comeBack(), 8);
          scene.poke(call.enclave, call.rcx, back);
          call.secinfoFlags = Building.RX;
          EinitRules.require(call, Expect.untouched());
          Access.allowed(scene, call.enclave, Enclave.DATA, Access.EXECUTE);
        })
        .effect("EPCM", "The EPCM shows it; nothing waits for EACCEPT.", Needs::rdinfo, scene -> {
          Call call = emodpeCall(scene);
          EinitRules.require(call, Expect.untouched());
          Scene.equal("RDINFO.FLAGS", Building.RW, scene.epcm(call.enclave.page(Enclave.READ_ONLY)));
        })
        .effect("after-EMODPR", "What EMODPR took can be had back by EMODPE before EACCEPT.", scene -> {
          Call call = emodpeCall(scene);
          scene.emodpr(call.enclave, Enclave.DATA, 1);
          call.rcx = call.enclave.at(Enclave.DATA);
          EinitRules.require(call, Expect.untouched());
          Access.allowed(scene, call.enclave, Enclave.DATA, Access.WRITE);
        })
        .rules(Expect.untouched());
  }

  private static Call copyCall(Scene scene) {
    Call call = inside(scene, 7, Building.R);
    call.first(c -> c.scene.eaug(c.enclave, Enclave.FREE));
    call.rcx = call.enclave.at(Enclave.FREE);
    call.rdx = call.enclave.at(Enclave.DATA);
    return call;
  }

  private static List<Rule> eacceptcopy() {
    LeafTable table = LeafTable.with("EACCEPTCOPY", Features.SGX2, "SGX2", UserRules::copyCall);
    secinfo(table)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The destination is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 64))
        .spoil("RDX-misaligned", Expect.gp(), "rdx-low", "The source is aligned to 4096 bytes.",
            c -> c.low(x -> x.rdx += 64))
        .spoil("RCX-outside-ELRANGE", Expect.gp(), "rcx", "The destination is in the ELRANGE.",
            c -> c.rcx = c.enclave.at(Enclave.SIZE))
        .spoil("RDX-outside-ELRANGE", Expect.gp(), "rdx", "The source is in the ELRANGE.",
            c -> c.rdx = c.enclave.block(4));
    return secinfoPage(table)
        .spoil("W-without-R", Expect.gp(), "secinfo", "W needs R.", c -> c.secinfoFlags = 2 | 2 << 8)
        .spoil("PT-TCS", Expect.gp(), "secinfo", "PT is PT_REG.", c -> c.secinfoFlags = 1 << 8)
        .spoil("RDX-no-page", Expect.pfRdx(), "rdx secinfo rbx rbx-page", "There is a source.",
            c -> c.rdx = c.enclave.at(Enclave.FREE2))
        .spoil("RDX-a-TCS", Expect.pfRdx(), "rdx", "The source is PT_REG.", c -> c.rdx = c.enclave.at(Enclave.TCS2))
        .spoil("RDX-blocked", Expect.pfRdx(), "rdx", "The source is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.DATA)))
        .spoil("RDX-not-readable", Expect.pfRdx(), "rdx", "The source can be read.",
            c -> c.last(x -> x.scene.emodpr(x.enclave, Enclave.DATA, 0)))
        .spoil("RDX-modified", Expect.pfRdx(), "rdx", "The source is not MODIFIED.",
            c -> c.last(x -> x.scene.emodt(x.enclave, Enclave.DATA, 4)))
        .spoil("RCX-not-pending", MISMATCH, "rcx", "The destination is PENDING.",
            c -> c.rcx = c.enclave.at(Enclave.READ_ONLY))
        .spoil("RCX-a-TCS", MISMATCH, "rcx", "The destination is PT_REG.", c -> c.rcx = c.enclave.at(Enclave.TCS2))
        .spoil("RCX-blocked", MISMATCH, "rcx", "The destination is not blocked.",
            c -> c.last(x -> x.scene.eblock(x.enclave, Enclave.FREE)))
        .conflict("RCX-changing", Expect.gp(), "rcx", "No other leaf of SGX2 is at work on the destination.",
            Hold.CHANGE, c -> c.enclave.page(Enclave.FREE))
        .effect("copied", "The destination has the source's bytes and SECINFO's permissions.", scene -> {
          Call call = copyCall(scene);
          byte[] values = new byte[128];
          new Random(5).nextBytes(values);
          scene.poke(call.enclave, call.rdx, values);
          EinitRules.require(call, Expect.ok());
          for (int i = 0; i < 128; i += 8) {
            Scene.equal("byte " + i, Scene.u64(values, i), scene.peek(call.rcx + i));
          }
          Scene.equal("the last word", 0, scene.peek(call.rcx + PAGE - 8));
          Access.refused(scene, call.enclave, Enclave.FREE, Access.WRITE);
        })
        .effect("EPCM", "PENDING is clear.", Needs::rdinfo, scene -> {
          Call call = copyCall(scene);
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", Building.R, scene.epcm(call.enclave.page(Enclave.FREE)));
        })
        .rules(Expect.ok());
  }
}
