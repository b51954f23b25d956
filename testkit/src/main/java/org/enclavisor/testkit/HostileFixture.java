package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * Enclaves that attack, one after the other, beside one that minds its own business: on platforms that run real
 * processes.
 */
abstract class HostileFixture extends EnclaveFixture {
  static final long PATIENCE_SECONDS = 20;
  private static final long ATTACK_MILLIS = 50;
  static final int PAGE = 4096;

  Loaded bystander;

  /** The process behind an address space. */
  protected abstract int pid(AddressSpace space);

  @BeforeEach
  void loadABystander() {
    bystander = load(SampleEnclave.of(c -> c.add(RDI, 1).mov(RBX, RCX).enclu(4)));
  }

  @AfterEach
  void theBystanderIsUnharmed() {
    var registers = host();
    registers.rdi = 41;
    assertThat(eenter(bystander, 0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rdi).isEqualTo(42);
  }

  /** An attack that is made again and again, with another enclave whenever one is spoilt. */
  final class Attacker {
    private final SampleEnclave enclave;
    Loaded loaded;
    int deaths;

    Attacker(SampleEnclave.Builder builder) {
      this.enclave = builder.threads(2).build();
      this.loaded = load(enclave);
    }

    /** One attack by the first thread, to its end and out of the enclave. */
    EnterOutcome attack(Registers registers) {
      return attack(registers, ATTACK_MILLIS);
    }

    /** The same, interrupted only after so many milliseconds. */
    EnterOutcome attack(Registers registers, long millis) {
      EnterOutcome outcome = bounded(loaded, 0, millis, () -> eenter(loaded, 0, registers));
      switch (outcome) {
        case Exited _ -> {}
        case EnterOutcome.Faulted _, EnterOutcome.Interrupted _ -> recover();
        case EnterOutcome.Refused _ -> replace();
        case EnterOutcome.Dead _ -> {
          deaths++;
          replace();
        }
      }
      return outcome;
    }

    private void recover() {
      boolean out = bounded(loaded, 0, () -> eenter(loaded, 0, host())) instanceof Exited
          && bounded(loaded, 0, () -> eresume(loaded, 0, host())) instanceof Exited;
      if (!out) {
        replace();
      }
    }

    void replace() {
      device().remove(loaded.id());
      loaded = load(enclave);
    }
  }

  /** What comes of an entry that may never end by itself: it is interrupted after a while. */
  final EnterOutcome bounded(Loaded loaded, int thread, Supplier<EnterOutcome> entry) {
    return bounded(loaded, thread, ATTACK_MILLIS, entry);
  }

  private EnterOutcome bounded(Loaded loaded, int thread, long millis, Supplier<EnterOutcome> entry) {
    var outcome = start(entry);
    try {
      return outcome.get(millis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return interrupted(loaded, thread, outcome);
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError("an attack broke the monitor", e);
    }
  }

  final EnterOutcome interrupted(Loaded loaded, int thread, CompletableFuture<EnterOutcome> outcome) {
    device().interrupt(loaded.id(), loaded.tcs(thread));
    try {
      return outcome.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError("an attack broke the monitor, or cannot be interrupted", e);
    }
  }

  /** A part of the enclave process's memory that is neither the ELRANGE nor untrusted memory. */
  record Area(long start, long end, String permissions) {
    boolean may(char permission) {
      return permissions.indexOf(permission) >= 0;
    }
  }

  /** Those of the enclave that was created last. */
  final List<Area> areas(Loaded loaded, char permission) {
    var space = space();
    assertThat(space.enclaveBase()).isEqualTo(loaded.base());
    long end = loaded.base() + loaded.enclave().secs().size();
    try {
      var areas = Files.readAllLines(Path.of("/proc/" + pid(space) + "/maps")).stream()
          .map(line -> line.split("[ -]", 3))
          .map(f -> new Area(Long.parseUnsignedLong(f[0], 16), Long.parseUnsignedLong(f[1], 16), f[2].substring(0, 4)))
          .filter(area -> area.start > 0 && (area.start < loaded.base() || area.start >= end))
          .filter(area -> area.start != space.untrustedBase() && area.may(permission))
          .toList();
      assertThat(areas).isNotEmpty();
      return areas;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
