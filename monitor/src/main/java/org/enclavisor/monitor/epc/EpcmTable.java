package org.enclavisor.monitor.epc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The EPCM entries of one enclave's ELRANGE, by page number, and what else the processor keeps of a page unseen: which
 * leaves work on it, what the machine's page tables grant, and when it was last blocked or restricted.
 *
 * <pre>
 * bits  0–10  the architecture's, as in {@link EpcmEntry}
 *      11     a leaf has the page to itself
 *      12–19  how many leaves share it
 *      20     a leaf modifies it: EACCEPT, EACCEPTCOPY, EMODPE, EMODPR, EMODT exclude each other
 *      21–23  R, W, X as the machine's page tables grant them now
 *      24–63  the enclave's epoch at the last EBLOCK, EMODPR or EMODT ({@link Tracking})
 * </pre>
 *
 * <p>512 entries make a chunk, which costs nothing while none of them was ever valid, an object of 32 bytes while all
 * are alike, and 4 KiB otherwise; chunks hang in directories of 1024, made when first used. So an enormous ELRANGE costs
 * what is used of it. Thread-safe without locks; nothing here waits.
 */
public final class EpcmTable {
  static final int CHUNK = EpcmChunk.ENTRIES;
  private static final int DIRECTORY = 1024;
  private static final long ARCHITECTURAL = 0x7FF;
  private static final long EXCLUSIVE = 1L << 11;
  private static final int SHARED_SHIFT = 12;
  private static final long SHARED_ONE = 1L << SHARED_SHIFT;
  private static final long SHARED = 0xFFL << SHARED_SHIFT;
  private static final long MODIFYING = 1L << 20;
  private static final int GRANTED_SHIFT = 21;
  private static final long GRANTED = 7L << GRANTED_SHIFT;
  private static final int EPOCH_SHIFT = 24;

  /** The last epoch that an entry has room for. */
  static final long MAX_EPOCH = (1L << 64 - EPOCH_SHIFT) - 1;

  private static final VarHandle CHUNKS = MethodHandles.arrayElementVarHandle(EpcmChunk[].class);
  private static final VarHandle DIRECTORIES = MethodHandles.arrayElementVarHandle(EpcmChunk[][].class);

  /** Told of each run of equal entries, in order. */
  public interface RunConsumer {
    /** Entries {@code page} to {@code page + count - 1} all have these bits, which may be 0 where nothing was added. */
    void run(long page, long count, int bits);
  }

  private final long pages;
  private final @Nullable EpcmChunk[][] directories;
  private final AtomicLong valid = new AtomicLong();

  /** A table for so many pages, none of them valid. */
  public EpcmTable(long pages) {
    this.pages = pages;
    long perDirectory = (long) CHUNK * DIRECTORY;
    this.directories = new EpcmChunk[Math.toIntExact((pages + perDirectory - 1) / perDirectory)][];
  }

  /** How many pages the ELRANGE has. */
  public long pages() {
    return pages;
  }

  /** How many entries are valid. */
  public long validCount() {
    return valid.get();
  }

  /** The bits of an entry, as in {@link EpcmEntry}; 0 where nothing was added and for pages outside the ELRANGE. */
  public int bits(long page) {
    return (int) (word(page) & ARCHITECTURAL);
  }

  /** What the machine's page tables grant now: 1 read, 2 write, 4 execute. */
  public int granted(long page) {
    return (int) ((word(page) & GRANTED) >>> GRANTED_SHIFT);
  }

  /** The enclave's epoch when the page was last blocked, restricted or modified; 0 if it never was. */
  public long epoch(long page) {
    return word(page) >>> EPOCH_SHIFT;
  }

  private long word(long page) {
    if (page < 0 || page >= pages) {
      return 0;
    }
    EpcmChunk chunk = existing(page);
    return chunk == null ? 0 : chunk.get((int) (page % CHUNK));
  }

  /** Sets the architectural bits of a run of entries. Callers have the pages to themselves. */
  public void set(long page, long count, int bits) {
    change(page, count, ARCHITECTURAL, bits);
  }

  /** Sets the architectural bits of an entry that a mask names; others may change its other bits meanwhile. */
  public void update(long page, int mask, int bits) {
    change(page, 1, mask, bits);
  }

  /** The same, and stamps the entry with an epoch. */
  public void stamp(long page, int mask, int bits, long epoch) {
    change(page, 1, mask | -1L << EPOCH_SHIFT, bits | epoch << EPOCH_SHIFT);
  }

  /** Sets what the machine's page tables grant to a run of pages. */
  public void grant(long page, long count, int access) {
    change(page, count, GRANTED, (long) access << GRANTED_SHIFT);
  }

  /** Sets an entry's architectural bits and stamps it with an epoch. Callers have locked the page. */
  public void stamp(long page, int bits, long epoch) {
    change(page, 1, ARCHITECTURAL | -1L << EPOCH_SHIFT, bits | epoch << EPOCH_SHIFT);
  }

  /**
   * Sets BLOCKED of a valid page and stamps it with an epoch, unless it is blocked already. Callers share the page, and
   * other leaves may change its entry meanwhile.
   *
   * @return whether it was not blocked
   */
  public boolean block(long page, long epoch) {
    EpcmChunk chunk = chunk(page);
    int index = (int) (page % CHUNK);
    while (true) {
      long word = chunk.get(index);
      if ((word & EpcmEntry.BLOCKED) != 0) {
        return false;
      }
      long stamp = Math.max(epoch, word >>> EPOCH_SHIFT);
      long next = word & ~(-1L << EPOCH_SHIFT) | EpcmEntry.BLOCKED | stamp << EPOCH_SHIFT;
      if (chunk.replace(index, word, next)) {
        return true;
      }
    }
  }

  /** Sets the architectural bits and stamps of a run of entries, of an enclave that nobody knows yet. */
  public void restore(long page, long count, int bits, long epoch) {
    change(page, count, ARCHITECTURAL | -1L << EPOCH_SHIFT, bits | epoch << EPOCH_SHIFT);
  }

  private void change(long page, long count, long mask, long bits) {
    if (page < 0 || count < 0 || page > pages - count) {
      throw new IndexOutOfBoundsException("page=" + page + " count=" + count + " pages=" + pages);
    }
    long end = page + count;
    long at = page;
    long change = 0;
    while (at < end) {
      if (bits == 0 && directory(at) == null) {
        at = Math.min(end, (at / CHUNK / DIRECTORY + 1) * DIRECTORY * CHUNK);
        continue;
      }
      int from = (int) (at % CHUNK);
      int to = (int) Math.min(CHUNK, from + (end - at));
      if (bits != 0 || existing(at) != null) {
        change += chunk(at).set(from, to, mask, bits);
      }
      at += to - from;
    }
    if (change != 0) {
      valid.addAndGet(change);
    }
  }

  /** Takes a page for one leaf alone; false if another leaf has it or shares it. */
  public boolean tryExclusive(long page) {
    return tryLock(page, EXCLUSIVE | SHARED, EXCLUSIVE);
  }

  /** Gives it back. */
  public void releaseExclusive(long page) {
    add(page, -EXCLUSIVE);
  }

  /** Takes a page together with other leaves that share it; false if one has it for itself. */
  public boolean tryShared(long page) {
    return tryLock(page, EXCLUSIVE, SHARED_ONE);
  }

  /** Gives it back. */
  public void releaseShared(long page) {
    add(page, -SHARED_ONE);
  }

  /** Takes the right to modify a page's entry; false if another leaf has it. */
  public boolean tryModify(long page) {
    return tryLock(page, MODIFYING, MODIFYING);
  }

  /** Gives it back. */
  public void releaseModify(long page) {
    add(page, -MODIFYING);
  }

  private boolean tryLock(long page, long excluding, long taking) {
    EpcmChunk chunk = chunk(page);
    int index = (int) (page % CHUNK);
    long word;
    do {
      word = chunk.get(index);
      boolean full = taking == SHARED_ONE && (word & SHARED) == SHARED;
      if ((word & excluding) != 0 || full) {
        return false;
      }
    } while (!chunk.replace(index, word, word + taking));
    return true;
  }

  private void add(long page, long difference) {
    EpcmChunk chunk = chunk(page);
    int index = (int) (page % CHUNK);
    long word;
    do {
      word = chunk.get(index);
    } while (!chunk.replace(index, word, word + difference));
  }

  private EpcmChunk @Nullable [] directory(long page) {
    return (EpcmChunk[]) DIRECTORIES.getAcquire(directories, (int) (page / CHUNK / DIRECTORY));
  }

  private @Nullable EpcmChunk existing(long page) {
    EpcmChunk[] directory = directory(page);
    return directory == null ? null : (EpcmChunk) CHUNKS.getAcquire(directory, (int) (page / CHUNK % DIRECTORY));
  }

  private EpcmChunk chunk(long page) {
    EpcmChunk found = existing(page);
    if (found != null) {
      return found;
    }
    EpcmChunk[] directory = directory(page);
    if (directory == null) {
      EpcmChunk[] fresh = new EpcmChunk[DIRECTORY];
      EpcmChunk[] there =
          (EpcmChunk[]) DIRECTORIES.compareAndExchange(directories, (int) (page / CHUNK / DIRECTORY), null, fresh);
      directory = there == null ? fresh : there;
    }
    EpcmChunk fresh = new EpcmChunk();
    EpcmChunk there = (EpcmChunk) CHUNKS.compareAndExchange(directory, (int) (page / CHUNK % DIRECTORY), null, fresh);
    return there == null ? fresh : there;
  }

  /** The first valid page from this one on, or −1. Passes over what was never used without looking at each. */
  public long nextValid(long page) {
    long at = page;
    while (at < pages) {
      if (directory(at) == null) {
        at = (at / CHUNK / DIRECTORY + 1) * DIRECTORY * CHUNK;
        continue;
      }
      EpcmChunk chunk = existing(at);
      if (chunk == null || chunk.alike() && !EpcmEntry.valid(bits(at))) {
        at = (at / CHUNK + 1) * CHUNK;
      } else if (EpcmEntry.valid(bits(at))) {
        return at;
      } else {
        at++;
      }
    }
    return -1;
  }

  /** The first valid entry of a range, or −1. */
  public long firstValid(long page, long count) {
    long[] found = {-1};
    runs(page, count, (at, _, bits) -> {
      if (found[0] < 0 && EpcmEntry.valid(bits)) {
        found[0] = at;
      }
    });
    return found[0];
  }

  /** Goes over a range in runs of equal entries, chunk by chunk; neighbouring runs may be equal. */
  public void runs(long page, long count, RunConsumer consumer) {
    if (page < 0 || count < 0 || page > pages - count) {
      throw new IndexOutOfBoundsException("page=" + page + " count=" + count + " pages=" + pages);
    }
    long end = page + count;
    long at = page;
    while (at < end) {
      if (directory(at) == null) {
        long next = Math.min(end, (at / CHUNK / DIRECTORY + 1) * DIRECTORY * CHUNK);
        consumer.run(at, next - at, 0);
        at = next;
        continue;
      }
      long chunkEnd = Math.min(end, (at / CHUNK + 1) * CHUNK);
      int bits = bits(at);
      long next = at + 1;
      EpcmChunk chunk = existing(at);
      if (chunk == null || chunk.alike()) {
        next = chunkEnd;
      }
      while (next < chunkEnd && bits(next) == bits) {
        next++;
      }
      consumer.run(at, next - at, bits);
      at = next;
    }
  }

  /** An entry as a value. */
  public EpcmEntry entry(long page, long base) {
    return EpcmEntry.of(bits(page), base + page * 4096);
  }
}
