package org.enclavisor.monitor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A host that asks for anything, in any order, of an enclave that does anything. */
class HostileHostTest {
  private static final long[] NUMBERS = {
    0, 1, 8, 4095, 4096, 8192, 0x8000, 0x10000, 1L << 31, 1L << 32, 1L << 47, 1L << 48, 1L << 62, Long.MAX_VALUE,
    Long.MIN_VALUE, -1, -4096, 0x7000_0000_0000L, 0x7000_0000_1000L, 0x7000_0000_4000L, 0x7FFF_FFFF_FFFF_F000L
  };

  private final Sigstruct sigstruct =
      TestEnclaves.sign(TestEnclaves.measure(TestEnclaves.secs()).mrEnclave(), TestEnclaves.secs());

  private static long number(Random random) {
    long number = NUMBERS[random.nextInt(NUMBERS.length)];
    return random.nextInt(4) == 0 ? number + random.nextInt(16) * 4096 : number;
  }

  private static Secinfo secinfo(Random random) {
    return new Secinfo(
        random.nextInt(3) == 0 ? PageType.values()[random.nextInt(7)] : PageType.REG,
        Permissions.of(random.nextInt(8)),
        random.nextInt(10) == 0,
        random.nextInt(10) == 0,
        random.nextInt(10) == 0);
  }

  /** An exit as a process might report it that the enclave has taken over. */
  private static Exit exit(Random random, Registers r) {
    r.rax = random.nextInt(3) == 0 ? 4 : random.nextInt(12) - 1;
    r.rbx = number(random);
    r.rcx = number(random);
    r.rdx = number(random);
    r.rip = number(random);
    r.rsp = number(random);
    r.rflags = random.nextLong();
    r.fsBase = number(random);
    return switch (random.nextInt(6)) {
      case 0 -> new Exit.Fault(random.nextInt(40) - 4, random.nextInt(), number(random));
      case 1 -> Exit.Interrupt.INSTANCE;
      case 2 -> random.nextInt(20) == 0 ? new Exit.Death("random") : Exit.Interrupt.INSTANCE;
      default -> Exit.Enclu.INSTANCE;
    };
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void everyAnswerIsAnOutcome(long seed) {
    Random random = new Random(seed);
    ScriptedPlatform platform = new ScriptedPlatform();
    platform.script =
        (cpu, r, extended) -> {
          // What is in the mailbox and in enclave memory is the enclave's word.
          for (int i = 0; i < 64; i++) {
            cpu.area.set(
                JAVA_BYTE, random.nextInt((int) cpu.area.byteSize()), (byte) random.nextInt());
            cpu.space.enclave().set(
                JAVA_BYTE, random.nextInt((int) TestEnclaves.SIZE), (byte) random.nextInt());
          }
          return exit(random, r);
        };
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      List<EnclaveId> ids = new ArrayList<>();
      Set<String> kinds = new HashSet<>();
      for (int step = 0; step < 4000; step++) {
        if (ids.isEmpty() || random.nextInt(50) == 0) {
          ids.add(TestEnclaves.load(monitor, TestEnclaves.secs()).id());
        }
        EnclaveId id = ids.get(random.nextInt(ids.size()));
        switch (random.nextInt(14)) {
          case 0 -> hostileCreate(random, monitor);
          case 1 -> {
            byte[] bytes = new byte[random.nextInt(3) * 4096 + (random.nextInt(8) == 0 ? 5 : 0)];
            random.nextBytes(bytes);
            answered(
                monitor.add(id, number(random), secinfo(random), MemorySegment.ofArray(bytes), random.nextBoolean()));
          }
          case 2 ->
              answered(
                  monitor.addZero(id, number(random), number(random), secinfo(random), random.nextBoolean()));
          case 3 -> answered(monitor.protect(id, number(random), number(random), Permissions.of(random.nextInt(8))));
          case 4 -> answered(monitor.init(id, sigstruct, Optional.of(Einittoken.ABSENT)));
          case 5 -> monitor.interrupt(id, number(random));
          case 6 -> {
            if (random.nextInt(30) == 0) {
              answered(monitor.remove(id));
              ids.remove(id);
            }
          }
          case 7 -> {
            CreateOutcome created = monitor.create(TestEnclaves.secs(), 4096, 1);
            ids.add(((CreateOutcome.Created) created).id());
          }
          default -> {
            EncluLeaf leaf = random.nextBoolean() ? EncluLeaf.EENTER : EncluLeaf.ERESUME;
            long tcs = random.nextInt(5) == 0 ? number(random) : platform.defaultBase + TestEnclaves.TCS_OFFSET;
            EnterOutcome outcome =
                monitor.enter(
                    id,
                    new EnterCall(leaf, tcs, random.nextInt(9) == 0 ? number(random) : 1),
                    new Registers());
            kinds.add(outcome.getClass().getSimpleName());
          }
        }
        if (ids.size() > 20) {
          answered(monitor.remove(ids.removeFirst()));
        }
      }
      assertThat(monitor.enclaves()).isEqualTo(ids.size());
      assertThat(kinds).as("the test reaches all of it").contains(
          "Exited",
          "Faulted",
          "Interrupted",
          "Refused",
          "Dead");
    }
    assertThat(platform.spaces).allMatch(space -> space.closed);
  }

  private static void hostileCreate(Random random, Monitor monitor) {
    Secs secs =
        Secs.of(
                random.nextBoolean() ? TestEnclaves.SIZE : number(random),
                (int) number(random),
                new MiscSelect(random.nextInt(4)),
                new Attributes(random.nextInt(256), random.nextInt(16)))
            .withBaseAddr(number(random));
    if (monitor.create(secs, 4096, 1) instanceof CreateOutcome.Created created) {
      assertThat(secs.size()).isLessThan(1L << 20);
      answered(monitor.remove(created.id()));
    }
  }

  private static void answered(Outcome outcome) {
    assertThat(outcome.ok() || !outcome.reason().isEmpty()).as("a refusal says why").isTrue();
  }
}
