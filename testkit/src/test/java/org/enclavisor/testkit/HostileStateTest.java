package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.RestoreOutcome;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.monitor.state.MalformedStateException;
import org.enclavisor.monitor.state.Section;
import org.enclavisor.monitor.state.StateProgress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Streams that nobody wrote: one clear answer, or an enclave that the architecture could have. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileStateTest {
  private static final int HEADER = 48;
  private static final int DIGEST = 32;

  /** SECS.SIZE is bounded here, as a mebibyte of the fake's memory is made in each attempt. */
  private static MonitorConfig small() {
    var d = MonitorConfig.defaults();
    return new MonitorConfig(
        d.launchKeyHash(), d.provisioning(), d.launching(), d.attributes(), d.miscselect(), d.features(), 24,
        d.cpuSvn(), d.ownerEpoch(), d.random(), d.events(), d.epc(), d.root());
  }

  private static byte[] state(Seeded seeded) throws IOException {
    try (var platform = new WatchedPlatform(FakePlatform.open()); var monitor = new Monitor(platform, small())) {
      var loaded = SampleEnclave.of(Code::ud2).threads(3).nssa(3).size(1 << 20).build().load(monitor);
      MemorySegment.copy(
          MemorySegment.ofArray(seeded.bytes(0x2000)), 0, platform.last().enclave(), SampleEnclave.DATA, 0x2000);
      monitor.protect(loaded.id(), SampleEnclave.DATA, 0x1000, Permissions.R);
      monitor.protect(loaded.id(), 0x8_0000, 0x4_0000, Permissions.RW);
      for (int thread = 0; thread < 2; thread++) {
        var registers = new Registers();
        EnterOutcome outcome =
            monitor.enter(loaded.id(), EnterCall.eenter(loaded.tcs(thread), 0x1000), registers);
        assertThat(outcome).isInstanceOf(EnterOutcome.Faulted.class);
      }
      monitor.checkpoints().stop(loaded.id());
      var out = new ByteArrayOutputStream();
      monitor.checkpoints().write(loaded.id(), Channels.newChannel(out), false, StateProgress.NONE);
      return out.toByteArray();
    }
  }

  private static RestoreOutcome restore(Monitor monitor, byte[] stream) throws IOException {
    return monitor.checkpoints()
        .restore(Channels.newChannel(new ByteArrayInputStream(stream)), List.of(), StateProgress.NONE);
  }

  /** With the digest that its bytes would have. */
  private static byte[] sealed(byte[] stream) {
    try {
      byte[] copy = stream.clone();
      var digest = MessageDigest.getInstance("SHA-256");
      digest.update(copy, 0, copy.length - DIGEST);
      System.arraycopy(digest.digest(), 0, copy, copy.length - DIGEST, DIGEST);
      return copy;
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static byte[] mutated(Seeded seeded, byte[] good) {
    byte[] copy = good.clone();
    ByteBuffer words = ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
    // What matters most is little and at the front; page contents are most of the bytes.
    int limit = seeded.chance(0.8) ? Math.min(copy.length, 6000) : copy.length;
    switch (seeded.below(7)) {
      case 0 -> copy[seeded.below(limit)] ^= (byte) (1 << seeded.below(8));
      case 1 -> words.putLong(seeded.below(limit - 8), seeded.word());
      case 2 -> words.putInt(seeded.below(limit / 4 - 1) * 4, (int) seeded.word());
      case 3 -> copy = seeded.truncated(copy);
      case 4 -> {
        int from = seeded.below(limit);
        int bytes = 1 + seeded.below(200);
        byte[] longer = new byte[copy.length + bytes];
        System.arraycopy(copy, 0, longer, 0, from);
        System.arraycopy(seeded.bytes(bytes), 0, longer, from, bytes);
        System.arraycopy(copy, from, longer, from + bytes, copy.length - from);
        copy = longer;
      }
      case 5 -> {
        int from = seeded.below(limit);
        int bytes = Math.min(1 + seeded.below(200), copy.length - from);
        byte[] shorter = Arrays.copyOf(copy, copy.length - bytes);
        System.arraycopy(copy, from + bytes, shorter, from, copy.length - from - bytes);
        copy = shorter;
      }
      default -> {
        // A section taken out, or told twice.
        int at = HEADER;
        for (int i = seeded.below(8); i > 0 && at + 16 < copy.length; i--) {
          at += 16 + (int) words.getLong(at + 8);
        }
        int end = at + 16 < copy.length ? Math.min(copy.length, at + 16 + (int) words.getLong(at + 8)) : at;
        var out = new ByteArrayOutputStream();
        out.write(copy, 0, seeded.chance(0.5) ? at : end);
        out.write(copy, at, copy.length - at);
        copy = seeded.chance(0.5) ? out.toByteArray() : joined(copy, at, end);
      }
    }
    return copy;
  }

  private static byte[] joined(byte[] bytes, int from, int to) {
    var out = new ByteArrayOutputStream();
    out.write(bytes, 0, from);
    out.write(bytes, to, bytes.length - to);
    return out.toByteArray();
  }

  @Test
  void mutationsAreToldOrHarmless() throws IOException {
    var seeded = Seeded.named("mutationsAreToldOrHarmless");
    byte[] good = state(seeded);
    Map<Section, Integer> complaints = new EnumMap<>(Section.class);
    int refused = 0;
    int restored = 0;
    try (var platform = FakePlatform.open()) {
      for (int i = 0; i < 3000; i++) {
        boolean resealed = seeded.chance(0.7);
        byte[] bad = mutated(seeded, good);
        byte[] stream = resealed && bad.length > HEADER + DIGEST ? sealed(bad) : bad;
        try (var monitor = new Monitor(platform, small())) {
          switch (restore(monitor, stream)) {
            case RestoreOutcome.Refused(String reason) -> {
              refused++;
              assertThat(reason).isNotBlank();
              assertThat(monitor.enclaves()).isZero();
            }
            case RestoreOutcome.Restored(var id, long base) -> {
              restored++;
              assertThat(Arrays.equals(stream, good) || resealed || Arrays.equals(
                  Arrays.copyOf(stream, good.length), good)).as("only what has the right digest").isTrue();
              // Whatever it is, it can be entered or not, and what it is can be told in the format's own words.
              var view = StateView.of(stream);
              if (!enters(monitor, id, base, view)) {
                continue;
              }
              monitor.checkpoints().stop(id);
              var again = new ByteArrayOutputStream();
              monitor.checkpoints().write(id, Channels.newChannel(again), false, StateProgress.NONE);
              assertThat(StateView.of(again.toByteArray()).entries().keySet()).isEqualTo(view.entries().keySet());
            }
          }
        } catch (MalformedStateException e) {
          complaints.merge(e.section(), 1, Integer::sum);
          assertThat(e.offset()).isBetween(0L, (long) stream.length + (1 << 21));
          assertThat(e.expected()).isNotBlank();
          assertThat(e.found()).isNotBlank();
          assertThat(e).hasMessageContaining(e.section().name()).hasMessageContaining("expected");
        }
      }
    }
    System.out.println("complaints " + complaints + ", refused " + refused + ", restored " + restored);
    assertThat(complaints.keySet()).contains(
        Section.HEADER, Section.INSTANCE, Section.MACHINE, Section.SECS, Section.THREADS, Section.ENTRIES,
        Section.MAPPINGS, Section.PAGES, Section.END);
    assertThat(refused).isPositive();
    assertThat(restored).isPositive();
  }

  /** Tries to enter every thread. False if its code is none that the fake knows, which costs the enclave its life. */
  private static boolean enters(Monitor monitor, EnclaveId id, long base, StateView view) {
    for (String thread : view.threads()) {
      long tcs = base + Long.parseLong(thread.substring(0, thread.indexOf(' '))) * 4096;
      for (var call : List.of(EnterCall.eresume(tcs, 0x1000), EnterCall.eenter(tcs, 0x1000))) {
        try {
          assertThat(monitor.enter(id, call, new Registers()))
              .isInstanceOfAny(EnterOutcome.Faulted.class, EnterOutcome.Refused.class);
        } catch (UnsupportedOperationException e) {
          return false;
        }
      }
    }
    return true;
  }

  /** Each of these breaks one rule, and the answer names it. */
  @Test
  void theAnswerNamesWhatIsWrong() throws IOException {
    byte[] good = state(Seeded.of(1));
    assertComplaint(at(good, 0, (byte) 'X'), Section.HEADER, "magic");
    assertComplaint(at(good, 8, (byte) 2), Section.HEADER, "version");
    assertComplaint(at(good, 12, (byte) 7), Section.HEADER, "kind");
    assertComplaint(at(good, HEADER, (byte) 2), Section.INSTANCE, "tag");
    assertComplaint(at(good, HEADER, (byte) 77), Section.HEADER, "next section");
    assertComplaint(at(good, HEADER + 15, (byte) 1), Section.INSTANCE, "length");
    assertComplaint(at(good, HEADER + 16 + 27, (byte) 0x80), Section.INSTANCE, "generation");
    assertComplaint(Arrays.copyOf(good, good.length - 1), Section.END, "payload");
    assertComplaint(at(good, good.length - 1, (byte) ~good[good.length - 1]), Section.END, "digest");
    assertComplaint(new byte[0], Section.HEADER, "payload");
  }

  private static byte[] at(byte[] stream, int offset, byte value) {
    byte[] copy = stream.clone();
    copy[offset] = value;
    return copy;
  }

  private static void assertComplaint(byte[] stream, Section section, String field) throws IOException {
    try (var platform = FakePlatform.open(); var monitor = new Monitor(platform, small())) {
      restore(monitor, stream);
      throw new AssertionError("it was taken");
    } catch (MalformedStateException e) {
      assertThat(e.section()).as(e.getMessage()).isEqualTo(section);
      assertThat(e).hasMessageContaining(field);
    }
  }
}
