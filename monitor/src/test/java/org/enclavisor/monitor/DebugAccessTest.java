package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;
import org.junit.jupiter.api.Test;

class DebugAccessTest {
  private static final Secs DEBUG =
      Secs.of(
          TestEnclaves.SIZE, 1, MiscSelect.NONE,
          new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, TestEnclaves.XFRM));

  @Test
  void anyBytesAnywhere() {
    Random random = new Random(7);
    ScriptedPlatform platform = new ScriptedPlatform();
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      CreateOutcome.Created e = TestEnclaves.load(monitor, DEBUG);
      MemorySegment memory = platform.last().enclave();
      long data = TestEnclaves.DATA_OFFSET;
      for (int round = 0; round < 500; round++) {
        int at = random.nextInt(2 * 4096);
        byte[] written = new byte[random.nextInt(2 * 4096 - at + 1)];
        random.nextBytes(written);
        byte[] before = memory.asSlice(data, 2 * 4096).toArray(ValueLayout.JAVA_BYTE);
        assertThat(monitor.debugWrite(e.id(), e.base() + data + at, MemorySegment.ofArray(written)).ok()).isTrue();
        System.arraycopy(written, 0, before, at, written.length);
        assertThat(memory.asSlice(data, 2 * 4096).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
        byte[] read = new byte[written.length];
        assertThat(monitor.debugRead(e.id(), e.base() + data + at, MemorySegment.ofArray(read)).ok()).isTrue();
        assertThat(read).isEqualTo(written);
      }
    }
  }

  @Test
  void aTcs() {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), MonitorConfig.defaults())) {
      CreateOutcome.Created e = TestEnclaves.load(monitor, DEBUG);
      byte[] tcs = new byte[72];
      long at = e.base() + TestEnclaves.TCS_OFFSET;
      assertThat(monitor.debugWrite(e.id(), at + Tcs.FLAGS_OFFSET, MemorySegment.ofArray(new byte[] {1})).ok())
          .isTrue();
      assertThat(monitor.debugRead(e.id(), at, MemorySegment.ofArray(tcs)).ok()).isTrue();
      byte[] expected = TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes();
      expected[8] = 1;
      assertThat(tcs).isEqualTo(java.util.Arrays.copyOf(expected, 72));
      assertThat(monitor.debugRead(e.id(), at, MemorySegment.ofArray(new byte[73])).reason()).contains("of a TCS");
    }
  }

  @Test
  void refusals() {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), MonitorConfig.defaults())) {
      CreateOutcome.Created production = TestEnclaves.load(monitor, TestEnclaves.secs());
      byte[] bytes = new byte[13];
      long at = production.base() + TestEnclaves.DATA_OFFSET + 3;
      assertThat(monitor.debugRead(production.id(), at, MemorySegment.ofArray(bytes)).reason()).contains("not a debug");
      assertThat(monitor.debugWrite(production.id(), at, MemorySegment.ofArray(bytes)).reason()).contains("not a debug");
      CreateOutcome.Created e = TestEnclaves.load(monitor, DEBUG);
      long end = e.base() + TestEnclaves.SIZE;
      assertThat(monitor.debugRead(e.id(), end - 8, MemorySegment.ofArray(bytes)).reason()).contains("is not valid");
      assertThat(monitor.debugRead(e.id(), end, MemorySegment.ofArray(bytes)).reason()).contains("not in the ELRANGE");
      assertThat(monitor.debugRead(e.id(), -1, MemorySegment.ofArray(bytes)).reason()).contains("not in the ELRANGE");
      monitor.remove(e.id());
      assertThat(monitor.debugRead(e.id(), end - 8, MemorySegment.ofArray(bytes)).ok()).isFalse();
    }
  }
}
