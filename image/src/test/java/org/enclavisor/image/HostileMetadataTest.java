package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.image.TinyEnclaves.Variant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Metadata whose author means no good: each field that is followed anywhere, made absurd. */
class HostileMetadataTest {
  private static final String CONFIG = "<TCSNum>4</TCSNum><TCSMaxNum>4</TCSMaxNum><TCSMinPool>3</TCSMinPool>"
      + "<HeapMaxSize>0x2000</HeapMaxSize><HeapInitSize>0x2000</HeapInitSize><HeapMinSize>0x2000</HeapMinSize>"
      + "<StackMinSize>0x3000</StackMinSize><StackMaxSize>0x3000</StackMaxSize>";
  // Offsets in the block: patches and layout lie behind header, TCS template, global data and zeroes.
  private static final int PATCHES = 1904 + 72 + 1768 + 8;
  private static final int LAYOUT = PATCHES + 4 * 32;
  private static final int HEAP = LAYOUT;
  private static final int STACK = LAYOUT + 2 * 32;
  private static final int TCS = LAYOUT + 4 * 32;
  private static final int GROUP = LAYOUT + 8 * 32;

  private static ByteBuffer image() {
    return ByteBuffer.wrap(SdkImageTest.signed(Variant.PLAIN, CONFIG)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static int place(String name) {
    return switch (name) {
      case "block" -> 0;
      case "patch" -> PATCHES;
      case "heap" -> HEAP;
      case "stack" -> STACK;
      case "tcs" -> TCS;
      case "group" -> GROUP;
      default -> throw new AssertionError(name);
    };
  }

  @ParameterizedTest
  @CsvSource({
      "block, 16, 4, 0, metadata size",
      "block, 16, 4, 100, metadata size",
      "block, 16, 4, 0xffffffff, metadata size",
      "block, 20, 4, 2, tcs_policy",
      "block, 24, 4, 0, ssa_frame_size",
      "block, 24, 4, 5, ssa_frame_size",
      "block, 40, 8, 0, enclave_size",
      "block, 40, 8, 0x300000, enclave_size",
      "block, 40, 8, 0x800000000000, enclave_size",
      "block, 40, 8, -1, enclave_size",
      "block, 40, 8, 0x1000, layout item",
      "block, 64, 1, 7, SIGSTRUCT.header",
      "block, 1872, 4, 0xffffffff, patch directory",
      "block, 1876, 4, 0xffffffff, patch directory",
      "block, 1876, 4, 33, patch directory: size",
      "block, 1880, 4, 0xffffffff, layout directory",
      "block, 1884, 4, 0xffffffe0, layout directory",
      "block, 1884, 4, 31, layout directory: size",
      "block, 1896, 4, 0xfffffff0, extend directory",
      "patch, 0, 8, -1, patch 0: dst",
      "patch, 0, 8, 0x7ffffffffffffff0, patch 0: dst",
      "patch, 8, 4, 0xfffffff0, patch 0: src",
      "patch, 12, 4, 0xffffffff, patch 0: src",
      "heap, 2, 2, 0x80, layout entry 0: attributes",
      "heap, 4, 4, 0xffffffff, layout item 0 (heap): rva",
      "heap, 8, 8, 0x6001, layout item 0 (heap): rva",
      "heap, 8, 8, -4096, layout item 0 (heap): rva",
      "heap, 8, 8, 0x5000, heap: expected pages at or above",
      "heap, 20, 4, 0xffffff00, layout item 0 (heap): content_offset",
      "heap, 24, 8, 0x303, layout item 0 (heap): si_flags",
      "heap, 24, 8, 0x100000203, layout item 0 (heap): si_flags",
      "heap, 24, 8, 0x20b, layout item 0 (heap): si_flags",
      "stack, 8, 8, 0x7000, stack: expected pages at or above",
      "tcs, 4, 4, 2, layout item 4 (tcs): page_count",
      "tcs, 16, 4, 4097, layout item 4 (tcs): content_offset",
      "tcs, 20, 4, 0, layout item 4 (tcs): page_count",
      "tcs, 24, 8, 0x103, layout item 4 (tcs): si_flags",
      "group, 2, 2, 9, layout item 8 (thread group): entry_count",
      "group, 2, 2, 65535, layout item 8 (thread group): entry_count",
      "group, 4, 4, 0xffffffff, layout item 8 (thread group): load_step",
      "group, 4, 4, 0x7fffff, layout item 8 (thread group)",
      "group, 8, 8, 0, layout item 8 (thread group): load_step",
      "group, 8, 8, -4096, layout item 8 (thread group): load_step",
      "group, 8, 8, 0x1001, layout item 8 (thread group): load_step",
      "group, 8, 8, 0x1000, expected pages at or above"})
  void namesTheFieldThatIsWrong(String where, int offset, int width, String value, String field) {
    ByteBuffer image = image();
    long number = value.startsWith("0x") ? Long.parseUnsignedLong(value.substring(2), 16) : Long.parseLong(value);
    int at = TinyEnclaves.METADATA + place(where) + offset;
    switch (width) {
      case 1 -> image.put(at, (byte) number);
      case 2 -> image.putShort(at, (short) number);
      case 4 -> image.putInt(at, (int) number);
      default -> image.putLong(at, number);
    }

    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(image.array()), "t.so"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining(field).hasMessageContaining("t.so");
  }

  /** An enclave size that makes room does not make the pages affordable. */
  @Test
  void aHeapOfManyGigabytesIsRefusedUnread() {
    ByteBuffer image = image();
    image.putLong(TinyEnclaves.METADATA + 40, 1L << 45);
    image.putInt(TinyEnclaves.METADATA + HEAP + 4, -1);
    image.putLong(TinyEnclaves.METADATA + HEAP + 8, 1L << 44);

    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(image.array()), "t.so"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("heap: expected at most " + Limits.PAGES);
  }

  @Test
  void measuringOfManyGigabytesIsRefusedUnread() {
    ByteBuffer image = image();
    image.putLong(TinyEnclaves.METADATA + 40, 1L << 45);
    image.putShort(TinyEnclaves.METADATA + HEAP + 2, (short) 3);
    image.putInt(TinyEnclaves.METADATA + HEAP + 4, 1 << 25);
    image.putLong(TinyEnclaves.METADATA + HEAP + 8, 1L << 44);

    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(image.array()), "t.so"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("measured bytes in all");
  }

  @Test
  void threadsAreBounded() {
    ByteBuffer image = image();
    image.putLong(TinyEnclaves.METADATA + 40, 1L << 45);
    image.putInt(TinyEnclaves.METADATA + GROUP + 4, 10_000);

    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(image.array()), "t.so"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("at most " + Limits.THREADS + " threads");
  }

  @Test
  void groupsOfGroupsAreRefused() {
    ByteBuffer image = image();
    image.putShort(TinyEnclaves.METADATA + HEAP, (short) 0x1009);
    image.putShort(TinyEnclaves.METADATA + HEAP + 2, (short) 0);
    image.putShort(TinyEnclaves.METADATA + GROUP + 2, (short) 8);

    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(image.array()), "t.so"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("entry_count");
  }

  @Test
  void anUnsignedEnclaveSaysSo() {
    assertThatThrownBy(() -> Images.read(MemorySegment.ofArray(TinyEnclaves.sdk(Variant.PLAIN)), "t.so"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("the enclave is not signed");
  }
}
