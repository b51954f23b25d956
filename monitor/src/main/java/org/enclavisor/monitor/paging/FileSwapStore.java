package org.enclavisor.monitor.paging;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.SwapStore;

/**
 * A sparse file without a name: it is gone when the process is. No channel, since that would be closed by the interrupt
 * of any thread that happens to page.
 */
public final class FileSwapStore implements SwapStore {
  /** Records of the default store: 16 GiB of pages. */
  public static final long DEFAULT_CAPACITY = 4L << 20;

  private final RandomAccessFile file;
  private final long capacity;

  private FileSwapStore(RandomAccessFile file, long capacity) {
    this.file = file;
    this.capacity = capacity;
  }

  /**
   * In the directory for temporary files.
   *
   * @throws PlatformException if no file can be made there
   */
  public static SwapStore temporary() {
    return in(Path.of(System.getProperty("java.io.tmpdir")), DEFAULT_CAPACITY);
  }

  /**
   * In a directory.
   *
   * @param capacity in records
   * @throws PlatformException if no file can be made there
   */
  public static SwapStore in(Path directory, long capacity) {
    try {
      Path path = Files.createTempFile(directory, "enclavisor-swap", null);
      try {
        return new FileSwapStore(new RandomAccessFile(path.toFile(), "rw"), capacity);
      } finally {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new PlatformException("no swap file in " + directory + ": " + e.getMessage(), e);
    }
  }

  @Override
  public long capacity() {
    return capacity;
  }

  @Override
  public void write(long first, byte[] records, int count) throws IOException {
    file.seek(first * RECORD);
    file.write(records, 0, count * RECORD);
  }

  @Override
  public void read(long number, byte[] record) throws IOException {
    file.seek(number * RECORD);
    file.readFully(record, 0, RECORD);
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
