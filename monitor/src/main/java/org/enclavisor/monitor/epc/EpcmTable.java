package org.enclavisor.monitor.epc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The EPCM entries of one enclave's ELRANGE, by page number.
 *
 * <p>512 entries make a chunk, which costs nothing while none of them is valid, an object of 24 bytes while all are
 * alike, and 1 KiB otherwise; chunks hang in directories of 1024, made when first used. So 16 GiB of pages cost at most
 * 8 MiB, and an enormous ELRANGE costs what is used of it.
 *
 * <p>Writers hold the enclave's lock. Readers need none: an entry is read at once and whole.
 */
public final class EpcmTable {
  static final int CHUNK = 512;
  private static final int DIRECTORY = 1024;
  private static final VarHandle ENTRIES = MethodHandles.arrayElementVarHandle(short[].class);

  private static final class Chunk {
    /** What all entries are, while {@link #entries} is null. */
    volatile int uniform;

    volatile short @Nullable [] entries;

    int get(int index) {
      short[] all = entries;
      return all == null ? uniform : (short) ENTRIES.getAcquire(all, index) & 0xFFFF;
    }

    void set(int from, int to, int bits) {
      short[] all = entries;
      if (all == null) {
        if (uniform == bits) {
          return;
        }
        if (from == 0 && to == CHUNK) {
          uniform = bits;
          return;
        }
        all = new short[CHUNK];
        Arrays.fill(all, (short) uniform);
        Arrays.fill(all, from, to, (short) bits);
        entries = all;
        return;
      }
      for (int i = from; i < to; i++) {
        ENTRIES.setRelease(all, i, (short) bits);
      }
    }
  }

  /** Told of each run of equal entries, in order. */
  public interface RunConsumer {
    /** Entries {@code page} to {@code page + count - 1} all have these bits, which may be 0 where nothing was added. */
    void run(long page, long count, int bits);
  }

  private final long pages;
  private final @Nullable Chunk[][] directories;
  private long valid;

  /** A table for so many pages, none of them valid. */
  public EpcmTable(long pages) {
    this.pages = pages;
    long perDirectory = (long) CHUNK * DIRECTORY;
    this.directories = new Chunk[Math.toIntExact((pages + perDirectory - 1) / perDirectory)][];
  }

  /** How many pages the ELRANGE has. */
  public long pages() {
    return pages;
  }

  /** How many entries are valid. Writers only. */
  public long validCount() {
    return valid;
  }

  /** The bits of an entry, as in {@link EpcmEntry}; 0 where nothing was added and for pages outside the ELRANGE. */
  public int bits(long page) {
    if (page < 0 || page >= pages) {
      return 0;
    }
    long number = page / CHUNK;
    Chunk[] directory = directories[(int) (number / DIRECTORY)];
    if (directory == null) {
      return 0;
    }
    Chunk chunk = directory[(int) (number % DIRECTORY)];
    return chunk == null ? 0 : chunk.get((int) (page % CHUNK));
  }

  /** Sets a run of entries. */
  public void set(long page, long count, int bits) {
    if (page < 0 || count < 0 || page > pages - count) {
      throw new IndexOutOfBoundsException("page=" + page + " count=" + count + " pages=" + pages);
    }
    long end = page + count;
    long at = page;
    while (at < end) {
      if (bits == 0 && directories[(int) (at / CHUNK / DIRECTORY)] == null) {
        at = Math.min(end, (at / CHUNK / DIRECTORY + 1) * DIRECTORY * CHUNK);
        continue;
      }
      int from = (int) (at % CHUNK);
      int to = (int) Math.min(CHUNK, from + (end - at));
      if (bits != 0 || !absent(at)) {
        Chunk chunk = chunk(at / CHUNK);
        int before = countValid(chunk, from, to);
        chunk.set(from, to, bits);
        valid += (EpcmEntry.valid(bits) ? to - from : 0) - before;
      }
      at += to - from;
    }
  }

  private static int countValid(Chunk chunk, int from, int to) {
    if (chunk.entries == null) {
      return EpcmEntry.valid(chunk.uniform) ? to - from : 0;
    }
    int count = 0;
    for (int i = from; i < to; i++) {
      count += chunk.get(i) & EpcmEntry.VALID;
    }
    return count;
  }

  private boolean absent(long page) {
    Chunk[] directory = directories[(int) (page / CHUNK / DIRECTORY)];
    return directory == null || directory[(int) (page / CHUNK % DIRECTORY)] == null;
  }

  private Chunk chunk(long number) {
    int high = (int) (number / DIRECTORY);
    int low = (int) (number % DIRECTORY);
    Chunk[] directory = directories[high];
    if (directory == null) {
      directory = new Chunk[DIRECTORY];
      directories[high] = directory;
    }
    Chunk chunk = directory[low];
    if (chunk == null) {
      chunk = new Chunk();
      directory[low] = chunk;
    }
    return chunk;
  }

  /** The first valid entry of a range, or −1. */
  public long firstValid(long page, long count) {
    long[] found = {-1};
    runs(page, count, (at, length, bits) -> {
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
      if (directories[(int) (at / CHUNK / DIRECTORY)] == null) {
        long next = Math.min(end, (at / CHUNK / DIRECTORY + 1) * DIRECTORY * CHUNK);
        consumer.run(at, next - at, 0);
        at = next;
        continue;
      }
      long chunkEnd = Math.min(end, (at / CHUNK + 1) * CHUNK);
      int bits = bits(at);
      long next = at + 1;
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
