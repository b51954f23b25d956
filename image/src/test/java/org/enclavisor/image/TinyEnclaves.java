package org.enclavisor.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Small enclaves of every ELF kind, made by {@link TinyElf}. They are to be read and measured, not to be run. */
public final class TinyEnclaves {
  /** File offsets (equal to addresses) in {@link #sdk}. */
  public static final int TEXT = 0x1000;
  public static final int DATA = 0x2000;
  public static final int GLOBAL_DATA = 0x2400;
  public static final int GLOBAL_DATA_BYTES = 1768;
  public static final int NOTE = 0x4000;
  public static final int NOTE_HEADER = 25;
  public static final int METADATA = NOTE + NOTE_HEADER;
  public static final int NOTE_ROOM = 0x6000;
  public static final int BSS_PAGES = 3;
  private static final int DYNSYM = 0x400;
  private static final int DYNSTR = 0x600;
  private static final int RELA = 0x700;
  private static final int DYNAMIC = 0x2100;
  private static final byte[] ENCLU = {0x0f, 0x01, (byte) 0xd7};

  /** What can be varied in {@link #sdk}. */
  public enum Variant {
    PLAIN,
    /** No ENCLU anywhere. */
    WITHOUT_ENCLU,
    /** The simulation library's symbol. */
    SIMULATION_SYMBOL,
    /** DT_TEXTREL, with a relocation that crosses from the first page of code into the second. */
    TEXT_RELOCATIONS,
    /** With thread-local storage of 100 bytes, aligned to 64. */
    THREAD_LOCALS
  }

  private TinyEnclaves() {}

  /** An unsigned enclave of the Intel SDK's kind. */
  public static byte[] sdk(Variant variant) {
    var elf = new TinyElf(NOTE + NOTE_HEADER + NOTE_ROOM + 3).entry(TEXT);
    elf.fill(TEXT, 0xc00, 1).put(TEXT + 0x123, variant == Variant.WITHOUT_ENCLU ? new byte[3] : ENCLU);
    elf.fill(DATA, 0x100, 7);
    elf.put64(GLOBAL_DATA, 2L << 32 | 26 << 16 | 100);
    boolean textRelocations = variant == Variant.TEXT_RELOCATIONS;
    String third = variant == Variant.SIMULATION_SYMBOL ? "g_global_data_sim" : "other_symbol_here";
    byte[] strings = ("\0g_global_data\0enclave_entry\0" + third + "\0").getBytes(StandardCharsets.US_ASCII);
    elf.put(DYNSTR, strings);
    elf.symbol(DYNSYM + 24, 1, 0x11, 1, GLOBAL_DATA, GLOBAL_DATA_BYTES);
    elf.symbol(DYNSYM + 48, 15, 0x12, 1, TEXT, 16);
    elf.symbol(DYNSYM + 72, 29, 0x11, 1, DATA, 8);
    elf.put64(RELA, DATA + 8).put64(RELA + 8, 8).put64(RELA + 16, TEXT);
    elf.put64(RELA + 24, textRelocations ? TEXT + 0x10 : DATA + 16).put64(RELA + 32, 8).put64(RELA + 40, TEXT + 4);
    long[] dynamic = {5, DYNSTR, 6, DYNSYM, 7, RELA, 8, 48, 9, 24, 11, 24, textRelocations ? 22 : 0x6ffffffbL, 0, 0, 0};
    for (int i = 0; i < dynamic.length; i++) {
      elf.put64(DYNAMIC + 8 * i, dynamic[i]);
    }
    elf.segment(1, 4, 0, 0, 0x800, 0x800, TinyElf.PAGE);
    elf.segment(1, 5, TEXT, TEXT, 0xc00, 0xc00, TinyElf.PAGE);
    elf.segment(1, 6, DATA, DATA, 0x1000, 0x1000 + BSS_PAGES * TinyElf.PAGE - 0x10, TinyElf.PAGE);
    elf.segment(2, 6, DYNAMIC, DYNAMIC, dynamic.length * 8L, dynamic.length * 8L, 8);
    if (variant == Variant.THREAD_LOCALS) {
      elf.segment(7, 4, DATA, DATA, 40, 100, 64);
    }
    int dynstr = elf.section(".dynstr", 3, 2, DYNSTR, DYNSTR, strings.length, 0, 1, 0);
    elf.section(".dynsym", 11, 2, DYNSYM, DYNSYM, 96, dynstr, 8, 24);
    elf.section(".rela.dyn", 4, 2, RELA, RELA, 48, 2, 8, 24);
    elf.section(".text", 1, 6, TEXT, TEXT, 0xc00, 0, 16, 0);
    elf.section(".dynamic", 6, 3, DYNAMIC, DYNAMIC, dynamic.length * 8L, dynstr, 8, 16);
    elf.section(".note.sgxmeta", 7, 0, 0, NOTE, NOTE_HEADER + NOTE_ROOM + 3, 0, 4, 0);
    elf.put32(NOTE, 13).put32(NOTE + 4, NOTE_ROOM).put32(NOTE + 8, 1);
    elf.put(NOTE + 12, "sgx_metadata\0".getBytes(StandardCharsets.US_ASCII));
    return elf.build();
  }

  /** Where things are in {@link #openEnclave}. */
  public static final int OE_INFO = 0x800;
  public static final int OE_RELA = 0x300;

  /** An unsigned enclave of Open Enclave's kind: 2 heap pages, 3 stack pages, 2 threads; two pages of thread-locals. */
  public static byte[] openEnclave(boolean zeroBase) {
    int strings = 0x500;
    int symbols = 0x600;
    var elf = new TinyElf(0x4000).entry(TEXT + 0x40);
    elf.fill(TEXT, 0xe00, 3).put(TEXT + 0x200, ENCLU).fill(DATA, 0x800, 9);
    byte[] names = "\0_enclave_rva\0_reloc_rva\0_reloc_size\0_tdata_size\0tls_variable\0"
        .getBytes(StandardCharsets.US_ASCII);
    elf.put(strings, names);
    elf.symbol(symbols + 24, 1, 0x11, 1, 0x700, 8);
    elf.symbol(symbols + 48, 14, 0x11, 1, 0x708, 8);
    elf.symbol(symbols + 72, 25, 0x11, 1, DATA + 0x900, 8);
    elf.symbol(symbols + 96, 37, 0x11, 1, DATA + 0x1ff8, 8);
    elf.symbol(symbols + 120, 49, 0x16, 1, 0x55, 8);
    elf.put64(OE_RELA, DATA).put64(OE_RELA + 8, 8).put64(OE_RELA + 16, TEXT);
    elf.put64(OE_RELA + 24, DATA + 8).put64(OE_RELA + 32, 5L << 32 | 18).put64(OE_RELA + 40, 0);
    ByteBuffer info = ByteBuffer.allocate(1960).order(ByteOrder.LITTLE_ENDIAN);
    info.putInt(0, 1960).putInt(4, 2).putLong(8, 2).putLong(16, 3).putLong(24, 2).putShort(32, (short) 5)
        .putShort(34, (short) 6).putInt(36, zeroBase ? 3 : 1).putLong(72, 6).putLong(88, zeroBase ? 0x10000 : 0)
        .putLong(1952, 0xecececececececL);
    elf.put(OE_INFO, info.array());
    elf.segment(1, 4, 0, 0, 0x1000, 0x1000, TinyElf.PAGE);
    elf.segment(1, 5, TEXT, TEXT, 0xe00, 0xe00, TinyElf.PAGE);
    elf.segment(1, 6, DATA, DATA, 0xa00, 0x2010, TinyElf.PAGE);
    elf.segment(7, 4, DATA, DATA, 0x100, 0x1101, 16);
    int dynstr = elf.section(".dynstr", 3, 2, strings, strings, names.length, 0, 1, 0);
    elf.section(".dynsym", 11, 2, symbols, symbols, 144, dynstr, 8, 24);
    elf.section(".rela.dyn", 4, 2, OE_RELA, OE_RELA, 48, 2, 8, 24);
    elf.section(".oeinfo", 1, 2, OE_INFO, OE_INFO, 1960, 0, 8, 0);
    elf.section(".tdata", 1, 0x403, DATA, DATA, 0x100, 0, 16, 0);
    elf.section(".tbss", 8, 0x403, DATA + 0x100, 0, 0x1001, 0, 16, 0);
    return elf.build();
  }

  /** An enclave as the Linux selftests': two TCS, code, data. */
  public static byte[] selftest() {
    var elf = new TinyElf(0x4800).entry(0x2000).type(2);
    for (int tcs = 0x1000; tcs <= 0x1fff; tcs += TinyElf.PAGE) {
      elf.put64(tcs + 16, 0x3000).put32(tcs + 28, 1).put64(tcs + 32, 0x1000).put64(tcs + 64, -1);
    }
    elf.fill(0x2000, 0x1000, 5).put(0x2200, ENCLU).fill(0x3000, 0x1700, 11);
    elf.segment(1, 6, 0x1000, 0, 0x1000, 0x1000, TinyElf.PAGE);
    elf.segment(1, 5, 0x2000, 0x1000, 0x1000, 0x1000, TinyElf.PAGE);
    elf.segment(1, 6, 0x3000, 0x2000, 0x1700, 0x1700, TinyElf.PAGE);
    return elf.build();
  }
}
