package org.enclavisor.image.sdk;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.enclavisor.image.Limits;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Sigstruct;

/**
 * A block of the Intel SDK's enclave metadata ({@code metadata_t}), checked: tables inside the block, ranges inside the
 * enclave, groups that point to entries.
 *
 * @param version which version of the format
 * @param fileOffset where the block begins in the file
 * @param size of the block in bytes
 * @param tcsPolicy 0: a thread of the host keeps its TCS, 1: any free TCS
 * @param ssaFrameSize in pages
 * @param xsaveSize of the largest XSAVE area the enclave reckons with, in bytes ({@code max_save_buffer_size})
 * @param desiredMiscSelect what MISCSELECT the enclave would like
 * @param tcsMinPool how many threads are kept ready beside the first
 * @param enclaveSize of the image with all it lays out, in bytes
 * @param attributes ATTRIBUTES the enclave wants
 * @param sigstruct the signature
 * @param patches in their order
 * @param layout in its order
 * @param elrange where the enclave insists on being
 * @param sharedObject another object in the same file
 * @param fipsSignature a second signature, over the SIGSTRUCT, and its public key ({@code EnableIPPFIPS})
 * @param block the whole block
 */
public record SdkMetadata(SdkVersion version, long fileOffset, long size, int tcsPolicy, int ssaFrameSize,
    long xsaveSize, MiscSelect desiredMiscSelect, long tcsMinPool, long enclaveSize, Attributes attributes,
    Sigstruct sigstruct, List<Patch> patches, List<LayoutItem> layout, Optional<Elrange> elrange,
    Optional<SharedObject> sharedObject, Optional<MemorySegment> fipsSignature, MemorySegment block) {
  /** What a block begins with. */
  public static final long MAGIC = 0x86A80294635D0E4CL;
  /** Where the SIGSTRUCT is in a block. */
  public static final int SIGSTRUCT_OFFSET = 64;
  /** Where the directories are. */
  public static final int DIRECTORIES_OFFSET = SIGSTRUCT_OFFSET + Sigstruct.BYTES;
  /** Two directories: the least a block has. */
  public static final int LEAST_BYTES = DIRECTORIES_OFFSET + 16;

  /** Kinds of extensions. */
  public static final int FIPS_SIGNATURE_ID = 0x1001;
  public static final int SHARED_OBJECT_ID = 0x1002;

  public SdkMetadata {
    patches = List.copyOf(patches);
    layout = List.copyOf(layout);
  }

  /** Whether the block is for platforms with dynamic memory (SGX2). */
  public boolean forDynamicMemory() {
    return version.generation() == SdkVersion.NEWEST;
  }

  /**
   * Reads one block, whatever its version.
   *
   * @param block the block, and nothing else
   * @param name of the file, for error messages
   * @param fileSize the length of the whole file that it belongs to
   * @throws org.enclavisor.image.MalformedImageException naming the field that is wrong
   */
  public static SdkMetadata parse(MemorySegment block, String name, long fileSize) {
    var bytes = new HostileBytes(block, name);
    return read(bytes, SdkVersion.of(bytes.u64(8, "metadata version")), fileSize);
  }

  /**
   * Reads all blocks of a known version, in their order.
   *
   * @param blocks the content of the note
   * @param fileSize the length of the whole file
   */
  static List<SdkMetadata> readAll(HostileBytes blocks, long fileSize) {
    List<SdkMetadata> known = new ArrayList<>();
    long at = 0;
    while (blocks.holds(at, 16) && blocks.u64(at, "magic_num") == MAGIC) {
      SdkVersion version = SdkVersion.of(blocks.u64(at + 8, "metadata version"));
      long size = blocks.u32(at + 16, "metadata size");
      if (size < LEAST_BYTES || size > blocks.size() - at) {
        throw blocks.malformed("metadata size", at + 16,
            LEAST_BYTES + " to " + (blocks.size() - at) + " bytes", Long.toString(size));
      }
      if (version.generation() == 1 || version.generation() == SdkVersion.NEWEST) {
        known.add(read(blocks.slice(at, size, "metadata"), version, fileSize));
      }
      at += size;
    }
    return known;
  }

  private static SdkMetadata read(HostileBytes block, SdkVersion version, long fileSize) {
    long policy = block.u32(20, "tcs_policy");
    if (policy > 1) {
      throw block.malformed("tcs_policy", 20, "0 or 1", Long.toString(policy));
    }
    long frame = block.u32(24, "ssa_frame_size");
    if (frame < 1 || frame > 4) {
      throw block.malformed("ssa_frame_size", 24, "1 to 4 pages", Long.toString(frame));
    }
    long enclaveSize = block.u64UpTo(40, Limits.ELRANGE, "enclave_size");
    if (Long.bitCount(enclaveSize) != 1 || enclaveSize < 4096) {
      throw block.malformed("enclave_size", 40, "a power of two of at least one page", hex(enclaveSize));
    }
    HostileBytes table = directory(block, 1, "layout", LayoutItem.BYTES);
    List<LayoutItem> layout = layout(table);
    new LayoutChecks(block, table, layout, enclaveSize).check();
    return new SdkMetadata(version, block.origin(), block.size(), (int) policy, (int) frame,
        block.u32(28, "max_save_buffer_size"), new MiscSelect((int) block.u32(32, "desired_misc_select")),
        block.u32(36, "tcs_min_pool"), enclaveSize,
        new Attributes(block.u64(48, "attributes.flags"), block.u64(56, "attributes.xfrm")), sigstruct(block),
        patches(block, enclaveSize, fileSize), layout, elrange(block, version, enclaveSize),
        sharedObject(block, version, fileSize),
        extension(block, version, FIPS_SIGNATURE_ID, FipsSignature.BYTES).map(HostileBytes::segment), block.segment());
  }

  private static Sigstruct sigstruct(HostileBytes block) {
    try {
      return Sigstruct.read(block.segment().asSlice(SIGSTRUCT_OFFSET, Sigstruct.BYTES));
    } catch (MalformedStructureException e) {
      throw block.malformed(e.structure() + "." + e.field(), SIGSTRUCT_OFFSET + e.offset(), e.expected(), e.found());
    }
  }

  /** A table of the block: where a directory points. */
  private static HostileBytes directory(HostileBytes block, int index, String name, int recordBytes) {
    long at = DIRECTORIES_OFFSET + 8L * index;
    long offset = block.u32(at, name + " directory: offset");
    long size = block.u32(at + 4, name + " directory: size");
    if (!block.holds(offset, size)) {
      throw block.malformed(name + " directory", at, "a range inside the block of " + block.size() + " bytes",
          "offset " + hex(offset) + ", size " + hex(size));
    }
    if (size % recordBytes != 0) {
      throw block.malformed(name + " directory: size", at + 4, "a multiple of " + recordBytes, Long.toString(size));
    }
    return block.slice(offset, size, name + " directory");
  }

  private static List<LayoutItem> layout(HostileBytes table) {
    List<LayoutItem> items = new ArrayList<>();
    for (int i = 0; i < table.size() / LayoutItem.BYTES; i++) {
      boolean group = (table.u16((long) i * LayoutItem.BYTES, "layout id") & LayoutId.GROUP) != 0;
      items.add(group ? LayoutGroup.read(table, i) : LayoutEntry.read(table, i));
    }
    return items;
  }

  private static List<Patch> patches(HostileBytes block, long enclaveSize, long fileSize) {
    HostileBytes table = directory(block, 0, "patch", 32);
    List<Patch> patches = new ArrayList<>();
    long sum = 0;
    for (long at = 0; at < table.size(); at += 32) {
      String name = "patch " + at / 32 + ": ";
      long target = table.u64(at, name + "dst");
      long source = table.u32(at + 8, name + "src");
      long size = table.u32(at + 12, name + "size");
      if (!block.holds(source, size)) {
        throw table.malformed(name + "src", at + 8, "a range inside the block of " + block.size() + " bytes",
            "src " + hex(source) + ", size " + hex(size));
      }
      long limit = Math.min(enclaveSize, fileSize);
      if (target < 0 || target > limit || size > limit - target) {
        throw table.malformed(name + "dst", at, "a range inside the enclave and the file of " + hex(limit) + " bytes",
            "dst " + hex(target) + ", size " + hex(size));
      }
      // Many patches may share one source; together they must not be more work than the file is long.
      sum += size;
      if (sum > fileSize) {
        throw table.malformed(name + "size", at + 12, "patches of at most " + hex(fileSize) + " bytes together",
            hex(sum));
      }
      patches.add(new Patch(target, block.segment().asSlice(source, size)));
    }
    return patches;
  }

  private static Optional<Elrange> elrange(HostileBytes block, SdkVersion version, long enclaveSize) {
    if (!version.demandsElrange()) {
      return Optional.empty();
    }
    HostileBytes table = directory(block, 2, "ELRANGE", Elrange.BYTES);
    if (table.size() != Elrange.BYTES) {
      throw block.malformed("ELRANGE directory: size", DIRECTORIES_OFFSET + 20L, Integer.toString(Elrange.BYTES),
          Long.toString(table.size()));
    }
    long image = table.u64UpTo(0, Limits.ELRANGE, "enclave_image_address");
    long start = table.u64UpTo(8, Limits.ELRANGE, "elrange_start_address");
    long size = table.u64UpTo(16, Limits.ELRANGE, "elrange_size");
    if (size < 4096 || Long.bitCount(size) != 1) {
      throw table.malformed("elrange_size", 16, "a power of two of at least one page", hex(size));
    }
    if ((start & (size - 1)) != 0) {
      throw table.malformed("elrange_start_address", 8, "a multiple of elrange_size " + hex(size), hex(start));
    }
    if ((image & 4095) != 0 || image < start || image - start > size || enclaveSize > size - (image - start)) {
      throw table.malformed("enclave_image_address", 0,
          "a page from which " + hex(enclaveSize) + " bytes fit into the ELRANGE " + hex(start) + "+" + hex(size),
          hex(image));
    }
    return Optional.of(new Elrange(image, start, size));
  }

  private static Optional<SharedObject> sharedObject(HostileBytes block, SdkVersion version, long fileSize) {
    return extension(block, version, SHARED_OBJECT_ID, SharedObject.BYTES).map(entry -> {
      long fileOffset = entry.u64UpTo(0, fileSize, "shared object: file_offset");
      return new SharedObject(fileOffset, entry.u64UpTo(8, Limits.ELRANGE, "shared object: mem_offset"),
          entry.u64UpTo(16, fileSize - fileOffset, "shared object: size"));
    });
  }

  /** The first extension of that kind. */
  private static Optional<HostileBytes> extension(HostileBytes block, SdkVersion version, int id, int bytes) {
    if (!version.hasExtensions()) {
      return Optional.empty();
    }
    HostileBytes table = directory(block, 3, "extend", 16);
    for (long at = 0; at < table.size(); at += 16) {
      long size = table.u32(at + 4, "extend entry: size");
      long offset = table.u32(at + 8, "extend entry: offset");
      if (table.u32(at, "extend entry: entry_id") == id && size != 0 && offset != 0) {
        return Optional.of(block.slice(offset, bytes, "extend entry " + Integer.toHexString(id)));
      }
    }
    return Optional.empty();
  }
}
