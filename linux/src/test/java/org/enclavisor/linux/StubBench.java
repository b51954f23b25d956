package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;

/** Measures entries and exits of the bare platform, beside what the machine charges for their elements. */
public final class StubBench {
  private static final int ROUNDS = 200;
  private static final int SAMPLES = 600;
  private static final long CODE = 0x1000;

  private StubBench() {}

  public static void main(String[] arguments) {
    var machine = new Baselines();
    double spin = typical(() -> machine.spinningRoundTrip(ROUNDS));
    double futex = typical(() -> machine.futexRoundTripSameCore(ROUNDS));
    System.out.printf("spinning hand-over %.0f, futex round trip on one core %.0f, other core %.0f, syscall %.0f%n",
        spin, futex, machine.futexRoundTripOtherCore(2000), typical(() -> machine.systemCall(ROUNDS)));
    for (WaitPolicy policy : WaitPolicy.values()) {
      for (boolean strict : new boolean[] {false, true}) {
        double cycles = roundTrip(machine, StubOptions.DEFAULT.waiting(policy).strict(strict), "b8040000000f01d7");
        System.out.printf("EEXIT %-9s strict=%-5s %8.0f cycles  %6.2f x spinning  %5.2f x futex on one core%n",
            policy, strict, cycles, cycles / spin, cycles / futex);
      }
      double cycles = roundTrip(machine, StubOptions.DEFAULT.waiting(policy), "b8010000000f01d7");
      System.out.printf("int3  %-9s strict=false %8.0f cycles%n", policy, cycles);
    }
    load(machine);
  }

  private static double roundTrip(Baselines machine, StubOptions options, String code) {
    try (var platform = StubPlatform.open(options);
        var space = platform.create(new AddressSpaceLayout(0, 1 << 20, 8192, 2))) {
      write(space, code);
      try (LogicalProcessor lp = space.processor()) {
        var registers = new Registers();
        return typical(() -> {
          long start = System.nanoTime();
          for (int i = 0; i < ROUNDS; i++) {
            registers.rip = space.enclaveBase() + CODE + 16;
            lp.enter(registers, Extended.KEEP);
          }
          return (System.nanoTime() - start) * machine.cyclesPerNano() / ROUNDS;
        });
      }
    }
  }

  private static void load(Baselines machine) {
    try (var platform = StubPlatform.open()) {
      for (int i = 0; i < 3; i++) {
        long start = System.nanoTime();
        var space = platform.create(new AddressSpaceLayout(0, 1 << 20, 8192, 4));
        long created = System.nanoTime();
        for (int p = 0; p < 100; p++) {
          space.protect(0x1000L * p, 0x1000, Permissions.RW);
        }
        long protect = System.nanoTime();
        space.processor();
        long born = System.nanoTime();
        space.close();
        System.out.printf("create %d us, protect %.1f us, processor %d us, close %d us%n", (created - start) / 1000,
            (protect - created) / 100e3, (born - protect) / 1000, (System.nanoTime() - born) / 1000);
      }
    }
  }

  private static void write(AddressSpace space, String code) {
    byte[] bytes = HexFormat.of().parseHex(code);
    MemorySegment.copy(bytes, 0, space.enclave(), ValueLayout.JAVA_BYTE, CODE + 16, bytes.length);
    space.protect(CODE, 0x1000, Permissions.RX);
  }

  private interface Measure {
    double run();
  }

  private static double typical(Measure measure) {
    double[] samples = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      samples[i] = measure.run();
    }
    Arrays.sort(samples);
    return samples[SAMPLES / 20]; // whoever else uses the machine disturbs upwards only
  }
}
