package org.enclavisor.app.profile;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.CallObserver.Direction;
import org.jspecify.annotations.Nullable;

/**
 * One thread's way in and out of enclaves, put together from what happens to it. Written by that thread, read when the
 * recording is over.
 */
final class Track {
  private final String thread;
  private final List<Call> roots = new ArrayList<>();
  private @Nullable Call current;
  private long since;
  private boolean isInside;
  private long gap;
  private int gapStays;

  Track(String thread) {
    this.thread = thread;
  }

  String thread() {
    return thread;
  }

  List<Call> roots() {
    return roots;
  }

  @Nullable Call current() {
    return current;
  }

  Call begins(Direction direction, String name, long nanos) {
    Call call = new Call(current, direction, name, nanos);
    if (current == null) {
      roots.add(call);
    }
    if (direction == Direction.OCALL) {
      call.gap(gap, gapStays);
    }
    gap = 0;
    gapStays = 0;
    current = call;
    return call;
  }

  void ended(Call call, long nanos) {
    call.ended(nanos);
    if (call.direction() == Direction.ECALL) {
      call.gap(gap, gapStays);
    }
    gap = 0;
    gapStays = 0;
    current = call.parent();
  }

  void entered(long nanos) {
    since = nanos;
    isInside = true;
  }

  void left(long nanos, boolean asynchronously) {
    if (!isInside) {
      return; // it went in before the recording began
    }
    isInside = false;
    long stay = nanos - since;
    gap += stay;
    gapStays++;
    if (current != null && current.direction() == Direction.ECALL) {
      current.stayed(stay);
      if (asynchronously) {
        current.leftAsynchronously();
      }
    }
  }
}
