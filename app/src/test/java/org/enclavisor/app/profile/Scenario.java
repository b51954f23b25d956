package org.enclavisor.app.profile;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.CallObserver.Direction;

/** A thread's calls, told with a clock that stands still unless it is told to go on. Times in nanoseconds. */
final class Scenario {
  static final long TRANSITION = 1000;

  private final Track track = new Track("test");
  private final List<Profile.AsynchronousExit> exits = new ArrayList<>();
  private final List<Profile.Paging> paging = new ArrayList<>();
  private long now = 1_000_000;

  /** What a call consists of. */
  interface Body {
    void run();
  }

  Scenario pause(long nanos) {
    now += nanos;
    return this;
  }

  Scenario ecall(String name, Body body) {
    Call call = track.begins(Direction.ECALL, name, now);
    track.entered(now);
    body.run();
    now += TRANSITION;
    track.left(now, false);
    track.ended(call, now);
    return this;
  }

  /** From inside; {@code body} is what the host does. */
  void ocall(String name, Object question, Body body) {
    now += TRANSITION;
    track.left(now, false);
    Call call = track.begins(Direction.OCALL, name, now);
    if (!"".equals(question)) {
      call.question(question);
    }
    body.run();
    track.ended(call, now);
    track.entered(now);
  }

  void ocall(String name, long nanos) {
    ocall(name, "", () -> now += nanos);
  }

  /** Work of whoever has the thread. */
  void work(long nanos) {
    now += nanos;
  }

  /** Out by an exception, in and out for the handler, in again. */
  void exception(String cause) {
    now += TRANSITION;
    exits.add(new Profile.AsynchronousExit(now, cause, "here"));
    track.left(now, true);
    track.entered(now);
    now += TRANSITION;
    track.left(now, false);
    track.entered(now);
  }

  void paging(String kind, long pages, long took) {
    now += took;
    paging.add(new Profile.Paging(now, kind, pages, took));
  }

  Profile profile() {
    return new Profile(
        List.of(new Profile.Lane("test", track.roots())), exits, paging,
        new Transitions.Cost(TRANSITION, TRANSITION, 1), 0);
  }
}
