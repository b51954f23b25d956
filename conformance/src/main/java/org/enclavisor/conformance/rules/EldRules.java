package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.SgxError;

/** ELDB, ELDU, ELDBC and ELDUC (SDM 3D, “ELDB/ELDU/ELDBC/ELDUC—Load an EPC Page and Mark its State”). */
final class EldRules {
  private static final Expect MAC = Expect.zf(SgxError.SGX_MAC_COMPARE_FAIL);
  private static final int PAGE = 4096;

  private EldRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(one("ELDB", 7, true, false));
    rules.addAll(one("ELDU", 8, false, false));
    rules.addAll(one("ELDBC", 0x12, true, true));
    rules.addAll(one("ELDUC", 0x13, false, true));
    return rules;
  }

  private static Call call(Scene scene, int leaf) {
    Enclave enclave = scene.enclave();
    long slot = scene.versionArray() + 24;
    scene.evict(enclave, Enclave.DATA, slot);
    Call call = Call.encls(scene, leaf, enclave);
    call.pageinfo = true;
    call.pcmd = scene.read(scene.memory.pcmd, 128);
    call.source = scene.read(scene.memory.evicted, PAGE);
    call.rbx = scene.memory.pageinfo;
    call.rcx = enclave.newPage(Enclave.DATA);
    call.rdx = slot;
    call.srcPge = scene.memory.evicted;
    call.secinfo = scene.memory.pcmd;
    call.linAddr = enclave.at(Enclave.DATA);
    call.secs = enclave.secs;
    call.secinfoElsewhere = true;
    call.last(c -> c.scene.writeIfMapped(c.secinfo, c.pcmd));
    return call;
  }

  private static List<Rule> one(String name, int leaf, boolean blocked, boolean conflict) {
    Expect busy = conflict ? Expect.zf(SgxError.SGX_EPC_PAGE_CONFLICT) : Expect.gp();
    LeafTable table =
        conflict
            ? LeafTable.with(name, Features.OVERSUBSCRIPTION, name, scene -> call(scene, leaf))
            : LeafTable.of(name, scene -> call(scene, leaf));
    return table
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "PAGEINFO is aligned to 32 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The destination is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The destination is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RDX-misaligned", Expect.gp(), "rdx-low", "The slot is aligned to 8 bytes.",
            c -> c.low(x -> x.rdx += 4))
        .spoil("RDX-not-EPC", Expect.pfRdx(), "rdx", "The slot is in the EPC.", c -> c.rdx = Scene.NOWHERE)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx), "rbx srcpge pcmd secs mac secs-low",
            "PAGEINFO can be read.", c -> c.rbx = Scene.NOWHERE)
        .spoil("PCMD-misaligned", Expect.gp(), "pcmd", "PCMD is aligned to 128 bytes.", c -> c.secinfo += 64)
        .spoil("SRCPGE-misaligned", Expect.gp(), "srcpge", "SRCPGE is aligned to 4096 bytes.", c -> c.srcPge += 128)
        .conflict("RCX-in-use", busy, "rcx", "No other leaf uses the destination.", Hold.SHARED, c -> c.rcx)
        .conflict("VA-in-use", busy, "rdx", "No other leaf has the version array to itself.", Hold.EXCLUSIVE,
            c -> c.rdx)
        .spoil("RCX-valid", Expect.pfRcx(), "rcx", "The destination is not valid.",
            c -> c.rcx = c.enclave.page(Enclave.DATA2))
        .spoil("RDX-not-valid", Expect.pfRdx(), "rdx mac", "The version array is valid.",
            c -> c.rdx = c.scene.loosePage())
        .spoil("RDX-not-a-VA", Expect.pfRdx(), "rdx mac", "The slot is in a version array.",
            c -> c.rdx = c.enclave.page(Enclave.READ_ONLY))
        .spoil("PCMD-not-mapped", Expect.notMapped("PCMD", c -> c.secinfo), "pcmd mac", "PCMD can be read.",
            c -> c.secinfo = Scene.NOWHERE)
        .spoil("SECS-misaligned", Expect.gp(), "secs-low", "PAGEINFO.SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.secs += 8))
        .spoil("SECS-not-EPC", Expect.pfSecs(), "secs", "PAGEINFO.SECS is in the EPC.", c -> c.secs = Scene.NOWHERE)
        .conflict("SECS-in-use", busy, "secs", "No other leaf has the SECS to itself.", Hold.EXCLUSIVE, c -> c.secs)
        .spoil("SECS-not-a-SECS", Expect.pfSecs(), "secs", "PAGEINFO.SECS is PT_SECS.",
            c -> c.first(x -> x.secs = x.scene.versionArray()))
        .spoil("SECS-not-valid", Expect.pfSecs(), "secs", "PAGEINFO.SECS is valid.",
            c -> c.secs = c.scene.loosePage())
        .spoil("SRCPGE-not-mapped", Expect.notMapped("SRCPGE", c -> c.srcPge), "srcpge mac",
            "The stored page can be read.", c -> c.srcPge = Scene.NOWHERE)
        .spoil("ciphertext-bit", MAC, "mac srcpge", "The stored page is what EWB wrote.", c -> c.source[100] ^= 4)
        .spoil("ciphertext-last-bit", MAC, "mac srcpge", "So is its last byte.", c -> c.source[4095] ^= (byte) 0x80)
        .spoil("PCMD.MAC-bit", MAC, "mac pcmd", "PCMD.MAC is what EWB wrote.", c -> c.pcmd[112] ^= 1)
        .spoil("PCMD.MAC-last-bit", MAC, "mac pcmd", "So is its last byte.", c -> c.pcmd[127] ^= 1)
        .spoil("PCMD.permissions", MAC, "mac pcmd", "PCMD.SECINFO has the page's permissions.", c -> c.pcmd[0] ^= 4)
        .spoil("PCMD.type", MAC, "mac pcmd", "PCMD.SECINFO has the page's type.", c -> c.pcmd[1] = 4)
        .spoil("PCMD.reserved", MAC, "mac pcmd", "PCMD's reserved bytes are zero.", c -> c.pcmd[80] = 1)
        .spoil("SECINFO.reserved", MAC, "mac pcmd", "PCMD.SECINFO's reserved bytes are zero.", c -> c.pcmd[30] = 1)
        .spoil("LINADDR-other", MAC, "mac pi", "The page goes where it was.", c -> c.linAddr += PAGE)
        .spoil("slot-empty", MAC, "mac rdx", "The slot holds the version of the eviction.", c -> c.rdx += 8)
        .spoil("slot-of-another-page", MAC, "mac rdx rcx", "The slot is not that of another page.",
            c -> c.first(x -> {
              x.scene.eblock(x.enclave, Enclave.DATA2);
              x.scene.etrack(x.enclave);
              Scene.done("EWB", x.scene.ewb(
                  x.enclave.page(Enclave.DATA2), x.rdx + 8, x.scene.memory.evicted2, x.scene.memory.pcmd2));
              x.rdx += 8;
            }))
        .effect("replayed", "A page that was loaded cannot be loaded again.", scene -> {
          Call call = call(scene, leaf);
          EinitRules.require(call, Expect.ok());
          Scene.done("EREMOVE", scene.machine.encls(3, 0, call.rcx, 0));
          EinitRules.require(call, MAC);
        })
        .effect("rolled-back", "An older copy of a page cannot be loaded instead of the newer one.", scene -> {
          Call call = call(scene, leaf);
          byte[] oldPage = call.source.clone();
          byte[] oldPcmd = call.pcmd.clone();
          EinitRules.require(call, Expect.ok());
          call.enclave.pages.put(Enclave.DATA, call.rcx);
          if (!blocked) {
            scene.eblock(call.enclave, Enclave.DATA);
          }
          scene.etrack(call.enclave);
          Scene.done("EWB", scene.ewb(call.rcx, call.rdx));
          call.source = oldPage;
          call.pcmd = oldPcmd;
          EinitRules.require(call, MAC);
        })
        .effect("another-enclave", "A page of one enclave cannot be loaded into another.", scene -> {
          Call call = call(scene, leaf);
          Enclave other = scene.enclave();
          Scene.done("EREMOVE", scene.machine.encls(3, 0, other.page(Enclave.DATA), 0));
          call.rcx = other.newPage(Enclave.DATA);
          call.linAddr = other.at(Enclave.DATA);
          call.secs = other.secs;
          EinitRules.require(call, MAC);
        })
        .effect("successor", "A page of an enclave that is gone cannot be loaded into one in the same place.",
            scene -> {
          Call call = call(scene, leaf);
          Enclave gone = call.enclave;
          gone.pages.values().forEach(page -> Scene.done("EREMOVE", scene.machine.encls(3, 0, page, 0)));
          Scene.done("EREMOVE", scene.machine.encls(3, 0, gone.secs, 0));
          Enclave other = scene.enclave(spec -> spec.base = gone.base());
          Scene.done("EREMOVE", scene.machine.encls(3, 0, other.page(Enclave.DATA), 0));
          call.rcx = other.newPage(Enclave.DATA);
          call.secs = other.secs;
          EinitRules.require(call, MAC);
        })
        .effect("EPCM", "Type and permissions are as before; BLOCKED is " + blocked + ".", Needs::rdinfo, scene -> {
          Call call = call(scene, leaf);
          EinitRules.require(call, Expect.ok());
          Scene.equal("RDINFO.FLAGS", Building.RW | (blocked ? Scene.BLOCKED : 0), scene.epcm(call.rcx));
        })
        .effect("slot-freed", "The slot is empty afterwards.", scene -> {
          Call call = call(scene, leaf);
          EinitRules.require(call, Expect.ok());
          LeafResult slot = scene.machine.encls(4, 0, call.rdx, 0);
          Scene.require(slot instanceof LeafResult.Done d && d.rbx() == 0, "found " + slot);
        })
        .effect("content", "The content is as before.", scene -> content(scene, leaf, blocked))
        .effect("TCS", "A thread that was interrupted can be resumed after its TCS was evicted and loaded.",
            scene -> tcs(scene, leaf, blocked))
        .effect("VA", "A version array that was loaded again serves as before.", scene -> {
          Call call = call(scene, leaf);
          long outer = scene.versionArray();
          long va = call.rdx & -PAGE;
          Scene.done("EWB", scene.ewb(va, outer, scene.memory.evicted2, scene.memory.pcmd2));
          scene.machine.write(
              scene.memory.prepPageinfo,
              new Pageinfo(0, scene.memory.evicted2, scene.memory.pcmd2, 0).toBytes());
          Scene.done(name, scene.machine.encls(leaf, scene.memory.prepPageinfo, va, outer));
          EinitRules.require(call, Expect.ok());
        })
        .effect("PENDING", "A page that waits for EACCEPT waits for it afterwards.", Needs::sgx2andRdinfo, scene -> {
          Enclave enclave = scene.enclave();
          long va = scene.versionArray();
          scene.eaug(enclave, Enclave.FREE);
          scene.evict(enclave, Enclave.FREE, va);
          Scene.done(name, scene.eld(leaf, enclave, Enclave.FREE, va));
          Scene.equal("RDINFO.FLAGS", Building.RW | 8 | (blocked ? Scene.BLOCKED : 0),
              scene.epcm(enclave.page(Enclave.FREE)));
        })
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.",
            "no VMX non-root operation")
        .rules(Expect.ok());
  }

  private static void content(Scene scene, int leaf, boolean blocked) {
    Enclave enclave = scene.inside();
    byte[] values = new byte[64];
    new Random(3).nextBytes(values);
    scene.poke(enclave, enclave.at(Enclave.DATA), values);
    Scene.leave(scene.cpu(0));
    long slot = scene.versionArray();
    scene.evict(enclave, Enclave.DATA, slot);
    Scene.done("ELD", scene.eld(leaf, enclave, Enclave.DATA, slot));
    if (blocked) {
      scene.etrack(enclave);
      Scene.done("EWB", scene.ewb(enclave.page(Enclave.DATA), slot));
      Scene.done("ELDU", scene.eld(8, enclave, Enclave.DATA, slot));
    }
    enclave.enter(0);
    for (int i = 0; i < 64; i += 8) {
      Scene.equal("content at " + i, Scene.u64(values, i), scene.peek(enclave.at(Enclave.DATA) + i));
    }
  }

  private static void tcs(Scene scene, int leaf, boolean blocked) {
    Enclave enclave = scene.inside();
    scene.cpu(0).interrupt();
    long slot = scene.versionArray();
    scene.evict(enclave, Enclave.TCS, slot);
    Scene.done("ELD", scene.eld(leaf, enclave, Enclave.TCS, slot));
    if (blocked) {
      scene.etrack(enclave);
      Scene.done("EWB", scene.ewb(enclave.page(Enclave.TCS), slot));
      Scene.done("ELDU", scene.eld(8, enclave, Enclave.TCS, slot));
    }
    LogicalProcessor.Event event = scene.cpu(0).enter(
        3, enclave.at(Enclave.TCS), Scene.AEP, enclave.block(0), Scene.host(enclave, 0));
    Scene.require(event instanceof LogicalProcessor.Inside, "ERESUME: " + event);
  }
}
