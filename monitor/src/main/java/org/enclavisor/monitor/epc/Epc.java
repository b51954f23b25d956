package org.enclavisor.monitor.epc;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * All EPC pages of a monitor. A page is named by its frame number, or by its address, frame × 4096, which is what the
 * operands of ENCLS leaves hold: the translation that paging does on a processor has been done already.
 *
 * <p>Frames are handed out one by one, for a SECS or a version array, or for a whole ELRANGE. None is used twice, so a
 * stale name finds nothing. There is no limit but that of the numbers: a frame costs nothing until a page is added to it.
 *
 * <p>The frames of an ELRANGE are in the order of linear addresses, since one memory object backs them all and is mapped
 * in the enclave's process. A page can therefore be put only into the frame of its own linear address; elsewhere the
 * frame is “not available”, as if another leaf held it. Thread-safe.
 */
public final class Epc {
  private static final int PAGE_SHIFT = 12;

  /**
   * The frames of an enclave's ELRANGE, in order.
   *
   * @param secs whose they are
   */
  public record ElrangeExtent(long firstFrame, long frames, SecsPage secs) {}

  /** Where the bytes of a frame are: an object and an offset in it. */
  public record Backing(EnclaveMemory object, long offset) {}

  private final ConcurrentSkipListMap<Long, LooseFrame> loose = new ConcurrentSkipListMap<>();
  private final ConcurrentSkipListMap<Long, ElrangeExtent> elranges = new ConcurrentSkipListMap<>();

  /** The objects behind evicted SECS pages by EID: what the page's bytes alone could not bring back. */
  private final ConcurrentHashMap<Long, SecsPage> evicted = new ConcurrentHashMap<>();

  // Frame 0 is nobody's, so that address 0 resolves to nothing.
  private final AtomicLong next = new AtomicLong(1);

  /** An empty frame for a SECS or a version array. */
  public LooseFrame reserve() {
    LooseFrame frame = new LooseFrame(next.getAndIncrement());
    loose.put(frame.frame(), frame);
    return frame;
  }

  /** Frames for all of an enclave's ELRANGE. */
  public ElrangeExtent reserveElrange(SecsPage secs) {
    long frames = secs.size() >>> PAGE_SHIFT;
    ElrangeExtent extent = new ElrangeExtent(next.getAndAdd(frames), frames, secs);
    elranges.put(extent.firstFrame(), extent);
    return extent;
  }

  /** Gives a frame back; it is nobody's from now on. */
  public void release(LooseFrame frame) {
    loose.remove(frame.frame(), frame);
  }

  /** Gives an ELRANGE's frames back. */
  public void release(ElrangeExtent extent) {
    elranges.remove(extent.firstFrame(), extent);
  }

  /** EWB of a SECS: its enclave waits for {@link #reload}. */
  public void evict(SecsPage secs) {
    evicted.put(secs.eid(), secs);
  }

  /** Whether there is an enclave with that EID whose SECS is evicted. */
  public boolean hasEvicted(long eid) {
    return evicted.containsKey(eid);
  }

  /** Takes back an evicted SECS, to load or to forget it; null if there is none. */
  public @Nullable SecsPage reload(long eid) {
    return evicted.remove(eid);
  }

  /** The EPC page that an address lies in; null if the address does not resolve within the EPC. */
  public @Nullable EpcPage resolve(long address) {
    long frame = frame(address);
    if (address < 0) {
      return null;
    }
    LooseFrame single = loose.get(frame);
    if (single != null) {
      return single;
    }
    Map.Entry<Long, ElrangeExtent> entry = elranges.floorEntry(frame);
    if (entry == null) {
      return null;
    }
    ElrangeExtent extent = entry.getValue();
    long page = frame - extent.firstFrame();
    return page < extent.frames() ? new ElrangePage(extent.secs(), page) : null;
  }

  /** Where the bytes of a regular page are; null for frames that the monitor keeps to itself or that are nobody's. */
  public @Nullable Backing backing(long frame) {
    return switch (resolve(address(frame))) {
      case ElrangePage(SecsPage secs, long page) -> new Backing(secs.memory(), page << PAGE_SHIFT);
      case LooseFrame _ -> null;
      case null -> null;
    };
  }

  /** All loose frames as they are now. */
  public Iterable<LooseFrame> looseFrames() {
    return loose.values();
  }

  /** The name of a frame in the operands of ENCLS leaves. */
  public static long address(long frame) {
    return frame << PAGE_SHIFT;
  }

  /** The frame that an address lies in. */
  public static long frame(long address) {
    return address >>> PAGE_SHIFT;
  }

  /** How many loose frames and ELRANGEs there are. */
  public int extents() {
    return loose.size() + elranges.size();
  }
}
