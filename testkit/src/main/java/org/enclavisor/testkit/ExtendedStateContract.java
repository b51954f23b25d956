package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Contract.assertInterrupt;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Testbed.DATA;

import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * x87, SSE and AVX registers: kept between entries, captured by faults and interrupts, loaded when asked. The offsets
 * are those of an XSAVE area in standard form (SDM 1, 13.4 and 13.5).
 */
interface ExtendedStateContract extends Contract {
  int FCW = 0;
  int MXCSR = 24;
  int XMM = 160;
  int XSTATE_BV = 512;
  int XCOMP_BV = 520;
  int MXCSR_START = 0x1f80;
  int FCW_START = 0x37f;

  private int avx() {
    Assumptions.assumeTrue((platform().machine().xcr0() & 4) != 0, "a processor with AVX");
    return platform().machine().cpuid(0xd, 2).ebx();
  }

  /** Loads YMM0–7, MXCSR and FCW from data, where {@link #pattern} puts them. */
  private static void loadAll(Testbed testbed, Code code) {
    for (int i = 0; i < 8; i++) {
      code.vload(i, testbed.address(DATA + 32 * i));
    }
    code.ldmxcsr(testbed.address(DATA + 256)).fldcw(testbed.address(DATA + 264));
  }

  /** Stores them at data + 0x400. */
  private static void storeAll(Testbed testbed, Code code) {
    for (int i = 0; i < 8; i++) {
      code.vstore(testbed.address(DATA + 0x400 + 32 * i), i);
    }
    code.stmxcsr(testbed.address(DATA + 0x400 + 256)).fnstcw(testbed.address(DATA + 0x400 + 264));
  }

  /** YMM0–7 random; MXCSR rounds towards zero; FCW has 64-bit precision and rounds up. */
  private static byte[] pattern(Testbed testbed, Seeded seeded) {
    byte[] pattern = seeded.bytes(272);
    var segment = MemorySegment.ofArray(pattern);
    segment.set(JAVA_LONG_UNALIGNED, 256, 0x7f80);
    segment.set(JAVA_LONG_UNALIGNED, 264, 0xb7f);
    MemorySegment.copy(segment, 0, testbed.space().enclave(), DATA, pattern.length);
    return pattern;
  }

  private static byte[] stored(Testbed testbed) {
    return testbed.space().enclave().asSlice(DATA + 0x400, 272).toArray(JAVA_BYTE);
  }

  private void assertCaptured(LogicalProcessor processor, byte[] pattern) {
    var area = processor.extendedState();
    assertThat(area.byteSize()).isEqualTo(platform().machine().xsaveBytes());
    assertThat(area.get(JAVA_LONG_UNALIGNED, XSTATE_BV) & 7).as("XSTATE_BV").isEqualTo(7);
    assertThat(area.get(JAVA_LONG_UNALIGNED, XSTATE_BV) & ~platform().machine().xcr0()).as("XSTATE_BV").isZero();
    for (int i = XCOMP_BV; i < 576; i += 8) {
      assertThat(area.get(JAVA_LONG_UNALIGNED, i)).as("header at " + i).isZero();
    }
    assertThat(area.get(JAVA_INT_UNALIGNED, MXCSR)).isEqualTo(0x7f80);
    assertThat(area.get(JAVA_SHORT_UNALIGNED, FCW)).isEqualTo((short) 0xb7f);
    for (int i = 0; i < 8; i++) {
      var expected = MemorySegment.ofArray(pattern).asSlice(32 * i, 32);
      assertThat(area.asSlice(XMM + 16 * i, 16).toArray(JAVA_BYTE)).as("XMM" + i)
          .isEqualTo(expected.asSlice(0, 16).toArray(JAVA_BYTE));
      assertThat(area.asSlice(avx() + 16 * i, 16).toArray(JAVA_BYTE)).as("upper YMM" + i)
          .isEqualTo(expected.asSlice(16, 16).toArray(JAVA_BYTE));
    }
  }

  @Test
  default void aNewProcessorHasTheInitialState() {
    avx();
    try (var testbed = testbed()) {
      long dirty = testbed.program(c -> {
        loadAll(testbed, c);
        c.enclu();
      });
      long look = testbed.program(0x1000, c -> {
        storeAll(testbed, c);
        c.enclu();
      });
      pattern(testbed, Seeded.of(1));
      for (int i = 0; i < 2; i++) { // the second time the first one's registers could come back
        try (var processor = testbed.processor()) {
          assertEnclu(processor.enter(testbed.at(look), Extended.KEEP));
          byte[] expected = new byte[272];
          MemorySegment.ofArray(expected).set(JAVA_LONG_UNALIGNED, 256, MXCSR_START);
          MemorySegment.ofArray(expected).set(JAVA_LONG_UNALIGNED, 264, FCW_START);
          assertThat(stored(testbed)).isEqualTo(expected);
          assertEnclu(processor.enter(testbed.at(dirty), Extended.KEEP));
        }
      }
    }
  }

  @Test
  default void keepKeepsAcrossEncluFaultsAndInterrupts() {
    avx();
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // load all; enclu; ud2; mov [rbx], 1: spin: jmp spin
      long load = testbed.program(c -> {
        loadAll(testbed, c);
        c.enclu();
      });
      long undefined = testbed.program(0x800, Code::ud2);
      long spin = testbed.program(0xa00, c -> {
        var loop = c.label();
        c.mov(RAX, 1).store(RBX, 0, RAX).bind(loop).pause().jmp(loop);
      });
      long look = testbed.program(0x1000, c -> {
        storeAll(testbed, c);
        c.enclu();
      });
      byte[] pattern = pattern(testbed, Seeded.named("keepKeeps"));
      assertEnclu(processor.enter(testbed.at(load), Extended.KEEP));
      assertThat(processor.enter(testbed.at(undefined), Extended.KEEP)).isEqualTo(new Exit.Fault(6, 0, 0));
      assertCaptured(processor, pattern);

      var spinning = testbed.at(spin);
      spinning.rbx = testbed.space().untrustedBase();
      var exit = Testbed.start(processor, spinning);
      testbed.awaitUntrusted(0, 1);
      processor.interrupt();
      assertInterrupt(Testbed.await(exit));
      assertCaptured(processor, pattern);

      processor.extendedState().fill((byte) 0); // what is written here counts for LOAD only
      assertEnclu(processor.enter(testbed.at(look), Extended.KEEP));
      assertThat(stored(testbed)).isEqualTo(pattern);
    }
  }

  @Test
  default void loadLoads() {
    int avx = avx();
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long look = testbed.program(c -> {
        storeAll(testbed, c);
        c.enclu();
      });
      byte[] pattern = pattern(testbed, Seeded.named("loadLoads"));
      var area = processor.extendedState();
      area.fill((byte) 0);
      area.set(JAVA_SHORT_UNALIGNED, FCW, (short) 0xb7f);
      area.set(JAVA_INT_UNALIGNED, MXCSR, 0x7f80);
      area.set(JAVA_LONG_UNALIGNED, XSTATE_BV, 7);
      for (int i = 0; i < 8; i++) {
        MemorySegment.copy(MemorySegment.ofArray(pattern), 32 * i, area, XMM + 16 * i, 16);
        MemorySegment.copy(MemorySegment.ofArray(pattern), 32 * i + 16, area, avx + 16 * i, 16);
      }
      assertEnclu(processor.enter(testbed.at(look), Extended.LOAD));
      assertThat(stored(testbed)).isEqualTo(pattern);
    }
  }

  @Test
  default void whatWasCapturedCanBeLoadedOnAnotherProcessor() {
    avx();
    try (var testbed = new Testbed(platform(), 2);
        var one = testbed.processor();
        var other = testbed.processor()) {
      long load = testbed.program(c -> {
        loadAll(testbed, c);
        c.ud2();
      });
      long look = testbed.program(0x1000, c -> {
        storeAll(testbed, c);
        c.enclu();
      });
      byte[] pattern = pattern(testbed, Seeded.named("whatWasCaptured"));
      assertThat(one.enter(testbed.at(load), Extended.KEEP)).isEqualTo(new Exit.Fault(6, 0, 0));
      other.extendedState().copyFrom(one.extendedState());
      assertEnclu(other.enter(testbed.at(look), Extended.LOAD));
      assertThat(stored(testbed)).isEqualTo(pattern);
    }
  }

  @Test
  default void componentsThatAreLeftOutGetTheirInitialState() {
    avx();
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long load = testbed.program(c -> {
        loadAll(testbed, c);
        c.enclu();
      });
      long look = testbed.program(0x1000, c -> {
        storeAll(testbed, c);
        c.enclu();
      });
      pattern(testbed, Seeded.named("componentsThatAreLeftOut"));
      assertEnclu(processor.enter(testbed.at(load), Extended.KEEP));
      var area = processor.extendedState();
      area.fill((byte) 0xff);
      area.asSlice(XSTATE_BV, 64).fill((byte) 0);
      area.set(JAVA_INT_UNALIGNED, MXCSR, MXCSR_START);
      assertEnclu(processor.enter(testbed.at(look), Extended.LOAD));
      assertThat(MemorySegment.ofArray(stored(testbed)).asSlice(0, 256).toArray(JAVA_BYTE)).containsOnly(0);
      assertThat(MemorySegment.ofArray(stored(testbed)).get(JAVA_SHORT_UNALIGNED, 264)).isEqualTo((short) FCW_START);
    }
  }

  /** The area may be an enclave's invention: what XRSTOR refuses is its #GP, and neither runs nor kills anything. */
  @Test
  default void aMalformedAreaIsAGeneralProtectionFault() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.mov(RAX, 1).enclu());
      long xcr0 = platform().machine().xcr0();
      record Malformation(String what, int offset, long value) {}
      for (var malformed : new Malformation[] {
        new Malformation("XSTATE_BV beyond XCR0", XSTATE_BV, xcr0 | 1L << 62),
        new Malformation("XSTATE_BV of a component that is off", XSTATE_BV, xcr0 | Long.lowestOneBit(~xcr0)),
        new Malformation("compacted form", XCOMP_BV, 1L << 63 | 7),
        new Malformation("XCOMP_BV", XCOMP_BV, 1),
        new Malformation("reserved bytes of the header", XSTATE_BV + 16, 1),
        new Malformation("reserved bits of MXCSR", MXCSR, 0xffff_0000L),
      }) {
        var area = processor.extendedState();
        area.fill((byte) 0);
        area.set(JAVA_LONG_UNALIGNED, XSTATE_BV, 7);
        area.set(JAVA_INT_UNALIGNED, MXCSR, MXCSR_START);
        area.set(JAVA_LONG_UNALIGNED, malformed.offset, malformed.value);
        var registers = testbed.at(rip);
        String given = registers.toString();
        assertThat(processor.enter(registers, Extended.LOAD)).as(malformed.what).isEqualTo(new Exit.Fault(13, 0, 0));
        assertThat(registers).hasToString(given);
      }
      FaultContract.assertStillWorks(testbed, processor);
    }
  }
}
