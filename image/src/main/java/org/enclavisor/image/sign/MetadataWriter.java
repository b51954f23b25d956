package org.enclavisor.image.sign;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.elf.Symbol;
import org.enclavisor.image.sdk.Elrange;
import org.enclavisor.image.sdk.LayoutEntry;
import org.enclavisor.image.sdk.LayoutGroup;
import org.enclavisor.image.sdk.LayoutId;
import org.enclavisor.image.sdk.LayoutItem;
import org.enclavisor.image.sdk.SdkMetadata;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.Tcs;

/**
 * Makes a block of metadata of version 3.3 (13.3 with an ELRANGE of its own), in the order in which {@code sgx_sign}
 * fills it: ELRANGE, extensions, TCS template, template of {@code g_global_data}, eight zeroes, patches, layout. The
 * SIGSTRUCT and the FIPS signature stay zero. Not for several threads.
 */
final class MetadataWriter {
  static final int TCS_TEMPLATE_BYTES = 72;
  private static final int PATCH_BYTES = 32;
  private static final int ZERO_BYTES = 8;
  private static final int DIRECTORIES = 4;
  private static final int DATA = SdkMetadata.DIRECTORIES_OFFSET + 8 * DIRECTORIES;
  private static final long VERSION = 3L << 32 | 3;
  private static final long ELRANGE_VERSION = 13L << 32 | 3;

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ElfFile elf;
  private final SigningConfig config;
  private final AttributeChoice attributes;
  private final int ssaFrameSize;
  private final long tlsBytes;
  private final boolean elrange;
  private final Optional<FipsExtension> extension;
  private final int tcsTemplate;
  private final int globalData;
  private final int zeroes;
  private final int patches;
  private final int layout;

  /** @param extension what is added for FIPS, if anything */
  MetadataWriter(ElfFile elf, SigningConfig config, Optional<FipsExtension> extension) {
    this.elf = elf;
    this.config = config;
    this.attributes = AttributeChoice.of(config);
    this.ssaFrameSize = (attributes.xsaveBytes() + GprSgx.BYTES + LayoutPlan.PAGE - 1) / LayoutPlan.PAGE;
    this.tlsBytes = elf.segment(ProgramHeader.PT_TLS).map(MetadataWriter::alignedSize).orElse(0L);
    this.elrange = config.get(ConfigKey.ELRANGE_SIZE) != 0;
    this.extension = extension;
    this.tcsTemplate = extend() + extension.map(FipsExtension::bytes).orElse(0);
    this.globalData = tcsTemplate + TCS_TEMPLATE_BYTES;
    this.zeroes = globalData + GlobalData.BYTES;
    this.patches = zeroes + ZERO_BYTES;
    this.layout = patches + 4 * PATCH_BYTES;
  }

  private int extend() {
    return DATA + (elrange ? Elrange.BYTES : 0);
  }

  private static long alignedSize(ProgramHeader tls) {
    long align = tls.alignment();
    if (align < 0 || align > LayoutPlan.PAGE || align > 1 && Long.bitCount(align) != 1) {
      throw new MalformedImageException("program header " + tls.index() + ": p_align of PT_TLS",
          tls.headerOffset() + 48, "a power of two of at most a page", "0x" + Long.toHexString(align));
    }
    return align <= 1 ? tls.memorySize() : (tls.memorySize() + align - 1) & -align;
  }

  AttributeChoice attributes() {
    return attributes;
  }

  /** The block. */
  byte[] write() {
    long tlsPages = (tlsBytes + LayoutPlan.PAGE - 1) / LayoutPlan.PAGE;
    List<Long> segments = elf.loads().stream().map(ProgramHeader::memorySize).toList();
    long overhead = config.forDynamicMemory() ? EdmmOverhead.bytes(config, ssaFrameSize, tlsPages, segments) : 0;
    long ownEnd = ElfFile.pageEnd(elf.imageEnd());
    long imageEnd = ownEnd + extension.map(FipsExtension::memoryBytes).orElse(0L);
    LayoutPlan plan = LayoutPlan.of(config, imageEnd, ssaFrameSize, tlsPages, tcsTemplate, overhead);
    MemorySegment block = MemorySegment.ofArray(new byte[layout + plan.items().size() * LayoutItem.BYTES]);
    writeHeader(block, plan);
    if (elrange) {
      block.set(U64, DATA, config.get(ConfigKey.ENCLAVE_IMAGE_ADDRESS));
      block.set(U64, DATA + 8, config.get(ConfigKey.ELRANGE_START_ADDRESS));
      block.set(U64, DATA + 16, config.get(ConfigKey.ELRANGE_SIZE));
    }
    extension.ifPresent(added -> added.write(block, extend(), ownEnd, elf.bytes().size()));
    writeLayout(block, layout, plan.items());
    writeTcsTemplate(block.asSlice(tcsTemplate, TCS_TEMPLATE_BYTES), plan);
    writePatches(block);
    var template = new GlobalData(config, plan, attributes.xsaveBytes(), ssaFrameSize, tlsBytes, overhead);
    template.write(block.asSlice(globalData, GlobalData.BYTES), block.asSlice(tcsTemplate, TCS_TEMPLATE_BYTES),
        block.asSlice(layout));
    return block.toArray(ValueLayout.JAVA_BYTE);
  }

  private void writeHeader(MemorySegment block, LayoutPlan plan) {
    block.set(U64, 0, SdkMetadata.MAGIC);
    block.set(U64, 8, elrange ? ELRANGE_VERSION : VERSION);
    block.set(U32, 16, (int) block.byteSize());
    block.set(U32, 20, (int) config.get(ConfigKey.TCS_POLICY));
    block.set(U32, 24, ssaFrameSize);
    block.set(U32, 28, attributes.xsaveBytes());
    block.set(U32, 32, (int) config.get(ConfigKey.MISC_SELECT));
    block.set(U32, 36, (int) config.get(ConfigKey.TCS_MIN_POOL));
    block.set(U64, 40, plan.enclaveSize());
    attributes.wanted().write(block.asSlice(48, Attributes.BYTES));
    directory(block, 0, patches, 4 * PATCH_BYTES);
    directory(block, 1, layout, plan.items().size() * LayoutItem.BYTES);
    directory(block, 2, elrange ? DATA : 0, elrange ? Elrange.BYTES : 0);
    directory(block, 3, extension.isPresent() ? extend() : 0, extension.isPresent() ? FipsExtension.TABLE_BYTES : 0);
  }

  private static void directory(MemorySegment block, int index, int offset, int size) {
    block.set(U32, SdkMetadata.DIRECTORIES_OFFSET + 8L * index, offset);
    block.set(U32, SdkMetadata.DIRECTORIES_OFFSET + 8L * index + 4, size);
  }

  /** Writes a layout table. */
  static void writeLayout(MemorySegment block, long at, List<LayoutItem> items) {
    for (LayoutItem item : items) {
      block.asSlice(at, LayoutItem.BYTES).fill((byte) 0);
      block.set(U16, at, (short) item.id());
      switch (item) {
        case LayoutEntry entry -> {
          block.set(U16, at + 2, (short) entry.attributes());
          block.set(U32, at + 4, (int) entry.pageCount());
          block.set(U64, at + 8, entry.rva());
          block.set(U32, at + 16, (int) entry.contentSize());
          block.set(U32, at + 20, (int) entry.contentOffset());
          block.set(U64, at + 24, entry.secinfoFlags());
        }
        case LayoutGroup group -> {
          block.set(U16, at + 2, (short) group.entryCount());
          block.set(U32, at + 4, (int) group.loadTimes());
          block.set(U64, at + 8, group.loadStep());
        }
      }
      at += LayoutItem.BYTES;
    }
  }

  /** The first 72 bytes of a TCS; what counts from the base counts from the TCS here, but for the entry. */
  private void writeTcsTemplate(MemorySegment target, LayoutPlan plan) {
    long shift = elrange
        ? config.get(ConfigKey.ENCLAVE_IMAGE_ADDRESS) - config.get(ConfigKey.ELRANGE_START_ADDRESS) : 0;
    long tcs = plan.entry(LayoutId.TCS).rva();
    LayoutEntry data = plan.entry(LayoutId.TD);
    long entry = elf.dynamicSymbol("enclave_entry").map(Symbol::value).orElse(elf.entry());
    if (entry == 0) {
      throw elf.bytes().malformed("enclave_entry", -1, "the symbol, or an entry point", "neither");
    }
    long thread = data.rva() - tcs + (data.pageCount() - 1) * LayoutPlan.PAGE + shift;
    long flags = attributes.value().has(Attributes.AEXNOTIFY) ? Tcs.AEXNOTIFY : 0;
    var template = new Tcs(0, flags, plan.entry(LayoutId.SSA).rva() - tcs + shift, 0, LayoutPlan.SSA_FRAMES,
        entry + shift, 0, thread, thread, -1, -1, 0, 0);
    target.copyFrom(MemorySegment.ofArray(template.toBytes()).asSlice(0, TCS_TEMPLATE_BYTES));
  }

  /** {@code g_global_data}, and the parts of the ELF header that a strip may change and nobody inside needs. */
  private void writePatches(MemorySegment block) {
    Symbol symbol = elf.dynamicSymbol("g_global_data").orElseThrow(
        () -> elf.bytes().malformed("g_global_data", -1, "the dynamic symbol", "none"));
    if (symbol.size() != GlobalData.BYTES) {
      throw elf.bytes().malformed("g_global_data: st_size", -1,
          GlobalData.BYTES + " bytes, as in SDK 2.26", Long.toString(symbol.size()));
    }
    long target = elf.fileOffsetOf(symbol.value()).filter(at -> elf.bytes().holds(at, GlobalData.BYTES)).orElseThrow(
        () -> elf.bytes().malformed("g_global_data: st_value", -1, "an address with bytes in the file",
            "0x" + Long.toHexString(symbol.value())));
    patch(block, 0, target, globalData, GlobalData.BYTES);
    patch(block, 1, ElfFile.E_SHNUM, zeroes, 2);
    patch(block, 2, ElfFile.E_SHOFF, zeroes, 8);
    patch(block, 3, ElfFile.E_SHSTRNDX, zeroes, 2);
  }

  private void patch(MemorySegment block, int index, long target, int source, int size) {
    long at = patches + (long) index * PATCH_BYTES;
    block.set(U64, at, target);
    block.set(U32, at + 8, source);
    block.set(U32, at + 12, size);
  }
}
