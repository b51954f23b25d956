package org.enclavisor.image.elf;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * An x86-64 ELF64 file whose headers have been checked: tables inside the file, loadable segments in ascending order
 * of address and not overlapping by page, names NUL-terminated. Values are taken once, at {@link #read}.
 *
 * <p>Source: System V ABI, ELF-64 object file format 1.5. Immutable; any thread.
 */
public final class ElfFile {
  /** Nothing lies at or above this address: 2⁴⁶, half of what user space can hold. */
  public static final long ADDRESS_LIMIT = 1L << 46;
  public static final int PAGE = 4096;
  public static final int HEADER_BYTES = 64;
  /** Where e_shoff, e_shnum and e_shstrndx are: signers of the Intel SDK clear them in the measured image. */
  public static final int E_SHOFF = 40;
  public static final int E_SHNUM = 60;
  public static final int E_SHSTRNDX = 62;
  public static final int ET_EXEC = 2;
  public static final int ET_DYN = 3;

  private static final int EM_X86_64 = 62;
  /** Longer section names nobody writes; it keeps the work linear in the file. */
  private static final int NAME_LIMIT = 256;
  /** More segments than this no linker makes; it keeps the pairwise checks cheap. */
  private static final int SEGMENT_LIMIT = 1024;

  private final HostileBytes bytes;
  private final int type;
  private final long entry;
  private final List<ProgramHeader> segments;
  private final List<ProgramHeader> loads;
  private final List<SectionHeader> sections;

  private ElfFile(HostileBytes bytes, int type, long entry, List<ProgramHeader> segments,
      List<SectionHeader> sections) {
    this.bytes = bytes;
    this.type = type;
    this.entry = entry;
    this.segments = segments;
    this.loads = segments.stream().filter(ProgramHeader::isLoad).toList();
    this.sections = sections;
  }

  /** Whether the bytes begin as an ELF file does. */
  public static boolean recognizes(MemorySegment file) {
    return file.byteSize() >= 4 && file.get(ValueLayout.JAVA_BYTE, 0) == 0x7f
        && file.get(ValueLayout.JAVA_BYTE, 1) == 'E' && file.get(ValueLayout.JAVA_BYTE, 2) == 'L'
        && file.get(ValueLayout.JAVA_BYTE, 3) == 'F';
  }

  /**
   * Reads and checks the headers.
   *
   * @throws org.enclavisor.image.MalformedImageException naming the first field that is wrong
   */
  public static ElfFile read(HostileBytes bytes) {
    if (!recognizes(bytes.segment())) {
      throw bytes.malformed("e_ident", 0, "the ELF magic", "something else");
    }
    expect(bytes, "e_ident[EI_CLASS]", 4, bytes.u8(4, "e_ident[EI_CLASS]"), 2, "2 (ELFCLASS64)");
    expect(bytes, "e_ident[EI_DATA]", 5, bytes.u8(5, "e_ident[EI_DATA]"), 1, "1 (little-endian)");
    expect(bytes, "e_ident[EI_VERSION]", 6, bytes.u8(6, "e_ident[EI_VERSION]"), 1, "1 (EV_CURRENT)");
    int type = bytes.u16(16, "e_type");
    if (type != ET_DYN && type != ET_EXEC) {
      throw bytes.malformed("e_type", 16, "3 (ET_DYN) or 2 (ET_EXEC)", Integer.toString(type));
    }
    expect(bytes, "e_machine", 18, bytes.u16(18, "e_machine"), EM_X86_64, "62 (x86-64)");
    long entry = bytes.u64UpTo(24, ADDRESS_LIMIT, "e_entry");
    List<ProgramHeader> segments = readSegments(bytes);
    List<SectionHeader> sections = readSections(bytes);
    checkLayout(bytes, segments);
    return new ElfFile(bytes, type, entry, segments, sections);
  }

  private static void expect(HostileBytes bytes, String field, long offset, int found, int wanted, String words) {
    if (found != wanted) {
      throw bytes.malformed(field, offset, words, Integer.toString(found));
    }
  }

  private static List<ProgramHeader> readSegments(HostileBytes bytes) {
    int count = bytes.u16(56, "e_phnum");
    if (count == 0 || count > SEGMENT_LIMIT) {
      throw bytes.malformed("e_phnum", 56, "1 to " + SEGMENT_LIMIT, Integer.toString(count));
    }
    expect(bytes, "e_phentsize", 54, bytes.u16(54, "e_phentsize"), ProgramHeader.BYTES, "56");
    long table = bytes.u64(32, "e_phoff");
    if (!bytes.holds(table, (long) count * ProgramHeader.BYTES)) {
      throw bytes.malformed("e_phoff", 32, count + " headers inside the file", hex(table));
    }
    List<ProgramHeader> segments = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      segments.add(readSegment(bytes, i, table + (long) i * ProgramHeader.BYTES));
    }
    return List.copyOf(segments);
  }

  private static ProgramHeader readSegment(HostileBytes bytes, int index, long at) {
    String name = "program header " + index + ": ";
    var header = new ProgramHeader(index, bytes.origin() + at, bytes.u32(at, name + "p_type"),
        bytes.u32(at + 4, name + "p_flags"), bytes.u64(at + 8, name + "p_offset"),
        bytes.u64(at + 16, name + "p_vaddr"), bytes.u64(at + 32, name + "p_filesz"),
        bytes.u64(at + 40, name + "p_memsz"), bytes.u64(at + 48, name + "p_align"));
    if (!bytes.holds(header.fileOffset(), header.fileSize())) {
      throw bytes.malformed(name + "p_filesz", at + 32, "a range inside the file of " + hex(bytes.size()) + " bytes",
          "p_offset " + hex(header.fileOffset()) + ", p_filesz " + hex(header.fileSize()));
    }
    boolean placed = header.isLoad() || header.type() == ProgramHeader.PT_TLS
        || header.type() == ProgramHeader.PT_DYNAMIC || header.type() == ProgramHeader.PT_GNU_RELRO;
    if (placed && !inAddressRange(header.address(), header.memorySize())) {
      throw bytes.malformed(name + "p_memsz", at + 40, "an end below " + hex(ADDRESS_LIMIT),
          "p_vaddr " + hex(header.address()) + ", p_memsz " + hex(header.memorySize()));
    }
    boolean filled = header.isLoad() || header.type() == ProgramHeader.PT_TLS;
    if (filled && header.fileSize() > header.memorySize()) {
      throw bytes.malformed(name + "p_filesz", at + 32, "at most p_memsz = " + hex(header.memorySize()),
          hex(header.fileSize()));
    }
    return header;
  }

  private static boolean inAddressRange(long address, long size) {
    return address >= 0 && size >= 0 && address < ADDRESS_LIMIT && size <= ADDRESS_LIMIT - address;
  }

  private static List<SectionHeader> readSections(HostileBytes bytes) {
    int count = bytes.u16(E_SHNUM, "e_shnum");
    if (count == 0) {
      return List.of();
    }
    expect(bytes, "e_shentsize", 58, bytes.u16(58, "e_shentsize"), SectionHeader.BYTES, "64");
    long table = bytes.u64(E_SHOFF, "e_shoff");
    if (!bytes.holds(table, (long) count * SectionHeader.BYTES)) {
      throw bytes.malformed("e_shoff", E_SHOFF, count + " headers inside the file", hex(table));
    }
    int nameIndex = bytes.u16(E_SHSTRNDX, "e_shstrndx");
    if (nameIndex >= count) {
      throw bytes.malformed("e_shstrndx", E_SHSTRNDX, "below e_shnum = " + count, Integer.toString(nameIndex));
    }
    SectionHeader names = readSection(bytes, nameIndex, table, "");
    HostileBytes text = names.hasBytes()
        ? bytes.slice(names.fileOffset(), names.size(), "section names") : bytes.slice(0, 0, "section names");
    List<SectionHeader> sections = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long at = table + (long) i * SectionHeader.BYTES;
      String field = "section " + i + ": sh_name";
      long nameAt = bytes.u32(at, field);
      String name = text.size() == 0 ? "" : text.cString(nameAt, NAME_LIMIT, field);
      sections.add(readSection(bytes, i, table, name));
    }
    return List.copyOf(sections);
  }

  private static SectionHeader readSection(HostileBytes bytes, int index, long table, String name) {
    long at = table + (long) index * SectionHeader.BYTES;
    String field = "section " + index + (name.isEmpty() ? "" : " (" + name + ")") + ": ";
    var header = new SectionHeader(index, bytes.origin() + at, name, bytes.u32(at + 4, field + "sh_type"),
        bytes.u64(at + 8, field + "sh_flags"), bytes.u64(at + 16, field + "sh_addr"),
        bytes.u64(at + 24, field + "sh_offset"), bytes.u64(at + 32, field + "sh_size"),
        bytes.u32(at + 40, field + "sh_link"), bytes.u64(at + 48, field + "sh_addralign"),
        bytes.u64(at + 56, field + "sh_entsize"));
    if (header.hasBytes() && !bytes.holds(header.fileOffset(), header.size())) {
      throw bytes.malformed(field + "sh_size", at + 32, "a range inside the file of " + hex(bytes.size()) + " bytes",
          "sh_offset " + hex(header.fileOffset()) + ", sh_size " + hex(header.size()));
    }
    return header;
  }

  private static void checkLayout(HostileBytes bytes, List<ProgramHeader> segments) {
    ProgramHeader last = null;
    for (ProgramHeader segment : segments) {
      if (!segment.isLoad()) {
        continue;
      }
      if (last != null && pageOf(segment.address()) < pageEnd(last.end())) {
        throw bytes.malformed("program header " + segment.index() + ": p_vaddr",
            segment.headerOffset() - bytes.origin() + 16,
            "a page at or above " + hex(pageEnd(last.end())) + ", where loadable segment " + last.index() + " ends",
            hex(segment.address()));
      }
      last = segment;
    }
    if (last == null) {
      throw bytes.malformed("program headers", 32, "a loadable segment", "none");
    }
  }

  /** The beginning of the page. */
  public static long pageOf(long address) {
    return address & -PAGE;
  }

  /** The end of the page, or the address itself if it begins one. */
  public static long pageEnd(long address) {
    return (address + PAGE - 1) & -PAGE;
  }

  public HostileBytes bytes() {
    return bytes;
  }

  /** {@link #ET_DYN} or {@link #ET_EXEC}. */
  public int type() {
    return type;
  }

  /** e_entry. */
  public long entry() {
    return entry;
  }

  public List<ProgramHeader> segments() {
    return segments;
  }

  /** The loadable segments, in ascending order; at least one. */
  public List<ProgramHeader> loads() {
    return loads;
  }

  public Optional<ProgramHeader> segment(long type) {
    return segments.stream().filter(segment -> segment.type() == type).findFirst();
  }

  public List<SectionHeader> sections() {
    return sections;
  }

  /** The first section of that name. */
  public Optional<SectionHeader> section(String name) {
    return sections.stream().filter(section -> section.name().equals(name)).findFirst();
  }

  /** The first section that has bytes and begins at that address. */
  public Optional<SectionHeader> sectionAt(long address) {
    return sections.stream().filter(section -> section.hasBytes() && section.address() == address).findFirst();
  }

  /** The bytes of a section. */
  public HostileBytes content(SectionHeader section) {
    return bytes.slice(section.fileOffset(), section.hasBytes() ? section.size() : 0, section.name());
  }

  /** The end of the highest loadable segment. */
  public long imageEnd() {
    return loads.getLast().end();
  }

  /** The file offset of the byte that is loaded to an address; empty where no file byte is loaded. */
  public Optional<Long> fileOffsetOf(long address) {
    for (ProgramHeader load : loads) {
      if (address >= load.address() && address - load.address() < load.fileSize()) {
        return Optional.of(load.fileOffset() + (address - load.address()));
      }
    }
    return Optional.empty();
  }

  /** The first dynamic symbol that is neither defined nor weak, by name. */
  public Optional<String> firstUndefinedSymbol() {
    for (SectionHeader table : sections) {
      if (table.type() == SectionHeader.SHT_DYNSYM) {
        HostileBytes names = namesOf(table);
        HostileBytes entries = content(table);
        for (long at = Symbol.BYTES; at <= lastEntry(table); at += Symbol.BYTES) {
          long nameAt = entries.u32(at, "st_name");
          Symbol symbol = symbolAt(entries, at, "");
          if (nameAt != 0 && !symbol.defined() && !symbol.weak()) {
            return Optional.of(names.cString(nameAt, 4096, "symbol " + at / Symbol.BYTES + ": st_name"));
          }
        }
        return Optional.empty();
      }
    }
    return Optional.empty();
  }

  /** The dynamic symbol of that name, or else the one of the full table; the last if there are several. */
  public Optional<Symbol> symbol(String name) {
    Optional<Symbol> dynamic = find(SectionHeader.SHT_DYNSYM, name);
    return dynamic.isPresent() ? dynamic : find(SectionHeader.SHT_SYMTAB, name);
  }

  /** The dynamic symbol of that name; the last if there are several. */
  public Optional<Symbol> dynamicSymbol(String name) {
    return find(SectionHeader.SHT_DYNSYM, name);
  }

  private Optional<Symbol> find(long tableType, String name) {
    for (SectionHeader table : sections) {
      if (table.type() == tableType) {
        HostileBytes names = namesOf(table);
        HostileBytes entries = content(table);
        for (long at = lastEntry(table); at >= Symbol.BYTES; at -= Symbol.BYTES) {
          if (names.textIs(entries.u32(at, "st_name"), name)) {
            return Optional.of(symbolAt(entries, at, name));
          }
        }
        return Optional.empty();
      }
    }
    return Optional.empty();
  }

  private long lastEntry(SectionHeader table) {
    if (table.entrySize() != Symbol.BYTES) {
      throw bytes.malformed(table.name() + ": sh_entsize", table.headerOffset() - bytes.origin() + 56,
          Integer.toString(Symbol.BYTES), Long.toUnsignedString(table.entrySize()));
    }
    return (table.size() / Symbol.BYTES - 1) * Symbol.BYTES;
  }

  private HostileBytes namesOf(SectionHeader table) {
    if (table.link() >= sections.size()) {
      throw bytes.malformed(table.name() + ": sh_link", table.headerOffset() - bytes.origin() + 40,
          "below e_shnum = " + sections.size(), Long.toString(table.link()));
    }
    return content(sections.get((int) table.link()));
  }

  private static Symbol symbolAt(HostileBytes entries, long at, String name) {
    int info = entries.u8(at + 4, "st_info");
    return new Symbol(name, entries.u64(at + 8, "st_value"), entries.u64(at + 16, "st_size"),
        entries.u16(at + 6, "st_shndx"), info >>> 4 == 2);
  }
}
