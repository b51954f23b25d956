package org.enclavisor.testkit;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.LongPredicate;
import java.util.function.UnaryOperator;
import org.enclavisor.monitor.spi.SwapStore;

/** A swap store in memory that can be told to lie and to fail, and remembers all that was ever written. */
public final class RiggedSwapStore implements SwapStore {
  private final long capacity;
  private final Map<Long, byte[]> records = new ConcurrentHashMap<>();
  private final Map<Long, byte[]> older = new ConcurrentHashMap<>();
  private volatile BiFunction<Long, byte[], byte[]> lie = (_, record) -> record;
  private volatile long mayWrite = Long.MAX_VALUE;
  private volatile long mayRead = Long.MAX_VALUE;
  private volatile long writes;
  private volatile long reads;

  public RiggedSwapStore(long capacity) {
    this.capacity = capacity;
  }

  @Override
  public long capacity() {
    return capacity;
  }

  @Override
  public void write(long first, byte[] bytes, int count) throws IOException {
    if (writes >= mayWrite) {
      throw new IOException("no space left");
    }
    for (int i = 0; i < count; i++) {
      byte[] before = records.put(first + i, Arrays.copyOfRange(bytes, i * RECORD, (i + 1) * RECORD));
      if (before != null) {
        older.put(first + i, before);
      }
      writes++;
    }
  }

  @Override
  public void read(long number, byte[] record) throws IOException {
    if (reads >= mayRead) {
      throw new IOException("input/output error");
    }
    byte[] answer = lie.apply(number, records.get(number).clone());
    System.arraycopy(answer, 0, record, 0, RECORD);
    reads++;
  }

  /** From now on every record is changed on its way back. */
  public void changing(UnaryOperator<byte[]> change) {
    lie = (_, record) -> change.apply(record);
  }

  /**
   * From now on a record comes back as it was when it was written the last time but one, where there was such a time.
   */
  public void replaying() {
    lie = (number, record) -> older.getOrDefault(number, record).clone();
  }

  /** The same with some numbers only. */
  public void replayingOnly(LongPredicate which) {
    lie = (number, record) -> which.test(number) ? older.getOrDefault(number, record).clone() : record;
  }

  /** From now on the record of another number comes back. */
  public void swapping(UnaryOperator<Long> other) {
    lie = (number, record) -> {
      byte[] found = records.get(other.apply(number));
      return found == null ? record : found.clone();
    };
  }

  /** From now on it tells the truth. */
  public void honest() {
    lie = (_, record) -> record;
    mayRead = Long.MAX_VALUE;
    mayWrite = Long.MAX_VALUE;
  }

  /** Fails once so many records were written. */
  public void refuseWrites(long from) {
    mayWrite = from;
  }

  /** Fails once so many records were read. */
  public void refuseReads(long from) {
    mayRead = from;
  }

  /** Records written so far. */
  public long writes() {
    return writes;
  }

  /** Records read so far. */
  public long reads() {
    return reads;
  }

  /** Numbers of the records that were written. */
  public Set<Long> numbers() {
    return records.keySet();
  }

  /** A record as it was written. */
  public byte[] record(long number) {
    return records.get(number).clone();
  }

  @Override
  public void close() {
    records.clear();
  }
}
