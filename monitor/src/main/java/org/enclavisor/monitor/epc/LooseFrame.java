package org.enclavisor.monitor.epc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.jspecify.annotations.Nullable;

/**
 * An EPC page that belongs to no ELRANGE: empty, or with a SECS or a version array in it, whose bytes are in the monitor
 * only. Such pages are never blocked. Thread-safe.
 */
public final class LooseFrame implements EpcPage {
  private static final int EXCLUSIVE = 1;
  private static final int SHARED_ONE = 2;
  private static final VarHandle LOCK;

  static {
    try {
      LOCK = MethodHandles.lookup().findVarHandle(LooseFrame.class, "lock", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final long frame;
  private volatile int lock;
  private volatile @Nullable Object content;

  LooseFrame(long frame) {
    this.frame = frame;
  }

  /** The frame's number. */
  public long frame() {
    return frame;
  }

  /** Its address in the operands of ENCLS leaves. */
  public long address() {
    return Epc.address(frame);
  }

  /** The SECS in it, or null. */
  public @Nullable SecsPage secs() {
    return content instanceof SecsPage secs ? secs : null;
  }

  /** The version array in it, or null. */
  public @Nullable VersionArray versions() {
    return content instanceof VersionArray versions ? versions : null;
  }

  /** Whether there is nothing in it. */
  public boolean empty() {
    return content == null;
  }

  /** Puts a SECS in. Callers have the page exclusively. */
  public void put(SecsPage secs) {
    secs.moveTo(this);
    content = secs;
  }

  /** Puts a version array in. Callers have the page exclusively. */
  public void put(VersionArray versions) {
    content = versions;
  }

  /** Takes out what is in it. Callers have the page exclusively. */
  public void clear() {
    content = null;
  }

  @Override
  public boolean tryExclusive() {
    return LOCK.compareAndSet(this, 0, EXCLUSIVE);
  }

  @Override
  public void releaseExclusive() {
    LOCK.setRelease(this, 0);
  }

  @Override
  public boolean tryShared() {
    int now;
    do {
      now = lock;
      if ((now & EXCLUSIVE) != 0 || now > Integer.MAX_VALUE - SHARED_ONE) {
        return false;
      }
    } while (!LOCK.compareAndSet(this, now, now + SHARED_ONE));
    return true;
  }

  @Override
  public void releaseShared() {
    LOCK.getAndAdd(this, -SHARED_ONE);
  }

  @Override
  public int bits() {
    Object now = content;
    if (now == null) {
      return 0;
    }
    return EpcmEntry.bits(now instanceof SecsPage ? PageType.SECS : PageType.VA, Permissions.NONE);
  }

  @Override
  public long enclaveAddress() {
    return 0;
  }
}
