package org.enclavisor.image.sdk;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.ImageOptions;
import org.enclavisor.image.LaunchRules;
import org.enclavisor.image.elf.Dynamic;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.elf.SectionHeader;
import org.enclavisor.image.layout.LoadedElf;
import org.enclavisor.image.layout.PageList;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;

/** Reads enclaves of the Intel SDK. */
public final class SdkReader {
  /** The section by which they are known. */
  public static final String SECTION = ".note.sgxmeta";

  private static final String NOTE_NAME = "sgx_metadata";

  private SdkReader() {}

  /**
   * Reads a signed enclave.
   *
   * @throws org.enclavisor.image.MalformedImageException naming the field that is wrong
   */
  public static EnclaveImage read(ElfFile elf, ImageOptions options) {
    List<SdkMetadata> blocks = SdkMetadata.readAll(note(elf), elf.bytes().size());
    SdkMetadata metadata = choose(elf, blocks, options);
    FipsSignature.check(elf.bytes(), metadata);
    return read(elf, metadata);
  }

  /** The image that a certain block describes. */
  public static EnclaveImage read(ElfFile elf, SdkMetadata metadata) {
    refuseWhatTheLoaderRefuses(elf);
    long shift = metadata.elrange().map(Elrange::imageOffset).orElse(0L);
    long elrange = metadata.elrange().map(Elrange::size).orElse(metadata.enclaveSize());
    var pages = new PageList(elf.bytes().name(), elrange);
    Set<Long> relocated = TextRelocations.pages(elf);
    addSegments(elf, metadata, pages, shift, relocated);
    var contexts = new SdkContexts(elf.bytes().name(), metadata, pages, shift);
    contexts.build();
    Sigstruct sigstruct = metadata.sigstruct();
    var misc = new MiscSelect(
        sigstruct.miscSelect().bits() | metadata.desiredMiscSelect().bits());
    Secs secs = Secs.of(elrange, metadata.ssaFrameSize(), misc, metadata.attributes());
    OptionalLong base = metadata.elrange().map(range -> OptionalLong.of(range.start())).orElse(OptionalLong.empty());
    return new EnclaveImage(EnclaveImage.Kind.INTEL_SDK, elf.bytes().name(), secs, base, shift, pages.finish(),
        Optional.of(sigstruct), Optional.empty(), contexts.threads(), contexts.reserved(),
        SdkProtections.of(elf, metadata, shift), new LaunchRules(metadata.attributes(), misc,
            LaunchRules.debuggable(sigstruct), LaunchRules.alwaysDebug(sigstruct)),
        Optional.of(metadata));
  }

  /** All blocks of a known version, in the order of the file: for tools that show them. */
  public static List<SdkMetadata> blocks(ElfFile elf) {
    return SdkMetadata.readAll(note(elf), elf.bytes().size());
  }

  /** The content of the note, where signed enclaves have their metadata, and unsigned ones room for it. */
  public static HostileBytes note(ElfFile elf) {
    SectionHeader section = elf.section(SECTION).orElseThrow(
        () -> elf.bytes().malformed(SECTION, -1, "the section", "none"));
    HostileBytes note = elf.content(section);
    long nameSize = note.u32(0, SECTION + ": n_namesz");
    long size = note.u32(4, SECTION + ": n_descsz");
    if (nameSize != NOTE_NAME.length() + 1 || !note.textIs(12, NOTE_NAME)) {
      throw note.malformed(SECTION + ": name", 12, NOTE_NAME, "another name");
    }
    return note.slice(12 + nameSize, size, SECTION + ": n_descsz");
  }

  /**
   * As the SDK's loader chooses: the newest version not beyond what the platform can. An enclave that has metadata for
   * platforms with dynamic memory only is still read, to be inspected and measured, from that.
   */
  private static SdkMetadata choose(ElfFile elf, List<SdkMetadata> blocks, ImageOptions options) {
    int newest = options.dynamicMemory() ? SdkVersion.NEWEST : SdkVersion.STATIC;
    Comparator<SdkMetadata> byVersion = Comparator.comparing(SdkMetadata::version);
    // Of two blocks of one version the loader takes the first, as does max.
    return blocks.stream().filter(block -> block.version().generation() <= newest).max(byVersion)
        .or(() -> blocks.stream().max(byVersion))
        .orElseThrow(() -> elf.bytes().malformed(SECTION, -1, "metadata of version 1.x or 3.x",
            "none: the enclave is not signed, or for a loader not known here"));
  }

  private static void refuseWhatTheLoaderRefuses(ElfFile elf) {
    HostileBytes bytes = elf.bytes();
    if (elf.type() != ElfFile.ET_DYN) {
      throw bytes.malformed("e_type", 16, "3 (ET_DYN)", Integer.toString(elf.type()));
    }
    for (ProgramHeader load : elf.loads()) {
      if (load.permissions().bits() == 0) {
        throw bytes.malformed("program header " + load.index() + ": p_flags",
            load.headerOffset() - bytes.origin() + 4, "at least one permission", hex(load.flags()));
      }
      if (load.alignment() % ElfFile.PAGE != 0) {
        throw bytes.malformed("program header " + load.index() + ": p_align",
            load.headerOffset() - bytes.origin() + 48, "a multiple of the page size", hex(load.alignment()));
      }
    }
    Dynamic dynamic = Dynamic.of(elf).orElseThrow(
        () -> bytes.malformed("program headers", 32, "a dynamic segment", "none"));
    if (dynamic.has(Dynamic.DT_REL)) {
      throw bytes.malformed("dynamic section: DT_REL", -1, "RELA relocations only", "DT_REL");
    }
    elf.firstUndefinedSymbol().ifPresent(name -> {
      throw bytes.malformed(".dynsym", -1, "no undefined symbol",
          name.isEmpty() ? "one without a name" : name);
    });
    if (elf.section(".pcltbl").isPresent()) {
      throw bytes.malformed(".pcltbl", -1, "an enclave that is not encrypted",
          "a protected code loader's table: the key to it is not here");
    }
  }

  private static void addSegments(ElfFile elf, SdkMetadata metadata, PageList pages, long shift, Set<Long> relocated) {
    var loaded = new LoadedElf(elf);
    for (Patch patch : metadata.patches()) {
      loaded.writeFile(patch.fileOffset(), patch.bytes());
    }
    List<Placed> placed = new ArrayList<>();
    elf.loads().forEach(load -> placed.add(new Placed(loaded, load, 0)));
    metadata.sharedObject().ifPresent(object -> {
      ElfFile other = ElfFile.read(elf.bytes().slice(object.fileOffset(), object.size(), "shared object"));
      var otherLoaded = new LoadedElf(other);
      other.loads().forEach(load -> placed.add(new Placed(otherLoaded, load, object.memoryOffset())));
    });
    for (int i = 0; i < placed.size(); i++) {
      Placed one = placed.get(i);
      TextRelocations.addSegment(pages, one.elf, one.segment, shift + one.offset, one.offset, relocated);
      if (metadata.version().padsSegments()) {
        long next = i + 1 < placed.size() ? placed.get(i + 1).segment.address() : Long.MAX_VALUE;
        pad(pages, one.segment, next, shift);
      }
    }
  }

  private record Placed(LoadedElf elf, ProgramHeader segment, long offset) {}

  /**
   * Metadata 1.3: where the memory size rounded up by itself reaches a page further than the segment does, and the next
   * segment leaves room, one page of zeroes follows.
   */
  private static void pad(PageList pages, ProgramHeader segment, long next, long shift) {
    long end = ElfFile.pageEnd(segment.end());
    if (end < ElfFile.pageEnd(ElfFile.pageEnd(segment.memorySize()) + segment.address())
        && end < ElfFile.pageOf(next)) {
      pages.addFill(end + shift, ElfFile.PAGE, Secinfo.reg(segment.permissions()), true,
          Optional.empty(), "segment " + segment.index() + " (padding)");
    }
  }
}
