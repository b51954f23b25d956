package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.Set;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.spi.Machine.CpuidResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What CPUID says and what the leaves do are one. */
class SgxCpuidTest {
  private static final MonitorConfig CONFIG = MonitorConfig.defaults();

  private static SgxCpuid of(MonitorConfig config) {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), config)) {
      return monitor.cpuid();
    }
  }

  @Test
  void aMonitorThatCanDoAll() {
    SgxCpuid cpuid = of(CONFIG);
    // SGX1, SGX2, ENCLV, OVERSUB, EUPDATESVN, EDECCSSA; not EVERIFYREPORT2. EXINFO. Enclaves below 2 TiB, none of
    // 32 bits.
    assertThat(cpuid.subleaf(0)).isEqualTo(new CpuidResult(0xC63, 1, 0, 41 << 8));
    // DEBUG, MODE64BIT, PROVISIONKEY, EINITTOKENKEY, KSS, AEXNOTIFY; not INIT, not CET.
    assertThat(cpuid.subleaf(1)).isEqualTo(new CpuidResult(0x4B6, 0, 7, 0));
    assertThat(cpuid.subleaf(2)).isEqualTo(new CpuidResult(0x1001, 0, 1, 1 << 9));
    assertThat(cpuid.subleaf(3)).isEqualTo(new CpuidResult(0, 0, 0, 0));
    assertThat(cpuid.subleaf(-1)).isEqualTo(new CpuidResult(0, 0, 0, 0));
  }

  @ParameterizedTest
  @EnumSource(SgxFeature.class)
  void aFeatureThatIsSwitchedOff(SgxFeature feature) {
    Set<SgxFeature> rest = EnumSet.complementOf(EnumSet.of(feature));
    assertThat(of(CONFIG.withFeatures(rest)).subleaf(0).eax()).isEqualTo(0xC63 & ~feature.mask());
    assertThat(of(CONFIG.withFeatures(Set.of())).subleaf(0).eax()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(longs = {
    Attributes.DEBUG, Attributes.PROVISIONKEY, Attributes.EINITTOKENKEY, Attributes.KSS, Attributes.AEXNOTIFY,
    Attributes.CET, Attributes.INIT, 1L << 40
  })
  void anAttributeIsThereIfEcreateTakesIt(long attribute) {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), CONFIG)) {
      CpuidResult said = monitor.cpuid().subleaf(1);
      long flags = Integer.toUnsignedLong(said.eax()) | (long) said.ebx() << 32;
      Secs secs = TestEnclaves.secs().withAttributes(TestEnclaves.ATTRIBUTES.with(attribute));
      assertThat(monitor.create(secs, 0, 1) instanceof CreateOutcome.Created).isEqualTo((flags & attribute) != 0);
    }
  }

  @Test
  void sizesAreThoseThatEcreateTakes() {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), CONFIG)) {
      long limit = 1L << (monitor.cpuid().subleaf(0).edx() >>> 8);
      Secs secs = Secs.of(limit, 1, MiscSelect.NONE, TestEnclaves.ATTRIBUTES);
      assertThat(monitor.create(secs, 0, 1)).isInstanceOf(CreateOutcome.Refused.class);
    }
  }

  @Test
  void theSectionIsAsLargeAsTheEpc() {
    SgxCpuid cpuid = new SgxCpuid(Set.of(), MiscSelect.NONE, 36, 4, 0x2_0000_0003L, 0x12_3456_7000L);
    assertThat(cpuid.subleaf(2)).isEqualTo(new CpuidResult(0x1001, 0, 0x3456_7001, 0x12));
    assertThat(cpuid.subleaf(1)).isEqualTo(new CpuidResult(4, 0, 3, 2));
    assertThatThrownBy(() -> new SgxCpuid(Set.of(), MiscSelect.NONE, 36, 4, 3, 4095))
        .hasMessageContaining("epcBytes=4095");
  }
}
