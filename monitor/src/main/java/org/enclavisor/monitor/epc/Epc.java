package org.enclavisor.monitor.epc;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
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

  private record Extents(long[] firstFrames, ElrangeExtent[] extents) {}

  /** Loose frames are set aside so many at a time. */
  private static final int BLOCK = 512;

  /** Frames for single pages: those that are somebody's now. */
  private static final class Block {
    private final long first;
    private final AtomicReferenceArray<@Nullable LooseFrame> frames = new AtomicReferenceArray<>(BLOCK);
    private int handedOut;
    private int returned;

    Block(long first) {
      this.first = first;
    }
  }

  // New arrays for each change, so that looking up takes no lock and next to no time.
  private volatile Block[] blocks = new Block[0];
  private volatile Extents elranges = new Extents(new long[0], new ElrangeExtent[0]);

  /** The objects behind evicted SECS pages by EID: what the page's bytes alone could not bring back. */
  private final ConcurrentHashMap<Long, SecsPage> evicted = new ConcurrentHashMap<>();

  // Frame 0 is nobody's, so that address 0 resolves to nothing.
  private final AtomicLong next = new AtomicLong(1);

  /** An empty frame for a SECS or a version array. */
  public synchronized LooseFrame reserve() {
    Block[] now = blocks;
    if (now.length == 0 || now[now.length - 1].handedOut == BLOCK) {
      now = Arrays.copyOf(now, now.length + 1);
      now[now.length - 1] = new Block(next.getAndAdd(BLOCK));
      blocks = now;
    }
    Block last = now[now.length - 1];
    LooseFrame frame = new LooseFrame(last.first + last.handedOut);
    last.frames.set(last.handedOut++, frame);
    return frame;
  }

  /** Frames for all of an enclave's ELRANGE. */
  public ElrangeExtent reserveElrange(SecsPage secs) {
    long frames = secs.size() >>> PAGE_SHIFT;
    ElrangeExtent extent = new ElrangeExtent(next.getAndAdd(frames), frames, secs);
    add(extent);
    return extent;
  }

  private synchronized void add(ElrangeExtent extent) {
    Extents now = elranges;
    int size = now.extents.length;
    int at = -Arrays.binarySearch(now.firstFrames, extent.firstFrame()) - 1;
    long[] firstFrames = new long[size + 1];
    ElrangeExtent[] extents = new ElrangeExtent[size + 1];
    System.arraycopy(now.firstFrames, 0, firstFrames, 0, at);
    System.arraycopy(now.extents, 0, extents, 0, at);
    firstFrames[at] = extent.firstFrame();
    extents[at] = extent;
    System.arraycopy(now.firstFrames, at, firstFrames, at + 1, size - at);
    System.arraycopy(now.extents, at, extents, at + 1, size - at);
    elranges = new Extents(firstFrames, extents);
  }

  /** Gives a frame back; it is nobody's from now on. */
  public synchronized void release(LooseFrame frame) {
    Block[] now = blocks;
    int at = block(now, frame.frame());
    if (at < 0 || !now[at].frames.compareAndSet((int) (frame.frame() - now[at].first), frame, null)) {
      return;
    }
    if (++now[at].returned == BLOCK) {
      Block[] fewer = Arrays.copyOf(now, now.length - 1);
      System.arraycopy(now, at + 1, fewer, at, now.length - 1 - at);
      blocks = fewer;
    }
  }

  /** The index of the block that a frame is in, or −1. */
  private static int block(Block[] blocks, long frame) {
    int low = 0;
    int high = blocks.length - 1;
    while (low <= high) {
      int middle = low + high >>> 1;
      long within = frame - blocks[middle].first;
      if (within < 0) {
        high = middle - 1;
      } else if (within >= BLOCK) {
        low = middle + 1;
      } else {
        return middle;
      }
    }
    return -1;
  }

  /** Gives an ELRANGE's frames back. */
  public synchronized void release(ElrangeExtent extent) {
    Extents now = elranges;
    int at = Arrays.binarySearch(now.firstFrames, extent.firstFrame());
    if (at < 0) {
      return;
    }
    int size = now.extents.length;
    long[] firstFrames = new long[size - 1];
    ElrangeExtent[] extents = new ElrangeExtent[size - 1];
    System.arraycopy(now.firstFrames, 0, firstFrames, 0, at);
    System.arraycopy(now.extents, 0, extents, 0, at);
    System.arraycopy(now.firstFrames, at + 1, firstFrames, at, size - 1 - at);
    System.arraycopy(now.extents, at + 1, extents, at, size - 1 - at);
    elranges = new Extents(firstFrames, extents);
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
    Extents now = elranges;
    int at = Arrays.binarySearch(now.firstFrames, frame);
    at = at < 0 ? -at - 2 : at;
    if (at >= 0) {
      ElrangeExtent extent = now.extents[at];
      long page = frame - extent.firstFrame();
      if (page < extent.frames()) {
        return new ElrangePage(extent.secs(), page);
      }
    }
    Block[] loose = blocks;
    int block = block(loose, frame);
    return block < 0 ? null : loose[block].frames.get((int) (frame - loose[block].first));
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
  public List<LooseFrame> looseFrames() {
    List<LooseFrame> result = new ArrayList<>();
    for (Block block : blocks) {
      for (int i = 0; i < BLOCK; i++) {
        LooseFrame frame = block.frames.get(i);
        if (frame != null) {
          result.add(frame);
        }
      }
    }
    return result;
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
    return looseFrames().size() + elranges.extents.length;
  }
}
