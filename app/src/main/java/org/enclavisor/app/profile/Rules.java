package org.enclavisor.app.profile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.enclavisor.app.bench.Times;
import org.enclavisor.app.profile.Finding.Kind;
import org.enclavisor.host.CallObserver.Direction;
import org.enclavisor.monitor.observe.PagingKind;

/**
 * Where an enclave calls too often. The rules are those of sgx-perf (Weichbrodt, Aublin, Kapitza: Middleware 2018), but
 * measure with the transitions of the run itself instead of fixed times, and know what the enclave did between two
 * calls, which sgx-perf has to guess from the clock.
 *
 * <p>Something is short if it takes less than {@value #SHORT_TRANSITIONS} transitions, or less than {@value
 * #SHORT_NANOS} ns, which is about as much on a processor with SGX. A rule holds if it holds for a third of a
 * function's calls and at least {@value #LEAST_CALLS} of them, and matters if it would save one part in 1000 of the
 * time.
 */
public final class Rules {
  private static final int SHORT_TRANSITIONS = 4;
  private static final long SHORT_NANOS = 10_000;

  /** A host that comes back within so much was not waiting for something. */
  private static final int SOON = 5;

  private static final int LEAST_CALLS = 20;
  private static final double LEAST_SHARE = 0.001;
  private static final double LEAST_PAGING = 0.02;
  private static final double MANY = 0.35;

  /** Other load on the machine makes calls longer, never shorter: what a function does, its quicker calls tell. */
  private static final double QUICKER = 0.25;

  /** So many calls a second are worth a thread that waits for them. */
  private static final double OFTEN = 1000;

  private static final Set<String> SLEEPS =
      Set.of(
          "sgx_thread_wait_untrusted_event_ocall",
          "sgx_thread_setwait_untrusted_events_ocall",
          "sgx_thread_set_untrusted_event_ocall",
          "sgx_thread_set_multiple_untrusted_events_ocall",
          "pthread_wait_timeout_ocall",
          "pthread_wakeup_ocall");

  private final Profile profile;
  private final long transition;
  private final long little;
  private final long inCalls;
  private final long usual;
  private final Map<Call, Call> before = new HashMap<>();
  private final List<Finding> findings = new ArrayList<>();

  private Rules(Profile profile) {
    this.profile = profile;
    transition = Math.max(1, profile.transition().nanos());
    little = Math.max(SHORT_TRANSITIONS * transition, SHORT_NANOS);
    inCalls = Math.max(1, profile.inCalls());
    usual = usual(profile);
    profile.lanes().forEach(lane -> noteNeighbours(lane.calls()));
  }

  /** All findings, those that would save most first. */
  public static List<Finding> judge(Profile profile) {
    Rules rules = new Rules(profile);
    profile.functions().forEach(rules::judge);
    rules.judgeExceptions();
    rules.judgePaging();
    rules.findings.sort(Comparator.comparingLong(Finding::gain).reversed());
    return List.copyOf(rules.findings);
  }

  /** The time in calls without what is far out: when others needed the processor, say. */
  private static long usual(Profile profile) {
    long usual = 0;
    for (Profile.Function function : profile.functions()) {
      List<Call> outermost = function.calls().stream().filter(call -> call.parent() == null).toList();
      long total = outermost.stream().mapToLong(Call::nanos).sum();
      usual += Math.min(total, 2 * outermost.size() * function.quantile(0.5));
    }
    return Math.max(1, usual);
  }

  private void noteNeighbours(List<Call> siblings) {
    Call last = null;
    for (Call call : siblings) {
      if (last != null) {
        before.put(call, last);
      }
      last = call;
      noteNeighbours(call.children());
    }
  }

  private void judge(Profile.Function function) {
    if (function.count() < LEAST_CALLS) {
      return;
    }
    boolean out = function.direction() == Direction.OCALL;
    if (SLEEPS.contains(function.name())) {
      shortSleep(function);
      return;
    }
    boolean found =
        out && (duplicate(function) || atTheStart(function) || atTheEnd(function));
    if (!found && function.work(transition, QUICKER) <= little) {
      found = inSeries(function) || inPairs(function) || shortAnyhow(function);
    }
  }

  private boolean duplicate(Profile.Function function) {
    Set<Object> questions = new HashSet<>();
    long asked = function.calls().stream().map(Call::question).filter(q -> q != null).peek(questions::add).count();
    long again = asked - questions.size();
    if (asked < function.count() || again < MANY * asked) {
      return false;
    }
    return add(
        Kind.DUPLICATE, function, Optional.empty(), again,
        again * (transition + function.quantile(0.5)),
        "is asked %d times, but for %s".formatted(
            asked, questions.size() == 1 ? "one and the same thing" : questions.size() + " different things only"),
        "Ask once, and keep the answer inside.");
  }

  private boolean atTheStart(Profile.Function function) {
    List<Call> first =
        function.calls().stream()
            .filter(call -> call.parent() != null && !before.containsKey(call) && call.gap(transition) <= little)
            .toList();
    return many(first.size(), function)
        && add(
            Kind.AT_THE_START, function, Optional.of(parents(first)), first.size(), first.size() * transition,
            "is the first thing that %s does, %d of %d times"
                .formatted(parents(first), first.size(), function.count()),
            "Let the host do it before the ECALL, and pass the answer as a parameter.");
  }

  private boolean atTheEnd(Profile.Function function) {
    List<Call> last =
        function.calls().stream()
            .filter(
                call ->
                    call.parent() != null
                        && call.parent().children().getLast() == call
                        && call.parent().gap(transition) <= little)
            .toList();
    return many(last.size(), function)
        && add(
            Kind.AT_THE_END, function, Optional.of(parents(last)), last.size(), last.size() * transition,
            "is the last thing that %s does, %d of %d times".formatted(parents(last), last.size(), function.count()),
            "Let the ECALL return what it is about, and the host do it afterwards.");
  }

  private boolean inSeries(Profile.Function function) {
    long again =
        function.calls().stream().filter(call -> follows(call) && before.get(call).name().equals(call.name())).count();
    boolean out = function.direction() == Direction.OCALL;
    return many(again, function)
        && add(
            Kind.IN_SERIES, function, Optional.empty(), again, again * transition,
            "is called %d times right after itself".formatted(again),
            (out
                    ? "Collect what it is about, and hand it over in one OCALL"
                    : "Let one ECALL do several of them")
                + switchless(function));
  }

  private boolean inPairs(Profile.Function function) {
    Map<String, Long> others = new HashMap<>();
    for (Call call : function.calls()) {
      if (follows(call) && before.get(call).work(transition) <= little) {
        others.merge(before.get(call).name(), 1L, Long::sum);
      }
    }
    Optional<Map.Entry<String, Long>> other = others.entrySet().stream().max(Map.Entry.comparingByValue());
    if (other.isEmpty() || !many(other.get().getValue(), function)) {
      return false;
    }
    String name = other.get().getKey();
    long count = other.get().getValue();
    return add(
        Kind.IN_PAIRS, function, Optional.of(name), count, count * transition,
        "comes right after %s, %d of %d times".formatted(name, count, function.count()),
        "Make one call of the two" + switchless(function));
  }

  private boolean shortAnyhow(Profile.Function function) {
    boolean out = function.direction() == Direction.OCALL;
    return add(
        Kind.SHORT, function, Optional.empty(), function.count(), function.count() * transition,
        "is called %d times".formatted(function.count()),
        (out
                ? "Do it inside, if the enclave can without the host"
                : "Do it outside, if it needs no secret, or more of it in each call")
            + switchless(function));
  }

  private void shortSleep(Profile.Function function) {
    if (function.work(transition, QUICKER) <= little) {
      add(
          Kind.SHORT_SLEEP, function, Optional.empty(), function.count(), function.count() * transition,
          "is called %d times by locks and conditions of the enclave".formatted(function.count()),
          "Let them spin for a while before they sleep, or hold locks for a shorter time.");
    }
  }

  private void judgeExceptions() {
    Map<String, Long> causes = new HashMap<>();
    for (Profile.AsynchronousExit exit : profile.exits()) {
      if (!exit.cause().equals(Profile.INTERRUPT)) {
        causes.merge(exit.cause(), 1L, Long::sum);
      }
    }
    causes.forEach(
        (cause, count) -> {
          // Out by the AEX, in and out for the handler, in again by ERESUME.
          long gain = 2 * count * transition;
          if (count >= LEAST_CALLS && gain >= LEAST_SHARE * usual) {
            String during = during(cause);
            findings.add(
                new Finding(
                    Kind.EXCEPTIONS, Direction.ECALL, cause, Optional.of(during), count, 0, gain,
                    (double) gain / inCalls,
                    "%s is raised %d times in %s, each time with a way out, one in for the handler, and back"
                        .formatted(cause, count, during),
                    "Avoid the instruction, or ask the host once for what it gives."));
          }
        });
  }

  private String during(String cause) {
    return profile.exits().stream()
        .filter(exit -> exit.cause().equals(cause))
        .map(Profile.AsynchronousExit::during)
        .filter(name -> !name.isEmpty())
        .distinct()
        .sorted()
        .reduce((one, other) -> one + ", " + other)
        .orElse("the enclave's start code");
  }

  private void judgePaging() {
    long pages = 0;
    long reloaded = 0;
    long moving = 0;
    long serving = 0;
    for (Profile.Paging each : profile.paging()) {
      if (each.nanos() < profile.begin()) {
        continue; // it was for loading
      }
      boolean reload = each.kind().equals(PagingKind.RELOADED.name());
      if (each.kind().equals(Profile.SERVED)) {
        serving += each.took();
      } else if (reload || each.kind().equals(PagingKind.EVICTED.name())) {
        pages += each.pages();
        reloaded += reload ? each.pages() : 0;
        moving += each.took();
      }
    }
    // Nearly all pages move while a fault is served, which takes more than to move them.
    long took = Math.max(moving, serving);
    if (reloaded >= LEAST_CALLS && took >= LEAST_PAGING * inCalls) {
      findings.add(
          new Finding(
              Kind.PAGING, Direction.ECALL, "EWB and ELDU", Optional.empty(), pages, took / pages, took,
              (double) took / inCalls,
              "%d pages were evicted or reloaded, which took %s".formatted(pages, Times.text(took)),
              "Give the enclave more EPC, or let it work on less memory at a time."));
    }
  }

  private boolean many(long count, Profile.Function function) {
    return count >= LEAST_CALLS && count >= MANY * function.count();
  }

  /** Whether next to nothing happened between a call and the one before it, on the side that makes them. */
  private boolean follows(Call call) {
    Call last = before.get(call);
    return last != null
        && switch (call.direction()) {
          case OCALL -> call.gap(transition) <= little;
          case ECALL -> call.begin() - last.end() <= SOON * little;
        };
  }

  private static String parents(List<Call> calls) {
    return calls.stream()
        .map(Call::parent)
        .filter(parent -> parent != null)
        .map(Call::name)
        .distinct()
        .sorted()
        .reduce((one, other) -> one + ", " + other)
        .orElse("");
  }

  private String switchless(Profile.Function function) {
    long last = function.calls().getLast().end();
    double seconds = (last - function.calls().getFirst().begin()) / 1e9;
    return function.count() >= OFTEN * seconds
        ? "; or serve it switchless, by a thread that waits on the other side." : ".";
  }

  private boolean add(
      Kind kind, Profile.Function function, Optional<String> other, long count, long gain, String seen, String advice) {
    if (gain < LEAST_SHARE * usual) {
      return false;
    }
    long work = function.work(transition, QUICKER);
    String what =
        "%s %s; it %s, the way there and back takes %s"
            .formatted(
                function.name(), seen,
                4 * work < transition ? "does next to nothing" : "does " + Times.text(work) + " of work",
                Times.text(transition));
    findings.add(
        new Finding(
            kind, function.direction(), function.name(), other, count, work, gain, (double) gain / inCalls, what,
            advice));
    return true;
  }
}
