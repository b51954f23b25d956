package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.KeyPolicy;
import org.enclavisor.isa.Keyrequest;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EgetkeyTest {
  private static final long REQUEST = TestEnclaves.DATA_OFFSET + 0x200;
  private static final long OUTPUT = TestEnclaves.DATA_OFFSET + 0x1010;
  private static final long ALL = Attributes.MODE64BIT | Attributes.KSS | Attributes.PROVISIONKEY
      | Attributes.EINITTOKENKEY;
  private static final KeyId KEY_ID = KeyId.ofHex("77".repeat(32));
  private static final CpuSvn SVN = CpuSvn.ofHex("04000000000000000000000000000000");
  private static final Attributes MASK = new Attributes(Attributes.MODE64BIT | Attributes.KSS, 1);
  private static final Keyrequest SEAL =
      new Keyrequest(
          KeyName.SEAL_KEY.code(),
          new KeyPolicy(KeyPolicy.MRSIGNER | KeyPolicy.CONFIGID),
          6,
          0,
          SVN,
          MASK,
          KEY_ID,
          new MiscSelect(1),
          8);

  private static final class Scene extends LeafScene {
    final SecsPage page;
    final MemorySegment memory;

    Scene(Keyrequest request, long attributes) {
      Secs secs = secs(new MiscSelect(MiscSelect.EXINFO)).withAttributes(new Attributes(attributes, 7));
      boolean kss = (attributes & Attributes.KSS) != 0;
      page = initialised(kss ? secs.withConfig(ConfigId.ofHex("cc".repeat(64)), 9) : secs);
      memory = page.memory().segment();
      rbx = BASE + REQUEST;
      rcx = BASE + OUTPUT;
      request.write(request());
    }

    static Scene of(KeyName name) {
      return new Scene(named(name), ALL);
    }

    MemorySegment request() {
      return memory.asSlice(REQUEST, Keyrequest.BYTES);
    }

    Outcome execute() {
      return Egetkey.execute(cpu, page, rbx, rcx);
    }

    Key128 key() {
      Outcome outcome = execute();
      assertThat(outcome.ok()).as(outcome.reason()).isTrue();
      return Key128.of(memory.asSlice(OUTPUT, 16).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }
  }

  private static Keyrequest named(KeyName name) {
    return new Keyrequest(
        name.code(), SEAL.keyPolicy(), SEAL.isvSvn(), 0, SVN, MASK, KEY_ID, SEAL.miscMask(), SEAL.configSvn());
  }

  private static Checks<Scene> operands(Checks<Scene> checks) {
    new OperandChecks<Scene>(checks, "KEYREQUEST", REQUEST, false, s -> s.page, (s, a) -> s.rbx = a, s -> s.rbx)
        .all(256);
    new OperandChecks<Scene>(checks, "OUTPUTDATA", OUTPUT, true, s -> s.page, (s, a) -> s.rcx = a, s -> s.rcx).all(8);
    return checks
        .gp("r1", "reserved byte 7", s -> LeafScene.u8(s.request(), 7, 1), "reserved bits")
        .gp("r2", "reserved byte 78", s -> LeafScene.u8(s.request(), 78, 1), "reserved bits")
        .gp("r3", "reserved byte 511", s -> LeafScene.u8(s.request(), 511, 1), "reserved bits")
        .gp("r4", "reserved policy", s -> LeafScene.u8(s.request(), 3, 0x80), "reserved bits")
        .gp("r5", "CET mask", s -> LeafScene.u8(s.request(), 6, 1), "CET");
  }

  private static Checks<Scene> versions(Checks<Scene> checks) {
    return checks
        .error("cpusvn", "CPUSVN", s -> LeafScene.u8(s.request(), 8, 6), SgxError.SGX_INVALID_CPUSVN, "CPUSVN")
        .error("isvsvn", "ISVSVN", s -> LeafScene.u8(s.request(), 4, 7), SgxError.SGX_INVALID_ISVSVN, "ISVSVN=7");
  }

  private static Checks<Scene> configured(Checks<Scene> checks) {
    return checks.error(
        "configsvn",
        "CONFIGSVN",
        s -> LeafScene.u8(s.request(), 76, 10),
        SgxError.SGX_INVALID_ISVSVN,
        "CONFIGSVN=10");
  }

  @TestFactory
  Stream<DynamicTest> checksOfSealKey() {
    Checks<Scene> checks = operands(new Checks<>(() -> Scene.of(KeyName.SEAL_KEY), Scene::execute));
    checks.error("name", "KEYNAME", s -> LeafScene.u8(s.request(), 0, 5), SgxError.SGX_INVALID_KEYNAME, "KEYNAME=5");
    return configured(versions(checks)).tests();
  }

  @TestFactory
  Stream<DynamicTest> checksWithoutKss() {
    Keyrequest plain =
        new Keyrequest(
            KeyName.SEAL_KEY.code(), new KeyPolicy(1), 6, 0, SVN, MASK, KEY_ID, MiscSelect.NONE, 0);
    Checks<Scene> checks =
        operands(new Checks<>(() -> new Scene(plain, Attributes.MODE64BIT), Scene::execute));
    for (int bit = 2; bit < 6; bit++) {
      int policy = 1 << bit;
      checks.gp("policy", "KEYPOLICY " + policy, s -> LeafScene.u8(s.request(), 2, policy), "without KSS");
    }
    checks.gp("configsvn", "CONFIGSVN", s -> LeafScene.u8(s.request(), 76, 1), "without KSS");
    return versions(checks).tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfProvisionKey() {
    return controlled(KeyName.PROVISION_KEY, Attributes.PROVISIONKEY);
  }

  @TestFactory
  Stream<DynamicTest> checksOfProvisionSealKey() {
    return controlled(KeyName.PROVISION_SEAL_KEY, Attributes.PROVISIONKEY);
  }

  @TestFactory
  Stream<DynamicTest> checksOfEinittokenKey() {
    return controlled(KeyName.EINITTOKEN_KEY, Attributes.EINITTOKENKEY);
  }

  private static Stream<DynamicTest> controlled(KeyName name, long attribute) {
    Checks<Scene> checks = new Checks<>(() -> Scene.of(name), Scene::execute);
    checks.error(
        "attribute",
        "without the attribute",
        s -> {
          Secs secs = s.page.secs();
          s.page.initialise(
              secs.withAttributes(secs.attributes().without(attribute)), Id16.ZERO, Id16.ZERO);
        },
        SgxError.SGX_INVALID_ATTRIBUTE,
        name.name());
    versions(checks);
    return (name == KeyName.PROVISION_SEAL_KEY ? configured(checks) : checks).tests();
  }

  @Test
  void aRefusalLeavesTheOutputAlone() {
    Scene s = Scene.of(KeyName.SEAL_KEY);
    s.memory.asSlice(OUTPUT, 16).fill((byte) 0x5A);
    LeafScene.u8(s.request(), 0, 9);
    assertThat(s.execute().ok()).isFalse();
    assertThat(s.memory.get(java.lang.foreign.ValueLayout.JAVA_BYTE, OUTPUT)).isEqualTo((byte) 0x5A);
  }

  @Test
  void theReportKeyIsTheOneThatReportsToThisEnclaveAreMadeWith() {
    Scene s = Scene.of(KeyName.REPORT_KEY);
    // No version is looked at, nor is a policy.
    LeafScene.u8(s.request(), 8, 0xFF);
    LeafScene.u8(s.request(), 4, 0xFF);
    Secs secs = s.page.secs();
    Targetinfo me =
        new Targetinfo(
            secs.mrEnclave(), secs.attributes(), 0, secs.configSvn(), secs.miscSelect(), secs.configId());
    assertThat(s.key().equals(s.cpu.keys().reportKey(me, KEY_ID, s.cpu.cpuSvn()))).isTrue();
  }

  @Test
  void theEinittokenKeyIsTheOneThatEinitVerifiesWith() {
    Scene s = Scene.of(KeyName.EINITTOKEN_KEY);
    Secs secs = s.page.secs();
    Attributes masked =
        new Attributes(MASK.flags() | Attributes.INIT | Attributes.DEBUG, MASK.xfrm()).and(secs.attributes());
    Einittoken token =
        new Einittoken(
            true, Attributes.ZERO, Digest32.ZERO, Digest32.ZERO, SVN, secs.isvProdId(), 6, 0, new MiscSelect(1), masked,
            KEY_ID, org.enclavisor.isa.Mac16.ZERO);
    assertThat(s.key().equals(s.cpu.keys().launchKey(token, secs.mrSigner()))).isTrue();
  }

  /** A change of the enclave or of the request, and by which keys it has to be seen. */
  private record Change(String name, Consumer<Scene> change, KeyName... seen) {
    boolean seenBy(KeyName key) {
      return List.of(seen).contains(key);
    }
  }

  private static Change secs(String name, UnaryOperator<Secs> change, KeyName... seen) {
    return new Change(
        name,
        s -> s.page.initialise(change.apply(s.page.secs()), s.page.isvFamilyId(), s.page.isvExtProdId()),
        seen);
  }

  private static List<Change> changes() {
    KeyName launch = KeyName.EINITTOKEN_KEY;
    KeyName provision = KeyName.PROVISION_KEY;
    KeyName provisionSeal = KeyName.PROVISION_SEAL_KEY;
    KeyName report = KeyName.REPORT_KEY;
    KeyName seal = KeyName.SEAL_KEY;
    List<Change> all = new ArrayList<>();
    Digest32 other = Digest32.ofHex("ee".repeat(32));
    all.add(secs("MRENCLAVE", x -> x.initialized(other, x.mrSigner(), 5, 6), report));
    all.add(secs("MRSIGNER", x -> x.initialized(x.mrEnclave(), other, 5, 6), launch, provision, provisionSeal, seal));
    all.add(
        secs(
            "ISVPRODID",
            x -> x.initialized(x.mrEnclave(), x.mrSigner(), 4, 6),
            launch, provision, provisionSeal, seal));
    all.add(secs("ISVSVN of the enclave", x -> x.initialized(x.mrEnclave(), x.mrSigner(), 5, 7)));
    all.add(
        secs(
            "DEBUG",
            x -> x.withAttributes(x.attributes().with(Attributes.DEBUG)),
            launch, provision, provisionSeal, report, seal));
    all.add(secs("an attribute outside the mask", x -> x.withAttributes(new Attributes(x.attributes().flags(), 3)),
        report));
    all.add(
        secs("an attribute inside the mask", x -> x.withAttributes(new Attributes(x.attributes().flags(), 6)),
            launch, provision, provisionSeal, report, seal));
    all.add(secs("CONFIGID", x -> x.withConfig(ConfigId.ofHex("dd".repeat(64)), 9), provisionSeal, report, seal));
    all.add(secs("CONFIGSVN of the enclave", x -> x.withConfig(x.configId(), 8), report));
    all.add(new Change("KEYID", s -> LeafScene.u8(s.request(), 40, 1), launch, report, seal));
    all.add(
        new Change("CPUSVN", s -> LeafScene.u8(s.request(), 8, 3), launch, provision, provisionSeal, seal));
    all.add(new Change("ISVSVN", s -> LeafScene.u8(s.request(), 4, 5), launch, provision, provisionSeal, seal));
    all.add(new Change("CONFIGSVN", s -> LeafScene.u8(s.request(), 76, 7), provisionSeal, seal));
    all.add(
        new Change("MISCMASK", s -> LeafScene.u8(s.request(), 72, 0), launch, provision, provisionSeal, seal));
    all.add(
        new Change(
            "ATTRIBUTEMASK, of bits that are not there",
            s -> LeafScene.u8(s.request(), 24 + 7, 1),
            provision, provisionSeal, seal));
    all.add(policy("MRENCLAVE", KeyPolicy.MRENCLAVE, provisionSeal, seal));
    all.add(policy("NOISVPRODID", KeyPolicy.NOISVPRODID, provisionSeal, seal));
    all.add(policy("ISVFAMILYID", KeyPolicy.ISVFAMILYID, provisionSeal, seal));
    all.add(policy("ISVEXTPRODID", KeyPolicy.ISVEXTPRODID, provisionSeal, seal));
    return all;
  }

  private static Change policy(String name, int bit, KeyName... seen) {
    return new Change("KEYPOLICY." + name, s -> LeafScene.u8(s.request(), 2, SEAL.keyPolicy().bits() | bit), seen);
  }

  @ParameterizedTest
  @EnumSource(KeyName.class)
  void whatAKeyDependsOn(KeyName name) {
    Key128 before = Scene.of(name).key();
    assertThat(Scene.of(name).key().equals(before)).as("the same again").isTrue();
    for (Change change : changes()) {
      Scene s = Scene.of(name);
      change.change.accept(s);
      assertThat(s.key().equals(before)).as("%s, %s", name, change.name).isEqualTo(!change.seenBy(name));
    }
    for (KeyName another : KeyName.values()) {
      assertThat(Scene.of(another).key().equals(before)).as(another.name()).isEqualTo(another == name);
    }
  }

  @Test
  void theIdsOfKssCountWhereThePolicySaysSo() {
    for (int policy : new int[] {KeyPolicy.ISVFAMILYID, KeyPolicy.ISVEXTPRODID}) {
      Scene s = Scene.of(KeyName.SEAL_KEY);
      LeafScene.u8(s.request(), 2, policy);
      Key128 before = s.key();
      s.page.initialise(s.page.secs(), Id16.ofHex("99".repeat(16)), s.page.isvExtProdId());
      assertThat(s.key().equals(before)).isEqualTo(policy != KeyPolicy.ISVFAMILYID);
      s.page.initialise(s.page.secs(), Id16.ofHex("61".repeat(16)), Id16.ofHex("98".repeat(16)));
      assertThat(s.key().equals(before)).isEqualTo(policy != KeyPolicy.ISVEXTPRODID);
    }
  }

  @Test
  void sealingToTheEnclaveAlone() {
    Scene s = Scene.of(KeyName.SEAL_KEY);
    LeafScene.u8(s.request(), 2, KeyPolicy.MRENCLAVE);
    Key128 before = s.key();
    Secs secs = s.page.secs();
    s.page.initialise(secs.initialized(secs.mrEnclave(), Digest32.ZERO, 5, 6), Id16.ZERO, Id16.ZERO);
    assertThat(s.key().equals(before)).as("another signer").isTrue();
    s.page.initialise(secs.initialized(Digest32.ZERO, secs.mrSigner(), 5, 6), Id16.ZERO, Id16.ZERO);
    assertThat(s.key().equals(before)).as("another enclave").isFalse();
  }
}
