package org.enclavisor.image.sgxs;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.PageRun;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Secinfo;

/**
 * Writes any image as an SGXS stream. Where all content is measured, {@code sha256sum} of the result is MRENCLAVE: a
 * measurement that needs nothing of this program but the order of pages. Unmeasured content, if there is any, is
 * written as UNMEASRD records, which do not count. No state.
 */
public final class SgxsWriter {
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int STRIDE = SgxsRecord.BYTES + SgxsRecord.DATA_BYTES;
  private static final int CHUNKS = PageRun.PAGE / SgxsRecord.DATA_BYTES;

  private SgxsWriter() {}

  /** Writes everything that loading the image needs. The stream is not closed. */
  public static void write(EnclaveImage image, OutputStream out) throws IOException {
    write(image, out, true);
  }

  /** Writes only what is measured: SHA-256 of the result is MRENCLAVE in any case. The stream is not closed. */
  public static void writeMeasured(EnclaveImage image, OutputStream out) throws IOException {
    write(image, out, false);
  }

  private static void write(EnclaveImage image, OutputStream out, boolean unmeasuredToo) throws IOException {
    byte[] record = new byte[SgxsRecord.BYTES];
    MemorySegment view = MemorySegment.ofArray(record);
    view.set(U64, 0, SgxsRecord.ECREATE);
    view.set(U32, 8, image.secs().ssaFrameSize());
    view.set(U64, 12, image.secs().size());
    out.write(record);
    byte[] block = new byte[SgxsRecord.BYTES + CHUNKS * STRIDE];
    for (PageRun run : image.pages()) {
      for (long i = 0; i < run.pages(); i++) {
        boolean data = run.measured() || unmeasuredToo && run.content().isPresent();
        out.write(block, 0, page(block, run, i, data));
      }
    }
  }

  /** The records of a page, and how many bytes they have. */
  private static int page(byte[] block, PageRun run, long index, boolean data) {
    MemorySegment view = MemorySegment.ofArray(block);
    view.fill((byte) 0);
    long offset = run.offset() + index * PageRun.PAGE;
    view.set(U64, 0, SgxsRecord.EADD);
    view.set(U64, 8, offset);
    view.set(U64, 16, (run.secinfo().type() == PageType.TCS ? Secinfo.tcs() : run.secinfo()).flags());
    if (!data) {
      return SgxsRecord.BYTES;
    }
    MemorySegment page = run.page(index);
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
      long at = SgxsRecord.BYTES + (long) chunk * STRIDE;
      long from = (long) chunk * SgxsRecord.DATA_BYTES;
      view.set(U64, at, run.measured() ? SgxsRecord.EEXTEND : SgxsRecord.UNMEASURED);
      view.set(U64, at + 8, offset + from);
      MemorySegment.copy(page, from, view, at + SgxsRecord.BYTES, SgxsRecord.DATA_BYTES);
    }
    return block.length;
  }
}
