package org.enclavisor.app.profile;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.CallObserver.Direction;
import org.jspecify.annotations.Nullable;

/**
 * One ECALL or OCALL, with those made from within it. Times are in nanoseconds of one clock. Written by the thread that
 * makes it, read when the recording is over.
 */
public final class Call {
  private final @Nullable Call parent;
  private final Direction direction;
  private final String name;
  private final long begin;
  private long end;
  private long inside;
  private int stays;
  private int asynchronousExits;
  private long gap;
  private int gapStays;
  private @Nullable Object question;
  private final List<Call> children = new ArrayList<>(0);

  Call(@Nullable Call parent, Direction direction, String name, long begin) {
    this.parent = parent;
    this.direction = direction;
    this.name = name;
    this.begin = begin;
    this.end = begin;
    if (parent != null) {
      parent.children.add(this);
    }
  }

  void ended(long nanos) {
    end = nanos;
  }

  /** Time that the thread spent inside for this ECALL, without its OCALLs. */
  void stayed(long nanos) {
    inside += nanos;
    stays++;
  }

  void leftAsynchronously() {
    asynchronousExits++;
  }

  void gap(long nanos, int count) {
    gap = nanos;
    gapStays = count;
  }

  void question(Object arguments) {
    question = arguments;
  }

  /** The call from within which this one was made. */
  @Nullable Call parent() {
    return parent;
  }

  /** In or out. */
  public Direction direction() {
    return direction;
  }

  /** The function. */
  public String name() {
    return name;
  }

  /** When it began. */
  public long begin() {
    return begin;
  }

  /** When it ended. */
  public long end() {
    return end;
  }

  /** How long it took, with everything in it. */
  public long nanos() {
    return end - begin;
  }

  /** How often the thread was inside for this ECALL: once, once more for each OCALL, once more for each AEX. */
  public int stays() {
    return stays;
  }

  /** How often it was left by an exception or interrupt. */
  public int asynchronousExits() {
    return asynchronousExits;
  }

  /** The calls made from within, in their order. */
  public List<Call> children() {
    return children;
  }

  /** What was asked, if somebody noted it: equal if the arguments are. */
  @Nullable Object question() {
    return question;
  }

  /**
   * What it did itself, without the ways in and out: of an ECALL the time inside, of an OCALL the time outside without
   * ECALLs from within it.
   *
   * @param transition what a way in and out costs
   */
  long work(long transition) {
    return switch (direction) {
      case ECALL -> Math.max(0, inside - stays * transition);
      case OCALL -> Math.max(0, nanos() - children.stream().mapToLong(Call::nanos).sum());
    };
  }

  /**
   * What the enclave did between coming in, or the OCALL before, and this OCALL; of an ECALL what it did after its last
   * OCALL.
   */
  long gap(long transition) {
    return Math.max(0, gap - gapStays * transition);
  }
}
