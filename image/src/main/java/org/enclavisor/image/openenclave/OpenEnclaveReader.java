package org.enclavisor.image.openenclave;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.LaunchRules;
import org.enclavisor.image.Limits;
import org.enclavisor.image.Region;
import org.enclavisor.image.ThreadSlot;
import org.enclavisor.image.elf.Dynamic;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.elf.SectionHeader;
import org.enclavisor.image.elf.Symbol;
import org.enclavisor.image.layout.LoadedElf;
import org.enclavisor.image.layout.PageList;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.Tcs;

/**
 * Reads enclaves of the Open Enclave SDK. Behind the segments come the relocations, the heap, and for each thread:
 * guard, stack, guard, TCS, two SSA frames, guard, thread-local storage, thread data. Not for several threads.
 */
public final class OpenEnclaveReader {
  /** The section by which they are known. */
  public static final String SECTION = ".oeinfo";

  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int PAGE = ElfFile.PAGE;
  private static final int SSA_FRAMES = 2;
  /** TCS, SSA frames and guard. */
  private static final int CONTROL_PAGES = 4;
  private static final int THREAD_DATA_PAGES = 1;
  private static final byte STACK_FILL = (byte) 0xcc;
  private static final long XFRM_AVX = 4;

  private final ElfFile elf;
  private final LoadedElf loaded;
  private final Properties properties;
  private final long propertiesAddress;
  private final ThreadLocals locals;
  private final Optional<MemorySegment> relocations;
  private final long imageSize;
  private final List<ThreadSlot> threads = new ArrayList<>();
  private final List<Region> reserved = new ArrayList<>();

  private OpenEnclaveReader(ElfFile elf) {
    this.elf = elf;
    refuseWhatTheLoaderRefuses(elf);
    this.loaded = new LoadedElf(elf);
    this.propertiesAddress = elf.section(SECTION).map(SectionHeader::address).orElseThrow();
    long fileOffset = elf.fileOffsetOf(propertiesAddress).orElseThrow(
        () -> elf.bytes().malformed(SECTION + ": sh_addr", -1, "an address with bytes in the file",
            hex(propertiesAddress)));
    this.properties = Properties.read(elf.bytes().slice(fileOffset, Properties.BYTES, SECTION));
    this.locals = ThreadLocals.of(elf);
    this.relocations = Relocations.pages(elf);
    this.imageSize = ElfFile.pageEnd(elf.imageEnd());
  }

  /**
   * Reads an enclave, signed or not.
   *
   * @throws org.enclavisor.image.MalformedImageException naming the field that is wrong
   */
  public static EnclaveImage read(ElfFile elf) {
    return new OpenEnclaveReader(elf).read();
  }

  private static void refuseWhatTheLoaderRefuses(ElfFile elf) {
    HostileBytes bytes = elf.bytes();
    if (elf.type() != ElfFile.ET_DYN) {
      throw bytes.malformed("e_type", 16, "3 (ET_DYN)", Integer.toString(elf.type()));
    }
    if (elf.entry() == 0) {
      throw bytes.malformed("e_entry", 24, "an entry point", "0");
    }
    if (elf.loads().getFirst().address() != 0) {
      throw bytes.malformed("first loadable segment: p_vaddr", -1, "0", hex(elf.loads().getFirst().address()));
    }
    for (ProgramHeader load : elf.loads()) {
      if (load.permissions().bits() == 0) {
        throw bytes.malformed("program header " + load.index() + ": p_flags",
            load.headerOffset() - bytes.origin() + 4, "at least one permission", hex(load.flags()));
      }
    }
    Dynamic.of(elf).ifPresent(dynamic -> {
      if (dynamic.has(Dynamic.DT_NEEDED)) {
        throw bytes.malformed("dynamic section: DT_NEEDED", -1, "an enclave in one file", "one that needs another");
      }
      if (dynamic.has(Dynamic.DT_RPATH) || dynamic.has(Dynamic.DT_RUNPATH)) {
        throw bytes.malformed("dynamic section", -1, "neither DT_RPATH nor DT_RUNPATH", "one of them");
      }
    });
  }

  private EnclaveImage read() {
    long loadedBytes = loadedBytes();
    long enclaveSize = powerOfTwo(loadedBytes);
    long start = properties.startAddress();
    long elrange = properties.zeroBase() ? powerOfTwo(loadedBytes + start) : enclaveSize;
    patch(enclaveSize);
    var pages = new PageList(elf.bytes().name(), elrange);
    for (ProgramHeader load : elf.loads()) {
      loaded.addTo(pages, load, start, _ -> Secinfo.reg(load.permissions()));
    }
    relocations.ifPresent(table ->
        pages.addContent(start + imageSize, table, Secinfo.reg(Permissions.R), true, "relocations"));
    addHeapAndThreads(pages, start);
    boolean kss = (properties.attributes() & Attributes.KSS) != 0;
    var wanted = new Attributes(Attributes.MODE64BIT | (kss ? Attributes.KSS : 0),
        Attributes.XFRM_LEGACY | XFRM_AVX);
    var misc = new MiscSelect(properties.reportsFaults() ? MiscSelect.EXINFO : 0);
    boolean debuggable = (properties.attributes() & Attributes.DEBUG) != 0;
    return new EnclaveImage(EnclaveImage.Kind.OPEN_ENCLAVE, elf.bytes().name(), Secs.of(elrange, 1, misc, wanted),
        properties.zeroBase() ? OptionalLong.of(0) : OptionalLong.empty(), start, pages.finish(),
        properties.sigstruct(), Optional.empty(), threads, reserved, List.of(),
        new LaunchRules(wanted, misc, debuggable, false), Optional.empty());
  }

  private long relocationBytes() {
    return relocations.map(MemorySegment::byteSize).orElse(0L);
  }

  private long loadedBytes() {
    long perThread = properties.stackPages() + 2 + locals.pages() + CONTROL_PAGES + THREAD_DATA_PAGES;
    long pages = properties.heapPages() + properties.threads() * perThread;
    if (pages > (Limits.ELRANGE >> 1) / PAGE) {
      throw elf.bytes().malformed(SECTION + ": size_settings", -1, "at most " + (Limits.ELRANGE >> 1) / PAGE + " pages",
          Long.toString(pages));
    }
    return imageSize + relocationBytes() + pages * PAGE;
  }

  private static long powerOfTwo(long bytes) {
    return bytes <= 1 ? 1 : Long.highestOneBit(bytes - 1) << 1;
  }

  /** What the host writes into the image before it adds the pages ({@code _patch_elf_image}). */
  private void patch(long enclaveSize) {
    MemorySegment info = MemorySegment.ofArray(new byte[Properties.IMAGE_INFO_BYTES]);
    info.set(U64, 0, propertiesAddress);
    info.set(U64, 8, Properties.BYTES);
    info.set(U64, 16, imageSize);
    info.set(U64, 24, relocationBytes());
    info.set(U64, 32, imageSize + relocationBytes());
    info.set(U64, 40, enclaveSize);
    loaded.write(propertiesAddress + Properties.IMAGE_INFO, info, SECTION + ": image_info");
    Symbol self = elf.dynamicSymbol("_enclave_rva").orElseThrow(
        () -> elf.bytes().malformed("_enclave_rva", -1, "the dynamic symbol", "none"));
    set("_enclave_rva", self.value(), true);
    set("_reloc_rva", imageSize, true);
    set("_reloc_size", relocationBytes(), true);
    if (locals.dataSize() != 0) {
      set("_tdata_rva", locals.dataAddress(), false);
      set("_tdata_size", locals.dataSize(), false);
      set("_tdata_align", locals.dataAlign(), false);
    }
    if (locals.bssSize() != 0) {
      set("_tbss_size", locals.bssSize(), false);
      set("_tbss_align", locals.bssAlign(), false);
    }
    set("_td_from_tcs_offset", (locals.pages() + CONTROL_PAGES) * PAGE, false);
    loaded.write(propertiesAddress + Properties.SIGSTRUCT,
        MemorySegment.ofArray(new byte[Sigstruct.BYTES]), SECTION + ": sigstruct");
  }

  private void set(String name, long value, boolean required) {
    Optional<Symbol> symbol = elf.dynamicSymbol(name);
    if (symbol.isEmpty() && required) {
      throw elf.bytes().malformed(name, -1, "the dynamic symbol", "none");
    }
    symbol.ifPresent(found -> {
      MemorySegment bytes = MemorySegment.ofArray(new byte[Long.BYTES]);
      bytes.set(U64, 0, value);
      loaded.write(found.value(), bytes, name);
    });
  }

  private void addHeapAndThreads(PageList pages, long start) {
    Secinfo data = Secinfo.reg(Permissions.RW);
    long at = start + imageSize + relocationBytes();
    pages.addFill(at, properties.heapPages() * PAGE, data, false, Optional.empty(), "heap");
    at += properties.heapPages() * PAGE;
    MemorySegment fill = MemorySegment.ofArray(new byte[PAGE]).fill(STACK_FILL);
    long stack = properties.stackPages() * PAGE;
    for (int i = 0; i < properties.threads(); i++) {
      String thread = "thread " + i + " ";
      at = guard(at);
      pages.addFill(at, stack, data, true, Optional.of(fill), thread + "stack");
      at = guard(at + stack);
      at = addControlPages(pages, at, start, thread);
    }
  }

  private long addControlPages(PageList pages, long at, long start, String thread) {
    Secinfo data = Secinfo.reg(Permissions.RW);
    long segmentBase = at + (locals.pages() + CONTROL_PAGES) * PAGE;
    Tcs tcs = Tcs.of(start + elf.entry(), at + PAGE, SSA_FRAMES, segmentBase, segmentBase);
    pages.addContent(at, MemorySegment.ofArray(tcs.toBytes()), Secinfo.tcs(), true, thread + "tcs");
    threads.add(new ThreadSlot(at, tcs, false));
    pages.addFill(at + PAGE, SSA_FRAMES * (long) PAGE, data, true, Optional.empty(), thread + "ssa");
    long rest = guard(at + PAGE + SSA_FRAMES * (long) PAGE);
    long length = (locals.pages() + THREAD_DATA_PAGES) * PAGE;
    pages.addFill(rest, length, data, true, Optional.empty(), thread + "thread data");
    return rest + length;
  }

  private long guard(long at) {
    reserved.add(new Region("guard", at, PAGE, Permissions.NONE, Region.Use.GUARD));
    return at + PAGE;
  }
}
