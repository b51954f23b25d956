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
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.SgxError;

/** ECREATE, EADD, EEXTEND and EREMOVE (SDM 3D, the leaves' pages). */
final class BuildRules {
  private static final int PAGE = 4096;
  private static final String NOT_64 = "the machine runs in 64-bit mode only";
  private static final String VMX = "no VMX non-root operation";

  private BuildRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(ecreate());
    rules.addAll(eadd());
    rules.addAll(eextend());
    rules.addAll(eremove());
    return rules;
  }

  private static void put(Call call, int offset, long value) {
    Scene.u64(call.source, offset, value);
  }

  private static void or(Call call, int offset, long bits) {
    Scene.u64(call.source, offset, Scene.u64(call.source, offset) | bits);
  }

  private static Call ecreateCall(Scene scene) {
    Call call = Call.encls(scene, 0, Enclave.none(scene));
    call.pageinfo = true;
    call.rbx = scene.memory.pageinfo;
    call.rcx = scene.loosePage();
    call.srcPge = scene.memory.source;
    call.secinfo = scene.memory.secinfo;
    call.source = new Spec().secs(scene.machine.elrange(Enclave.SIZE)).toBytes();
    return call;
  }

  private static List<Rule> ecreate() {
    return LeafTable.of("ECREATE", BuildRules::ecreateCall)
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "PAGEINFO is aligned to 32 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The SECS page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 256))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The destination is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx),
            "rbx srcpge secinfo-ptr secinfo pi source", "PAGEINFO can be read.", c -> c.rbx = Scene.NOWHERE)
        .spoil("SRCPGE-misaligned", Expect.gp(), "srcpge", "PAGEINFO.SRCPGE is aligned to 4096 bytes.",
            c -> c.srcPge += 64)
        .spoil("SECINFO-misaligned", Expect.gp(), "secinfo-ptr", "PAGEINFO.SECINFO is aligned to 64 bytes.",
            c -> c.secinfo += 8)
        .spoil("LINADDR-not-zero", Expect.gp(), "pi-linaddr pi", "PAGEINFO.LINADDR is zero.", c -> c.linAddr = PAGE)
        .spoil("PAGEINFO.SECS-not-zero", Expect.gp(), "pi-secs pi", "PAGEINFO.SECS is zero.", c -> c.secs = c.rcx)
        .spoil("SECINFO-not-mapped", Expect.notMapped("SECINFO", c -> c.secinfo), "secinfo-ptr secinfo",
            "SECINFO can be read.", c -> c.secinfo = Scene.NOWHERE)
        .spoil("SECINFO-reserved-flag", Expect.gp(), "secinfo", "SECINFO's reserved flags are clear.",
            c -> c.secinfoFlags |= 1L << 40)
        .spoil("SECINFO-reserved-byte", Expect.gp(), "secinfo", "SECINFO's reserved bytes are zero.",
            c -> c.secinfoReserved = 1)
        .spoil("SECINFO.PT-not-SECS", Expect.gp(), "secinfo", "SECINFO.FLAGS.PT is PT_SECS.",
            c -> c.secinfoFlags |= 2 << 8)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf uses the destination.", Hold.SHARED, c -> c.rcx)
        .spoil("RCX-valid", Expect.pfRcx(), "rcx", "The destination is not valid.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("SRCPGE-not-mapped", Expect.notMapped("SRCPGE", c -> c.srcPge), "srcpge source",
            "The source page can be read.", c -> c.srcPge = Scene.NOWHERE)
        .spoil("XFRM-without-legacy", Expect.gp(), "source", "XFRM has bits 0 and 1.", c -> put(c, 56, 1))
        .spoil("XFRM-illegal", Expect.gp(), "source", "XFRM is a legal subset of XCR0.", c -> or(c, 56, 1L << 62))
        .spoil("XFRM-inconsistent", Expect.gp(), "source", "XFRM is a value that XCR0 could have.",
            c -> put(c, 56, 3 | 1L << 3))
        .spoil("MISCSELECT-unsupported", Expect.gp(), "source", "MISCSELECT has supported bits only.",
            c -> or(c, 16, 1L << 63))
        .spoil("SSAFRAMESIZE-too-small", Expect.gp(), "source", "An SSA frame holds all that XFRM and MISCSELECT ask.",
            c -> put(c, 16, 0))
        .spoil("BASEADDR-not-canonical", Expect.gp(), "source", "BASEADDR is canonical.", c -> put(c, 8, 1L << 60))
        .spoil("SIZE-too-large", Expect.gp(), "source", "SIZE is less than the processor's maximum.",
            c -> put(c, 0, 1L << c.scene.machine.features().sizeBits64()))
        .spoil("SIZE-too-small", Expect.gp(), "source", "SIZE is at least two pages.", c -> put(c, 0, PAGE))
        .spoil("SIZE-no-power-of-two", Expect.gp(), "source", "SIZE is a power of two.", c -> put(c, 0, 3 * PAGE))
        .spoil("BASEADDR-misaligned", Expect.gp(), "source", "BASEADDR is aligned to SIZE.",
            c -> put(c, 8, Scene.u64(c.source, 8) + PAGE))
        .spoil("ATTRIBUTES-INIT", Expect.gp(), "source", "ATTRIBUTES.INIT is clear.", c -> or(c, 48, 1))
        .spoil("ATTRIBUTES-reserved", Expect.gp(), "source", "ATTRIBUTES has supported bits only.",
            c -> or(c, 48, 1L << 40))
        .spoil("SECS-reserved-36", Expect.gp(), "source", "SECS bytes 33 to 47 are zero.", c -> c.source[36] = 1)
        .spoil("SECS-reserved-300", Expect.gp(), "source", "SECS bytes from 262 on are zero.", c -> c.source[300] = 1)
        .spoil("SECS-reserved-end", Expect.gp(), "source", "The last bytes of the SECS are zero.",
            c -> c.source[4095] = 1)
        .spoil("CET-fields-without-CET", Expect.gp(), "source", "Without CET its fields are zero.",
            f -> f.attribute(Attributes.CET) ? "the processor has CET" : null, c -> put(c, 24, PAGE))
        .spoil("CONFIGID-without-KSS", Expect.gp(), "source", "CONFIGID is zero without KSS.", c -> c.source[192] = 1)
        .spoil("CONFIGSVN-without-KSS", Expect.gp(), "source", "CONFIGSVN is zero without KSS.", c -> c.source[260] = 1)
        .never("BASEADDR-32", Kind.FAULT, "Without MODE64BIT, BASEADDR is below 4 GiB.", NOT_64)
        .never("SIZE-32", Kind.FAULT, "Without MODE64BIT, SIZE is less than the 32-bit maximum.", NOT_64)
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("EPCM", "The page is PT_SECS, without access and without marks.", Needs::rdinfo, scene -> {
          Call call = ecreateCall(scene);
          call.perform();
          Scene.equal("RDINFO.FLAGS", 0, scene.epcm(call.rcx));
        })
        .effect("RDINFO", "ENCLAVECONTEXT is the page's address and no child is present.", Needs::rdinfo, scene -> {
          Call call = ecreateCall(scene);
          call.perform();
          scene.epcm(call.rcx);
          byte[] info = scene.read(scene.memory.rdinfo, 32);
          Scene.equal("STATUS", 0, Scene.u64(info, 0));
          Scene.equal("ENCLAVECONTEXT", call.rcx, Scene.u64(info, 16));
        })
        .effect("nothing-on-fault", "A leaf that faults leaves the page empty.", scene -> {
          Call call = ecreateCall(scene);
          put(call, 0, PAGE);
          call.perform();
          call.source = new Spec().secs(scene.machine.elrange(Enclave.SIZE)).toBytes();
          Scene.require(call.perform() instanceof LeafResult.Done, "the page cannot be used any more");
        })
        .rules(Expect.done());
  }

  private static Call eaddCall(Scene scene) {
    Enclave enclave = scene.enclave(Spec::building);
    Call call = Call.encls(scene, 1, enclave);
    call.pageinfo = true;
    call.rbx = scene.memory.pageinfo;
    call.rcx = enclave.newPage(Enclave.FREE);
    call.linAddr = enclave.at(Enclave.FREE);
    call.srcPge = scene.memory.source;
    call.secinfo = scene.memory.secinfo;
    call.secs = enclave.secs;
    call.secinfoFlags = Building.RW;
    call.source = new byte[PAGE];
    return call;
  }

  private static void asTcs(Call call) {
    call.secinfoFlags = Building.TCS;
    call.source = new Spec().tcs(0);
  }

  private static void initialise(Call call) {
    Spec spec = new Spec();
    call.first(c -> Scene.done("EINIT", Building.einit(c.scene, c.enclave, Building.sign(spec, c.enclave))));
  }

  private static List<Rule> eadd() {
    return LeafTable.of("EADD", BuildRules::eaddCall)
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "PAGEINFO is aligned to 32 bytes.", c -> c.rbx += 8)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The destination is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The destination is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx),
            "rbx srcpge secinfo-ptr secinfo pi source linaddr secs", "PAGEINFO can be read.",
            c -> c.rbx = Scene.NOWHERE)
        .spoil("SRCPGE-misaligned", Expect.gp(), "srcpge", "PAGEINFO.SRCPGE is aligned to 4096 bytes.",
            c -> c.srcPge += 64)
        .spoil("SECS-misaligned", Expect.gp(), "secs-low", "PAGEINFO.SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.secs += 64))
        .spoil("SECINFO-misaligned", Expect.gp(), "secinfo-ptr", "PAGEINFO.SECINFO is aligned to 64 bytes.",
            c -> c.secinfo += 8)
        .spoil("LINADDR-misaligned", Expect.gp(), "linaddr-low", "PAGEINFO.LINADDR is aligned to 4096 bytes.",
            c -> c.low(x -> x.linAddr += 8))
        .spoil("SECS-not-EPC", Expect.pfSecs(), "secs", "PAGEINFO.SECS is in the EPC.", c -> c.secs = Scene.NOWHERE)
        .spoil("SECINFO-not-mapped", Expect.notMapped("SECINFO", c -> c.secinfo), "secinfo-ptr secinfo",
            "SECINFO can be read.", c -> c.secinfo = Scene.NOWHERE)
        .spoil("SECINFO-reserved-flag", Expect.gp(), "secinfo", "SECINFO's reserved flags are clear.",
            c -> c.secinfoFlags |= 1L << 20)
        .spoil("SECINFO-reserved-byte", Expect.gp(), "secinfo", "SECINFO's reserved bytes are zero.",
            c -> c.secinfoReserved = 0x80)
        .spoil("SECINFO-PENDING", Expect.gp(), "secinfo", "SECINFO.FLAGS.PENDING is clear.",
            c -> c.secinfoFlags |= 8)
        .spoil("PT-SECS", Expect.gp(), "secinfo", "A SECS cannot be added.", c -> c.secinfoFlags &= 0xff)
        .spoil("PT-VA", Expect.gp(), "secinfo", "A version array cannot be added.", c -> c.secinfoFlags |= 1 << 8)
        .spoil("PT-TRIM", Expect.gp(), "secinfo", "A trimmed page cannot be added.",
            c -> c.secinfoFlags = c.secinfoFlags & 0xff | 4 << 8)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf uses the destination.", Hold.SHARED, c -> c.rcx)
        .spoil("RCX-valid", Expect.pfRcx(), "rcx state", "The destination is not valid.",
            c -> c.first(x -> {
              Scene.done("EADD", x.scene.eadd(x.enclave, Enclave.FREE, Building.RW, new byte[0]));
              x.rcx = x.enclave.page(Enclave.FREE);
            }))
        .conflict("SECS-in-use", Expect.gp(), "secs", "No other leaf has the SECS to itself.", Hold.EXCLUSIVE,
            c -> c.secs)
        .spoil("SECS-not-a-SECS", Expect.pfSecs(), "secs", "PAGEINFO.SECS is PT_SECS.",
            c -> c.first(x -> x.secs = x.scene.versionArray()))
        .spoil("SECS-a-regular-page", Expect.pfSecs(), "secs", "PAGEINFO.SECS is no page of an enclave.",
            c -> c.secs = c.enclave.page(Enclave.DATA))
        .spoil("SECS-not-valid", Expect.pfSecs(), "secs", "PAGEINFO.SECS is valid.",
            c -> c.secs = c.scene.loosePage())
        .spoil("SRCPGE-not-mapped", Expect.notMapped("SRCPGE", c -> c.srcPge), "srcpge source",
            "The source page can be read.", c -> c.srcPge = Scene.NOWHERE)
        .spoil("TCS-reserved-72", Expect.gp(), "secinfo source", "A TCS's reserved bytes are zero.", c -> {
          asTcs(c);
          c.source[72] = 1;
        })
        .spoil("TCS-reserved-end", Expect.gp(), "secinfo source", "A TCS's last bytes are zero.", c -> {
          asTcs(c);
          c.source[4095] = 1;
        })
        .spoil("W-without-R", Expect.gp(), "secinfo", "A page that can be written can be read.",
            c -> c.secinfoFlags &= ~1L)
        .spoil("LINADDR-below", Expect.gp(), "linaddr", "LINADDR is not below the ELRANGE.",
            c -> c.linAddr = c.enclave.base() - PAGE)
        .spoil("LINADDR-above", Expect.gp(), "linaddr", "LINADDR is not above the ELRANGE.",
            c -> c.linAddr = c.enclave.at(Enclave.SIZE))
        .conflict("SECS-measuring", Expect.gp(), "secs", "No EADD, EEXTEND or EINIT is at work on the SECS.",
            Hold.MEASURE, c -> c.secs)
        .spoil("initialised", Expect.gp(), "state", "The enclave is not initialised.", BuildRules::initialise)
        .never("TCS-limits-32", Kind.FAULT, "Without MODE64BIT, FSLIMIT and GSLIMIT end in FFFH.", NOT_64)
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("EPCM-REG", "The EPCM has SECINFO's type and permissions, and no marks.", Needs::rdinfo, scene -> {
          for (long flags : new long[] {Building.R, Building.RW, Building.RX, Building.RWX, 2 << 8}) {
            Call call = eaddCall(scene);
            call.secinfoFlags = flags;
            call.perform();
            Scene.equal("RDINFO.FLAGS", flags, scene.epcm(call.rcx));
          }
        })
        .effect("EPCM-TCS", "A TCS has no permissions, whatever SECINFO says.", Needs::rdinfo, scene -> {
          Call call = eaddCall(scene);
          asTcs(call);
          call.secinfoFlags |= 7;
          call.perform();
          Scene.equal("RDINFO.FLAGS", 1 << 8, scene.epcm(call.rcx));
        })
        .effect("content", "The page holds the source's bytes.", scene -> {
          Enclave enclave = scene.enclave(s -> s.debug().building());
          byte[] page = new byte[PAGE];
          new Random(1).nextBytes(page);
          Scene.done("EADD", scene.eadd(enclave, Enclave.FREE, Building.R, page));
          for (int offset = 0; offset < PAGE; offset += 504) {
            LeafResult result = scene.machine.encls(4, 0, enclave.page(Enclave.FREE) + offset, 0);
            Scene.require(
                result instanceof LeafResult.Done d && d.rbx() == Scene.u64(page, offset), "byte " + offset);
          }
        })
        .effect("TCS-forced", "DBGOPTIN, CSSA and AEP of a TCS become zero.", scene -> {
          Enclave enclave = scene.enclave(s -> s.debug().building());
          byte[] tcs = new Spec().tcs(0);
          tcs[8] = 1;
          tcs[24] = 1;
          tcs[40] = 1;
          Scene.done("EADD", scene.eadd(enclave, Enclave.FREE, Building.TCS, tcs));
          long[] values = {0, Scene.u64(new Spec().tcs(0), 24), 0};
          int[] offsets = {8, 24, 40};
          for (int i = 0; i < 3; i++) {
            LeafResult result = scene.machine.encls(4, 0, enclave.page(Enclave.FREE) + offsets[i], 0);
            Scene.require(
                result instanceof LeafResult.Done d && d.rbx() == values[i], "offset " + offsets[i] + ": " + result);
          }
        })
        .effect("measurement", "MRENCLAVE covers offset and SECINFO: another order is another enclave.", scene -> {
          Enclave enclave = scene.enclave(Spec::building);
          Scene.done("EADD", scene.eadd(enclave, Enclave.FREE, Building.RW, new byte[0]));
          LeafResult result = Building.einit(scene, enclave, Building.sign(new Spec(), enclave));
          Scene.require(
              result instanceof LeafResult.Done d && d.rax() == SgxError.SGX_INVALID_MEASUREMENT.code(),
              "found " + result);
        })
        .effect("child", "The SECS has a child from now on.", scene -> {
          Enclave enclave = scene.enclave(Spec::building);
          LeafResult result = scene.machine.encls(3, 0, enclave.secs, 0);
          Scene.require(
              result instanceof LeafResult.Done d && d.rax() == SgxError.SGX_CHILD_PRESENT.code(), "found " + result);
        })
        .rules(Expect.done());
  }

  private static Call eextendCall(Scene scene) {
    Enclave enclave = scene.enclave(Spec::building);
    Call call = Call.encls(scene, 6, enclave);
    call.rbx = enclave.secs;
    call.rcx = enclave.page(Enclave.DATA) + 256;
    return call;
  }

  private static List<Rule> eextend() {
    return LeafTable.of("EEXTEND", BuildRules::eextendCall)
        .spoil("RBX-misaligned", Expect.gp(), "rbx-low", "The SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.rbx += 64))
        .spoil("RBX-not-EPC", Expect.pfRbx(), "rbx", "The SECS is in the EPC.", c -> c.rbx = Scene.NOWHERE)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The chunk is aligned to 256 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The chunk is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf has the page to itself.", Hold.EXCLUSIVE,
            c -> c.rcx & -PAGE)
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "The page is valid.",
            c -> c.rcx = c.enclave.newPage(Enclave.FREE) + 256)
        .spoil("RCX-a-VA", Expect.pfRcx(), "rcx", "The page is PT_REG or PT_TCS.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("RCX-a-SECS", Expect.pfRcx(), "rcx", "The page is no SECS.", c -> c.rcx = c.enclave.secs)
        .spoil("RBX-another-SECS", Expect.gp(), "rbx", "RBX is the SECS of the page.",
            c -> c.first(x -> x.rbx = x.scene.enclave(Spec::building).secs))
        .conflict("SECS-measuring", Expect.gp(), "rbx", "No EADD, EEXTEND or EINIT is at work on the SECS.",
            Hold.MEASURE, c -> c.enclave.secs)
        .spoil("initialised", Expect.gp(), "state", "The enclave is not initialised.", BuildRules::initialise)
        .effect("measurement", "MRENCLAVE covers the chunk.", scene -> {
          Call call = eextendCall(scene);
          call.perform();
          LeafResult result = Building.einit(scene, call.enclave, Building.sign(new Spec(), call.enclave));
          Scene.require(
              result instanceof LeafResult.Done d && d.rax() == SgxError.SGX_INVALID_MEASUREMENT.code(),
              "found " + result);
        })
        .effect("TCS", "A TCS can be measured.", scene -> {
          Call call = eextendCall(scene);
          call.rcx = call.enclave.page(Enclave.TCS);
          Scene.require(call.perform() instanceof LeafResult.Done, "refused");
        })
        .rules(Expect.done());
  }

  private static Call eremoveCall(Scene scene) {
    Enclave enclave = scene.enclave();
    Call call = Call.encls(scene, 3, enclave);
    call.rcx = enclave.page(Enclave.DATA);
    return call;
  }

  private static List<Rule> eremove() {
    return LeafTable.of("EREMOVE", BuildRules::eremoveCall)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The page is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 8))
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The page is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .conflict("RCX-in-use", Expect.gp(), "rcx", "No other leaf uses the page.", Hold.SHARED, c -> c.rcx)
        .spoil("SECS-with-children", Expect.zf(SgxError.SGX_CHILD_PRESENT), "rcx",
            "A SECS has no pages any more.", c -> c.rcx = c.enclave.secs)
        .spoil("thread-inside", Expect.zf(SgxError.SGX_ENCLAVE_ACT), "threads",
            "No thread is inside the enclave of the page.", c -> c.first(x -> x.enclave.enter(0)))
        .never("virtual-children", Kind.PRECONDITION, "In a guest, a SECS with virtual children has children.", VMX)
        .never("SGX_CONFLICT-exit", Kind.CONCURRENCY, "In a guest a conflict is a VM exit.", VMX)
        .effect("removed", "The page is not valid any more.", Needs::rdinfo, scene -> {
          Call call = eremoveCall(scene);
          call.perform();
          Scene.equal("RDINFO.FLAGS", -1, scene.epcm(call.rcx));
        })
        .effect("empty", "An empty page can be removed.", scene -> {
          Call call = eremoveCall(scene);
          call.rcx = scene.loosePage();
          LeafResult result = call.perform();
          Scene.require(result instanceof LeafResult.Done d && d.rax() == 0, "found " + result);
        })
        .effect("VA", "A version array can be removed, full or not.", scene -> {
          Call call = eremoveCall(scene);
          call.rcx = scene.versionArray();
          call.perform();
          LeafResult again = scene.machine.encls(0xa, 3, call.rcx, 0);
          Scene.require(again instanceof LeafResult.Done, "the page is not empty: " + again);
        })
        .effect("TRIM-accepted", "A trimmed and accepted page can be removed with threads inside.",
            f -> f.has(Features.SGX2) ? null : "the processor has no SGX2", scene -> {
              Enclave enclave = scene.inside();
              scene.emodt(enclave, Enclave.DATA2, 4);
              scene.cpu(0).interrupt();
              scene.etrack(enclave);
              enclave.enter(0);
              byte[] secinfo = new byte[64];
              Scene.u64(secinfo, 0, 4 << 8 | 16);
              scene.poke(enclave, enclave.at(Enclave.DATA), secinfo);
              Scene.done("EACCEPT", Scene.result(scene.cpu(0), scene.cpu(0).command(
                  Command.enclu(
                      5, enclave.at(Enclave.DATA), enclave.at(Enclave.DATA2), 0))));
              LeafResult result = scene.machine.encls(3, 0, enclave.page(Enclave.DATA2), 0);
              Scene.require(result instanceof LeafResult.Done d && d.rax() == 0, "found " + result);
            })
        .effect("SECS", "The SECS can be removed when its pages are gone.", scene -> {
          Enclave enclave = scene.enclave();
          for (long page : enclave.pages.values()) {
            Scene.done("EREMOVE", scene.machine.encls(3, 0, page, 0));
          }
          LeafResult result = scene.machine.encls(3, 0, enclave.secs, 0);
          Scene.require(result instanceof LeafResult.Done d && d.rax() == 0, "found " + result);
        })
        .effect("content-gone", "A page that is added again holds nothing of before.", scene -> {
          Enclave enclave = scene.enclave(s -> s.debug().building());
          byte[] page = new byte[PAGE];
          Arrays.fill(page, (byte) 7);
          Scene.done("EADD", scene.eadd(enclave, Enclave.FREE, Building.RW, page));
          Scene.done("EREMOVE", scene.machine.encls(3, 0, enclave.page(Enclave.FREE), 0));
          Scene.done("EADD", scene.eadd(enclave, Enclave.FREE, Building.RW, new byte[PAGE]));
          LeafResult result = scene.machine.encls(4, 0, enclave.page(Enclave.FREE) + 8, 0);
          Scene.require(result instanceof LeafResult.Done d && d.rbx() == 0, "found " + result);
        })
        .rules(Expect.ok());
  }
}
