package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.isa.AesCmac;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.Report;
import org.enclavisor.isa.SgxError;
import org.jspecify.annotations.Nullable;

/** EREPORT and EGETKEY (SDM 3D, the leaves' pages), executed by the probe. */
final class KeyRules {
  private static final long TARGETINFO = Enclave.DATA;
  private static final long REPORTDATA = Enclave.DATA + 1024;
  private static final long OUTPUT = Enclave.DATA2;
  private static final int SEAL = 4;
  private static final int REPORT_KEY = 3;
  private static final Expect ISVSVN = Expect.zf(SgxError.SGX_INVALID_ISVSVN);
  private static final Expect CPUSVN = Expect.zf(SgxError.SGX_INVALID_CPUSVN);
  private static final Expect NOT_ALLOWED = Expect.zf(SgxError.SGX_INVALID_ATTRIBUTE);

  private KeyRules() {}

  static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(ereport());
    rules.addAll(egetkey());
    return rules;
  }

  private static Call ereportCall(Scene scene) {
    Call call = new Call(scene, Call.Instruction.ENCLU, 0, scene.inside());
    call.rbx = call.enclave.at(TARGETINFO);
    call.rcx = call.enclave.at(REPORTDATA);
    call.rdx = call.enclave.at(OUTPUT);
    return call;
  }

  /** What the manual asks of the page of an operand inside. */
  private static void operand(LeafTable table, String register, Expect pf, boolean write, Consumer<Call> blocked) {
    BiConsumer<Call, Long> set =
        (call, address) -> {
          switch (register) {
            case "RBX" -> call.rbx = address;
            case "RCX" -> call.rcx = address;
            default -> call.rdx = address;
          }
        };
    String touches = register.toLowerCase(Locale.ROOT);
    table
        .spoil(register + "-misaligned", Expect.gp(), touches, "The operand is aligned.",
            c -> set.accept(c, (switch (register) {
              case "RBX" -> c.rbx;
              case "RCX" -> c.rcx;
              default -> c.rdx;
            }) + 8))
        .spoil(register + "-outside-ELRANGE", Expect.gp(), touches, "The operand is in the ELRANGE.",
            c -> set.accept(c, c.enclave.block(8)))
        .spoil(register + "-no-page", pf, touches, "The operand is in a page.",
            c -> set.accept(c, c.enclave.at(Enclave.FREE2)))
        .spoil(register + "-blocked", pf, touches + " rbx rcx rdx", "The operand's page is not blocked.",
            c -> c.last(blocked))
        .spoil(register + "-a-TCS", pf, touches, "The operand's page is PT_REG.",
            c -> set.accept(c, c.enclave.at(Enclave.TCS2)))
        .spoil(register + "-pending", pf, touches + " free", "The operand's page is not PENDING.", Needs::sgx2,
            c -> c.last(x -> {
              x.scene.eaug(x.enclave, Enclave.FREE);
              set.accept(x, x.enclave.at(Enclave.FREE));
            }));
    if (write) {
      table.spoil(register + "-not-writable", pf, touches, "The operand's page can be written.",
          c -> set.accept(c, c.enclave.at(Enclave.READ_ONLY)));
    } else {
      table.spoil(register + "-not-readable", pf, touches + " rbx rcx rdx", "The operand's page can be read.",
          Needs::sgx2, c -> c.last(x -> x.scene.emodpr(x.enclave, Enclave.DATA, 0)));
    }
  }

  private static List<Rule> ereport() {
    LeafTable table = LeafTable.of("EREPORT", KeyRules::ereportCall);
    operand(table, "RBX", Expect.pfRbx(), false, x -> x.scene.eblock(x.enclave, Enclave.DATA));
    operand(table, "RCX", Expect.pfRcx(), false, x -> {
      x.rcx = x.enclave.at(Enclave.READ_ONLY);
      x.scene.eblock(x.enclave, Enclave.READ_ONLY);
    });
    operand(table, "RDX", Expect.pfRdx(), true, x -> x.scene.eblock(x.enclave, Enclave.DATA2));
    return table
        .effect("report", "The report says what the enclave is, and carries REPORTDATA.", KeyRules::keys, scene -> {
          Spec spec = new Spec();
          Call call = ereportCall(scene);
          byte[] data = new byte[64];
          new Random(8).nextBytes(data);
          scene.poke(call.enclave, call.rcx, data);
          EinitRules.require(call, Expect.untouched());
          byte[] report = new byte[Report.BYTES];
          for (int i = 0; i < report.length; i += 8) {
            Scene.u64(report, i, scene.peek(call.rdx + i));
          }
          same("MISCSELECT", report, 16, new byte[4]);
          Scene.equal("ATTRIBUTES", Attributes.INIT | Attributes.MODE64BIT, Scene.u64(report, 48));
          Scene.equal("XFRM", 3, Scene.u64(report, 56));
          same("MRENCLAVE", report, 64, call.enclave.measured.bytes());
          same("MRSIGNER", report, 128, Signers.authorised().bytes());
          Scene.equal("ISVPRODID and ISVSVN", spec.isvProdId | spec.isvSvn << 16, Scene.u64(report, 256));
          same("REPORTDATA", report, 320, data);
        })
        .effect("MAC", "The MAC is by the key that EGETKEY gives the target.", KeyRules::keys, scene -> {
          Call call = ereportCall(scene);
          // The target is the enclave itself.
          scene.poke(call.enclave, call.rbx, call.enclave.measured.bytes());
          byte[] attributes = new byte[16];
          Scene.u64(attributes, 0, Attributes.INIT | Attributes.MODE64BIT);
          Scene.u64(attributes, 8, 3);
          scene.poke(call.enclave, call.rbx + 32, attributes);
          EinitRules.require(call, Expect.untouched());
          byte[] report = new byte[Report.BYTES];
          for (int i = 0; i < report.length; i += 8) {
            Scene.u64(report, i, scene.peek(call.rdx + i));
          }
          byte[] request = new byte[512];
          request[0] = REPORT_KEY;
          System.arraycopy(report, 384, request, 40, 32);
          byte[] key = key(scene, call.enclave, request);
          byte[] mac = AesCmac.mac(
              Key128.of(key), Arrays.copyOf(report, 384)).bytes();
          same("MAC", report, 416, mac);
        })
        .effect("KSS", "Identifiers of KSS are in the report.",
            f -> kss(f) != null ? kss(f) : keys(f), scene -> {
          Enclave enclave = scene.enclave(KeyRules::withKss);
          enclave.enter(0);
          Scene.result(scene.cpu(0), scene.cpu(0).command(
              Command.enclu(0, enclave.at(TARGETINFO), enclave.at(REPORTDATA), enclave.at(OUTPUT))));
          byte[] report = new byte[Report.BYTES];
          for (int i = 0; i < report.length; i += 8) {
            Scene.u64(report, i, scene.peek(enclave.at(OUTPUT) + i));
          }
          Spec spec = new Spec();
          withKss(spec);
          same("ISVEXTPRODID", report, 32, spec.extProdId.bytes());
          same("CONFIGID", report, 192, spec.configId.bytes());
          same("ISVFAMILYID", report, 304, spec.familyId.bytes());
          Scene.equal("CONFIGSVN", spec.configSvn, Scene.u64(report, 260) & 0xffff);
        })
        .rules(Expect.untouched());
  }

  private static void withKss(Spec spec) {
    byte[] id = new byte[64];
    Arrays.fill(id, (byte) 0x5a);
    spec.with(Attributes.KSS);
    spec.configId = ConfigId.of(id);
    spec.configSvn = 6;
    spec.familyId = Id16.of(Arrays.copyOf(id, 16));
    id[0] = 1;
    spec.extProdId = Id16.of(Arrays.copyOf(id, 16));
  }

  private static @Nullable String kss(Features features) {
    return features.attribute(Attributes.KSS) ? null : "the processor has no KSS";
  }

  /** The model knows no keys. */
  private static @Nullable String keys(Features features) {
    return features.keys() ? null : "the machine has no keys";
  }

  private static void same(String what, byte[] in, int offset, byte[] expected) {
    byte[] found = Arrays.copyOfRange(in, offset, offset + expected.length);
    if (!Arrays.equals(found, expected)) {
      throw new Rule.Broken(what + ": expected " + hex(expected) + ", found " + hex(found));
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** EGETKEY; the key. */
  private static byte[] key(Scene scene, Enclave enclave, byte[] request) {
    scene.poke(enclave, enclave.at(TARGETINFO), request);
    Scene.done("EGETKEY", Scene.result(scene.cpu(0), scene.cpu(0).command(
        Command.enclu(1, enclave.at(TARGETINFO), enclave.at(OUTPUT), 0))));
    byte[] key = new byte[16];
    Scene.u64(key, 0, scene.peek(enclave.at(OUTPUT)));
    Scene.u64(key, 8, scene.peek(enclave.at(OUTPUT) + 8));
    return key;
  }

  private static Call egetkeyCall(Scene scene, Enclave enclave) {
    Call call = new Call(scene, Call.Instruction.ENCLU, 1, enclave);
    enclave.enter(0);
    call.rbx = enclave.at(TARGETINFO);
    call.rcx = enclave.at(OUTPUT);
    call.source = new byte[512];
    call.source[0] = SEAL;
    call.first(c -> scene.poke(enclave, enclave.at(TARGETINFO), c.source));
    return call;
  }

  private static void u16(Call call, int offset, int value) {
    call.source[offset] = (byte) value;
    call.source[offset + 1] = (byte) (value >> 8);
  }

  private static List<Rule> egetkey() {
    LeafTable table = LeafTable.of("EGETKEY", scene -> egetkeyCall(scene, scene.enclave()));
    operand(table, "RBX", Expect.pfRbx(), false, x -> x.scene.eblock(x.enclave, Enclave.DATA));
    operand(table, "RCX", Expect.pfRcx(), true, x -> x.scene.eblock(x.enclave, Enclave.DATA2));
    table
        .spoil("CET_ATTRIBUTES_MASK", Expect.gp(), "request rbx", "Without CET its mask is zero.",
            f -> f.attribute(Attributes.CET) ? "the processor has CET" : null, c -> c.source[6] = 1)
        .spoil("KEYREQUEST-reserved-7", Expect.gp(), "request rbx", "Reserved bytes are zero.", c -> c.source[7] = 1)
        .spoil("KEYREQUEST-reserved-78", Expect.gp(), "request rbx", "Reserved bytes are zero.",
            c -> c.source[78] = 1)
        .spoil("KEYREQUEST-reserved-end", Expect.gp(), "request rbx", "The last bytes are zero.",
            c -> c.source[511] = 1)
        .spoil("KEYPOLICY-reserved", Expect.gp(), "request rbx", "KEYPOLICY's reserved bits are clear.",
            c -> u16(c, 2, 1 << 9))
        .spoil("KEYPOLICY-without-KSS", Expect.gp(), "request rbx", "KEYPOLICY's bits 2 to 5 are for KSS.",
            c -> u16(c, 2, 1 << 2))
        .spoil("CONFIGSVN-without-KSS", Expect.gp(), "request rbx", "CONFIGSVN is zero without KSS.",
            c -> u16(c, 76, 1))
        .spoil("KEYNAME", Expect.zf(SgxError.SGX_INVALID_KEYNAME), "request rbx", "There is such a key.",
            c -> u16(c, 0, 5))
        .spoil("SEAL-CPUSVN", CPUSVN, "request rbx", "CPUSVN is not beyond the processor's.", c -> c.source[23] = 1)
        .spoil("SEAL-ISVSVN", ISVSVN, "request rbx", "ISVSVN is not beyond the enclave's.", c -> u16(c, 4, 4))
        .spoil("EINITTOKEN-not-allowed", NOT_ALLOWED, "request rbx", "EINITTOKEN_KEY needs its attribute.",
            c -> u16(c, 0, 0))
        .spoil("PROVISION-not-allowed", NOT_ALLOWED, "request rbx", "PROVISION_KEY needs its attribute.",
            c -> u16(c, 0, 1))
        .spoil("PROVISION_SEAL-not-allowed", NOT_ALLOWED, "request rbx", "PROVISION_SEAL_KEY needs its attribute.",
            c -> u16(c, 0, 2));
    named(table, "EINITTOKEN", 0, Attributes.EINITTOKENKEY);
    named(table, "PROVISION", 1, Attributes.PROVISIONKEY);
    named(table, "PROVISION_SEAL", 2, Attributes.PROVISIONKEY);
    return table
        .effect("CPUSVN-before-ISVSVN", "Of both, CPUSVN is reported.", scene -> {
          Call call = egetkeyCall(scene, scene.enclave());
          call.source[23] = 1;
          u16(call, 4, 4);
          EinitRules.require(call, CPUSVN);
        })
        .effect("CONFIGSVN", "CONFIGSVN is not beyond the enclave's.", KeyRules::kss, scene -> {
          Call call = egetkeyCall(scene, scene.enclave(KeyRules::withKss));
          u16(call, 76, 7);
          EinitRules.require(call, ISVSVN);
        })
        .effect("same-key", "The same request gives the same key, also to another enclave of the same identity.",
            KeyRules::keys, scene -> {
              Enclave first = scene.inside();
              byte[] request = new byte[512];
              request[0] = SEAL;
              request[2] = 1;
              byte[] key = key(scene, first, request);
              Scene.require(!Arrays.equals(key, new byte[16]), "a key of zeroes");
              same("again", key(scene, first, request), 0, key);
              Scene.leave(scene.cpu(0));
              same("another instance", key(scene, scene.inside(), request), 0, key);
            })
        .effect("other-keys", "KEYID, KEYNAME, policy, ISVSVN and identity all change the key.", KeyRules::keys,
            scene -> {
          Enclave enclave = scene.inside();
          List<String> keys = new ArrayList<>();
          byte[] request = new byte[512];
          for (int variant = 0; variant < 6; variant++) {
            Arrays.fill(request, (byte) 0);
            request[0] = (byte) (variant == 1 ? REPORT_KEY : SEAL);
            request[2] = (byte) (variant == 2 ? 1 : variant == 3 ? 2 : 0);
            request[4] = (byte) (variant == 4 ? 2 : 0);
            request[40] = (byte) (variant == 5 ? 1 : 0);
            keys.add(hex(key(scene, enclave, request)));
          }
          Scene.leave(scene.cpu(0));
          Arrays.fill(request, (byte) 0);
          request[0] = SEAL;
          Enclave debug = scene.enclave(Spec::debug);
          debug.enter(0);
          keys.add(hex(key(scene, debug, request)));
          Scene.require(keys.stream().distinct().count() == keys.size(), "two keys are the same: " + keys);
        })
        .effect("only-16-bytes", "Nothing but the 16 bytes of the key is written.", scene -> {
          Call call = egetkeyCall(scene, scene.enclave());
          byte[] marks = new byte[64];
          Arrays.fill(marks, (byte) 0x77);
          scene.poke(call.enclave, call.rcx, marks);
          call.rcx += 16;
          EinitRules.require(call, Expect.ok());
          Scene.equal("before", 0x7777_7777_7777_7777L, scene.peek(call.rcx - 8));
          Scene.equal("after", 0x7777_7777_7777_7777L, scene.peek(call.rcx + 16));
        })
        .never("CET_ATTRIBUTES", Kind.EFFECT, "CET attributes go into the key under their mask.",
            "the processor has no CET")
        .rules(Expect.ok());
  }

  private static void named(LeafTable table, String name, int number, long attribute) {
    table
        .effect(name + "-CPUSVN", "CPUSVN is not beyond the processor's.", scene -> {
          Call call = egetkeyCall(scene, scene.enclave(s -> s.with(attribute)));
          u16(call, 0, number);
          call.source[8] = 1;
          EinitRules.require(call, CPUSVN);
        })
        .effect(name + "-ISVSVN", "ISVSVN is not beyond the enclave's.", scene -> {
          Call call = egetkeyCall(scene, scene.enclave(s -> s.with(attribute)));
          u16(call, 0, number);
          u16(call, 4, 4);
          EinitRules.require(call, ISVSVN);
        })
        .effect(name + "-allowed", "With its attribute an enclave gets the key.", scene -> {
          Call call = egetkeyCall(scene, scene.enclave(s -> s.with(attribute)));
          u16(call, 0, number);
          EinitRules.require(call, Expect.ok());
        });
  }
}
