package org.enclavisor.monitor.epc;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * All EPC pages of a monitor. A page is named by its frame number, or by its address, frame × 4096, which is what the
 * operands of ENCLS leaves hold: the translation that paging does on a processor has been done already.
 *
 * <p>Frames are handed out in extents and never used twice, so a stale name finds nothing. There is no limit but that
 * of the numbers: a frame costs nothing until a page is added to it.
 *
 * <p>The ordinary extent backs an enclave's whole ELRANGE, frame by frame in the order of linear addresses, since the
 * same memory object is mapped in the enclave's process. A frame of it can therefore be added only at its own linear
 * address; elsewhere it is “not available”, as if another leaf held it. Thread-safe.
 */
public final class Epc {
  private static final int PAGE_SHIFT = 12;

  /** What a run of frames is for. */
  public sealed interface Extent {
    /** The first frame's number. */
    long firstFrame();

    /** How many frames. */
    long frames();
  }

  /** One frame for a SECS, whose bytes are in the monitor only. */
  public static final class SecsExtent implements Extent {
    private final long frame;
    private volatile @Nullable SecsPage secs;

    private SecsExtent(long frame) {
      this.frame = frame;
    }

    @Override
    public long firstFrame() {
      return frame;
    }

    @Override
    public long frames() {
      return 1;
    }

    /** The SECS, or null while the page is not valid. */
    public @Nullable SecsPage secs() {
      return secs;
    }

    /** Makes the page valid, or invalid with null. */
    public void secs(@Nullable SecsPage page) {
      secs = page;
    }
  }

  /**
   * The frames of an enclave's ELRANGE, in order.
   *
   * @param secs whose they are
   */
  public record ElrangeExtent(long firstFrame, long frames, SecsPage secs) implements Extent {}

  /** Where the bytes of a frame are: an object and an offset in it. */
  public record Backing(EnclaveMemory object, long offset) {}

  private final TreeMap<Long, Extent> extents = new TreeMap<>();
  // Frame 0 is nobody's, so that address 0 resolves to nothing.
  private long next = 1;

  /** An empty frame for a SECS. */
  public synchronized SecsExtent reserveSecs() {
    SecsExtent extent = new SecsExtent(next++);
    extents.put(extent.firstFrame(), extent);
    return extent;
  }

  /** Frames for all of an enclave's ELRANGE. */
  public synchronized ElrangeExtent reserveElrange(SecsPage secs) {
    long frames = secs.size() >>> PAGE_SHIFT;
    ElrangeExtent extent = new ElrangeExtent(next, frames, secs);
    next = Math.addExact(next, frames);
    extents.put(extent.firstFrame(), extent);
    return extent;
  }

  /** Gives an extent back; its frames are nobody's from now on. */
  public synchronized void release(Extent extent) {
    extents.remove(extent.firstFrame(), extent);
  }

  /** The extent that the EPC page at an address belongs to; null if the address does not resolve within the EPC. */
  public synchronized @Nullable Extent resolve(long address) {
    Map.Entry<Long, Extent> entry = extents.floorEntry(frame(address));
    if (entry == null || address < 0) {
      return null;
    }
    Extent extent = entry.getValue();
    return frame(address) - extent.firstFrame() < extent.frames() ? extent : null;
  }

  /** Where the bytes of a regular page are; null for frames that the monitor keeps to itself or that are nobody's. */
  public @Nullable Backing backing(long frame) {
    return switch (resolve(address(frame))) {
      case ElrangeExtent(long first, long _, SecsPage secs) ->
          new Backing(secs.memory(), (frame - first) << PAGE_SHIFT);
      case SecsExtent _ -> null;
      case null -> null;
    };
  }

  /** The name of a frame in the operands of ENCLS leaves. */
  public static long address(long frame) {
    return frame << PAGE_SHIFT;
  }

  /** The frame that an address lies in. */
  public static long frame(long address) {
    return address >>> PAGE_SHIFT;
  }

  /** How many extents there are. */
  public synchronized int extents() {
    return extents.size();
  }
}
