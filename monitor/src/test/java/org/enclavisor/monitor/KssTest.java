package org.enclavisor.monitor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Optional;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.KeyPolicy;
import org.enclavisor.isa.Keyrequest;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Report;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Key separation and sharing, from SECS and SIGSTRUCT through EINIT to reports and keys. */
class KssTest {
  private static final ConfigId CONFIG = ConfigId.ofHex("c1".repeat(64));
  private static final Id16 FAMILY = Id16.ofHex("fa".repeat(16));
  private static final Id16 PRODUCT = Id16.ofHex("ed".repeat(16));
  private static final long KSS = Attributes.KSS;
  private static final long TARGET = TestEnclaves.DATA_OFFSET;
  private static final long DATA = TestEnclaves.DATA_OFFSET + 0x400;
  private static final long OUTPUT = TestEnclaves.DATA_OFFSET + 0x800;

  private interface Step {
    Exit run(Registers registers);
  }

  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
  private final ArrayDeque<Step> steps = new ArrayDeque<>();

  KssTest() {
    platform.script = (_, r, _) -> steps.remove().run(r);
  }

  @AfterEach
  void close() {
    monitor.close();
  }

  /** An enclave and the place of its memory. */
  private record Loaded(CreateOutcome.Created created, ScriptedPlatform.Space space) {}

  private static SigstructBody body(Secs secs, Id16 family, Id16 product) {
    return SigstructBody.of(
            0x20260101, TestEnclaves.measure(secs).mrEnclave(), secs.miscSelect(), new MiscSelect(-1),
            secs.attributes(), new Attributes(-1, -1), 5, 6)
        .withKss(family, product);
  }

  private Loaded load(ConfigId config, int svn, Id16 family, Id16 product) {
    Secs secs = TestEnclaves.secs().withAttributes(TestEnclaves.ATTRIBUTES.with(KSS)).withConfig(config, svn);
    CreateOutcome.Created created = (CreateOutcome.Created) monitor.create(secs, 0x1000, 1);
    TestEnclaves.addAll(monitor, created.id());
    TestEnclaves.require(
        monitor.init(created.id(), TestEnclaves.sign(body(secs, family, product)), Optional.empty()));
    return new Loaded(created, platform.last());
  }

  private void leaf(Loaded on, EncluLeaf leaf, long rbx, long rcx, long rdx) {
    long base = on.created.base();
    steps.add(
        r -> {
          r.rip = base + 0x50;
          r.rax = leaf.code();
          r.rbx = base + rbx;
          r.rcx = base + rcx;
          r.rdx = base + rdx;
          return Exit.Enclu.INSTANCE;
        });
    steps.add(
        r -> {
          assertThat(leaf == EncluLeaf.EGETKEY ? r.rax : 0).as("RAX").isZero();
          r.rax = EncluLeaf.EEXIT.code();
          r.rbx = 0x9000;
          return Exit.Enclu.INSTANCE;
        });
    EnterCall call = EnterCall.eenter(base + TestEnclaves.TCS_OFFSET, 0x9000);
    assertThat(monitor.enter(on.created.id(), call, new Registers())).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  private Key128 key(Loaded on, KeyName name, int policy, int configSvn, KeyId keyId) {
    new Keyrequest(
            name.code(), new KeyPolicy(policy), 0, 0, CpuSvn.ZERO, new Attributes(-1, -1), keyId, MiscSelect.NONE,
            configSvn)
        .write(on.space.enclave().asSlice(TARGET, Keyrequest.BYTES));
    leaf(on, EncluLeaf.EGETKEY, TARGET, OUTPUT, 0);
    return Key128.of(on.space.enclave().asSlice(OUTPUT, Key128.BYTES).toArray(JAVA_BYTE));
  }

  private Report report(Loaded from, Targetinfo target) {
    target.write(from.space.enclave().asSlice(TARGET, Targetinfo.BYTES));
    leaf(from, EncluLeaf.EREPORT, TARGET, DATA, OUTPUT);
    return Report.read(from.space.enclave().asSlice(OUTPUT, Report.BYTES));
  }

  @Test
  void aReportSaysTheConfigurationAndOnlyItsTargetCanVerifyIt() {
    Loaded one = load(CONFIG, 9, FAMILY, PRODUCT);
    Loaded same = load(CONFIG, 9, FAMILY, PRODUCT);
    Loaded other = load(ConfigId.ofHex("c2".repeat(64)), 9, FAMILY, PRODUCT);
    Loaded older = load(CONFIG, 8, FAMILY, PRODUCT);
    Secs secs = monitor.secs(one.created.id());
    Report report =
        report(
            other,
            new Targetinfo(
                secs.mrEnclave(), secs.attributes(), 0, secs.configSvn(), secs.miscSelect(), secs.configId()));
    assertThat(report.configId()).isEqualTo(ConfigId.ofHex("c2".repeat(64)));
    assertThat(report.configSvn()).isEqualTo(9);
    assertThat(report.isvFamilyId()).isEqualTo(FAMILY);
    assertThat(report.isvExtProdId()).isEqualTo(PRODUCT);
    assertThat(report.verifyMac(key(one, KeyName.REPORT_KEY, 0, 0, report.keyId()))).isTrue();
    assertThat(report.verifyMac(key(same, KeyName.REPORT_KEY, 0, 0, report.keyId()))).isTrue();
    assertThat(report.verifyMac(key(other, KeyName.REPORT_KEY, 0, 0, report.keyId()))).isFalse();
    assertThat(report.verifyMac(key(older, KeyName.REPORT_KEY, 0, 0, report.keyId()))).isFalse();
    assertThat(report.verifyMac(key(one, KeyName.REPORT_KEY, 0, 0, KeyId.ZERO))).isFalse();
  }

  @Test
  void sealingKeysAreSharedAndSeparatedAsThePolicySays() {
    Loaded one = load(CONFIG, 9, FAMILY, PRODUCT);
    Loaded otherConfig = load(ConfigId.ofHex("c2".repeat(64)), 9, FAMILY, PRODUCT);
    Loaded newer = load(CONFIG, 10, FAMILY, PRODUCT);
    Loaded otherFamily = load(CONFIG, 9, Id16.ofHex("fb".repeat(16)), PRODUCT);
    Loaded otherProduct = load(CONFIG, 9, FAMILY, Id16.ofHex("ee".repeat(16)));
    assertShared(KeyPolicy.MRSIGNER, one, otherConfig, true);
    assertShared(KeyPolicy.MRSIGNER | KeyPolicy.CONFIGID, one, otherConfig, false);
    assertShared(KeyPolicy.MRSIGNER | KeyPolicy.CONFIGID, one, newer, true);
    assertShared(KeyPolicy.MRENCLAVE, one, otherFamily, true);
    assertShared(KeyPolicy.MRENCLAVE | KeyPolicy.ISVFAMILYID, one, otherFamily, false);
    assertShared(KeyPolicy.MRSIGNER | KeyPolicy.ISVFAMILYID, one, otherProduct, true);
    assertShared(KeyPolicy.MRSIGNER | KeyPolicy.ISVEXTPRODID, one, otherProduct, false);
    assertThat(
            key(newer, KeyName.SEAL_KEY, KeyPolicy.CONFIGID, 10, KeyId.ZERO)
                .equals(key(newer, KeyName.SEAL_KEY, KeyPolicy.CONFIGID, 9, KeyId.ZERO)))
        .as("each CONFIGSVN has its own")
        .isFalse();
  }

  private void assertShared(int policy, Loaded one, Loaded other, boolean expected) {
    Key128 first = key(one, KeyName.SEAL_KEY, policy, 9, KeyId.ZERO);
    assertThat(first.equals(key(other, KeyName.SEAL_KEY, policy, 9, KeyId.ZERO)))
        .as("policy 0x%x", policy)
        .isEqualTo(expected);
  }

  @Test
  void withoutKssThereIsNoConfigurationAndNoFamily() {
    Secs secs = TestEnclaves.secs().withConfig(CONFIG, 0);
    assertThat(monitor.create(secs, 0, 1)).isInstanceOf(CreateOutcome.Refused.class);
    CreateOutcome.Created plain = (CreateOutcome.Created) monitor.create(TestEnclaves.secs(), 0, 1);
    TestEnclaves.addAll(monitor, plain.id());
    SigstructBody body = body(TestEnclaves.secs(), FAMILY, Id16.ZERO);
    Outcome outcome = monitor.init(plain.id(), TestEnclaves.sign(body), Optional.empty());
    assertThat(outcome.toString()).startsWith("SGX_INVALID_SIG_STRUCT");
  }

  @Test
  void theLaunchKeyIsForHostsThatWereGrantedIt() {
    Secs secs = TestEnclaves.secs().withAttributes(TestEnclaves.ATTRIBUTES.with(Attributes.EINITTOKENKEY));
    CreateOutcome.Created refused = (CreateOutcome.Created) monitor.create(secs, 0, 1);
    TestEnclaves.addAll(monitor, refused.id());
    var signed = TestEnclaves.sign(TestEnclaves.measure(secs).mrEnclave(), secs);
    assertThat(monitor.init(refused.id(), signed, Optional.empty()).toString()).startsWith("SGX_INVALID_ATTRIBUTE");
    try (Monitor granting = new Monitor(platform, MonitorConfig.defaults().withLaunching(true))) {
      TestEnclaves.load(granting, secs);
    }
  }
}
