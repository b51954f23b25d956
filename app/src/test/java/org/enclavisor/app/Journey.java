package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.enclavisor.host.CallResult;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.HostException;
import org.enclavisor.host.HostSnapshot;
import org.enclavisor.host.PendingCall;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.RestoreOutcome;
import org.enclavisor.monitor.state.StateProgress;

/** A sample whose calls are under way while its enclave is stopped, written, ended and brought back. */
final class Journey {
  /** Small shared memory: it is the host's to carry. */
  static final HostConfig CONFIG =
      HostConfig.defaults().withStackBytes(256 << 10).withHeapBytes(1 << 20).withPatience(Duration.ofSeconds(30));

  /** An ECALL as a person types it. */
  record Call(String ecall, List<String> arguments) {
    static Call of(String ecall, Object... arguments) {
      return new Call(ecall, List.of(arguments).stream().map(String::valueOf).toList());
    }
  }

  /** What is carried from one process to the next. */
  record Luggage(byte[] state, HostSnapshot host) {}

  private final String sample;
  private Hosting hosting;
  private Enclave enclave;
  private final List<CompletableFuture<Optional<String>>> running = new ArrayList<>();
  private final List<Call> begun = new ArrayList<>();
  private int pendingTaken;

  Journey(String sample, Hosting hosting) {
    this.sample = sample;
    this.hosting = hosting;
    this.enclave = served(hosting.load(sample, CONFIG));
  }

  private Journey(String sample, Hosting hosting, Enclave enclave) {
    this.sample = sample;
    this.hosting = hosting;
    this.enclave = served(enclave);
  }

  private static Enclave served(Enclave enclave) {
    if (enclave.image().name().contains("calls")) {
      enclave.serve(new CallsSampleTest.Servant(enclave));
    }
    return enclave;
  }

  /** Begins a call on a thread of its own; its result is its value, or what went wrong; empty if it has to travel. */
  void begin(Call call) {
    begun.add(call);
    Enclave here = enclave;
    running.add(start(() -> here.callText(call.ecall, call.arguments)));
  }

  private static CompletableFuture<Optional<String>> start(Callable<CallResult> call) {
    var result = new CompletableFuture<Optional<String>>();
    Thread.ofPlatform().daemon().start(() -> {
      try {
        result.complete(Optional.of(call.call().text()));
      } catch (EnclaveLostException e) {
        result.complete(Optional.empty());
      } catch (WrongUseException e) {
        result.complete(String.valueOf(e.getMessage()).contains("closed") ? Optional.empty() : Optional.of("" + e));
      } catch (HostException e) {
        result.complete(Optional.of(String.valueOf(e.getMessage())));
      } catch (Exception | AssertionError e) {
        result.completeExceptionally(e);
      }
    });
    return result;
  }

  boolean isOver() {
    return running.stream().allMatch(CompletableFuture::isDone);
  }

  /** All results, in no order. */
  List<String> results() {
    return running.stream().map(result -> await(result).orElseThrow()).sorted().toList();
  }

  /** Forgets what is over. */
  void next() {
    running.clear();
    begun.clear();
  }

  private static Optional<String> await(CompletableFuture<Optional<String>> result) {
    try {
      return result.get(60, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError("a call did not end well", e);
    }
  }

  /** How many calls were brought to another enclave in the middle. */
  int travelled() {
    return pendingTaken;
  }

  private EnclaveId stop() {
    assertThat(enclave.pause(Duration.ofSeconds(30))).isTrue();
    hosting.monitor().checkpoints().stop(enclave.id());
    return enclave.id();
  }

  /** Stops and goes on in place. */
  void rest() {
    EnclaveId id = stop();
    enclave.proceed(hosting.monitor().checkpoints().resume(id));
  }

  /** Stops, takes everything along and ends the enclave; empty if a call was in the middle of its host's Java. */
  Optional<Luggage> leave() {
    EnclaveId id = stop();
    HostSnapshot host;
    try {
      host = enclave.snapshot(Duration.ofSeconds(30));
    } catch (WrongUseException e) {
      enclave.proceed(hosting.monitor().checkpoints().resume(id));
      return Optional.empty();
    }
    var state = new ByteArrayOutputStream();
    try {
      hosting.monitor().checkpoints().write(id, Channels.newChannel(state), false, StateProgress.NONE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    enclave.close();
    return Optional.of(new Luggage(state.toByteArray(), host));
  }

  /** Goes on with everything in another place. */
  void arrive(Hosting where, Luggage luggage) {
    hosting = where;
    enclave = served(restored(where, sample, luggage));
    List<PendingCall> pending = enclave.pendingCalls();
    var lost = new ArrayList<Call>();
    for (int i = running.size() - 1; i >= 0; i--) {
      if (await(running.get(i)).isEmpty()) {
        lost.add(begun.remove(i));
        running.remove(i);
      }
    }
    assertThat(pending).as("calls under way").hasSize(luggage.host.calls()).hasSizeLessThanOrEqualTo(lost.size());
    for (PendingCall call : pending) {
      Call same = lost.stream().filter(one -> one.ecall.equals(call.ecall())).findFirst().orElseThrow();
      lost.remove(same);
      begun.add(same);
      running.add(start(call::finish));
      pendingTaken++;
    }
    lost.forEach(this::begin); // had not begun
  }

  /** What had not begun is begun by whoever continues the journey. */
  List<Call> unbegun(Luggage luggage) {
    int pending = luggage.host.calls();
    var lost = new ArrayList<Call>();
    for (int i = 0; i < running.size(); i++) {
      if (await(running.get(i)).isEmpty()) {
        lost.add(begun.get(i));
      }
    }
    assertThat(lost).hasSizeGreaterThanOrEqualTo(pending);
    return lost;
  }

  /** Results of calls that were over before it left. */
  List<String> finished() {
    return running.stream().map(Journey::await).flatMap(Optional::stream).toList();
  }

  static Enclave restored(Hosting where, String sample, Luggage luggage) {
    try {
      RestoreOutcome outcome =
          where.monitor().checkpoints()
              .restore(Channels.newChannel(new ByteArrayInputStream(luggage.state)), List.of(), StateProgress.NONE);
      assertThat(outcome).isInstanceOf(RestoreOutcome.Restored.class);
      return where.adopt(sample, CONFIG, (RestoreOutcome.Restored) outcome, luggage.host);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A journey that begins where another has ended, in another process. */
  static Journey continued(String sample, Hosting hosting, Luggage luggage, List<Call> unfinished) {
    Enclave enclave = restored(hosting, sample, luggage);
    var journey = new Journey(sample, hosting, enclave);
    var left = new ArrayList<>(unfinished);
    for (PendingCall call : enclave.pendingCalls()) {
      left.remove(left.stream().filter(one -> one.ecall.equals(call.ecall())).findFirst().orElseThrow());
      journey.running.add(start(call::finish));
    }
    left.forEach(journey::begin);
    return journey;
  }
}
