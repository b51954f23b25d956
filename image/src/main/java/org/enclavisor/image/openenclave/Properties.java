package org.enclavisor.image.openenclave;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.Sigstruct;

/**
 * An enclave's properties ({@code oe_sgx_enclave_properties_t}), checked as Open Enclave's host does
 * ({@code oe_sgx_validate_enclave_properties}).
 *
 * @param heapPages pages of heap
 * @param stackPages pages of each thread's stack
 * @param threads how many TCS
 * @param reportsFaults whether the enclave wants EXINFO ({@code capture_pf_gp_exceptions})
 * @param startAddress where the image has to be, for an enclave whose ELRANGE begins at 0; else 0
 * @param attributes ATTRIBUTES.FLAGS, of which DEBUG means that the enclave lets itself be debugged
 * @param sigstruct the signature; empty for an unsigned enclave
 */
record Properties(long heapPages, long stackPages, long threads, boolean reportsFaults, long startAddress,
    long attributes, Optional<Sigstruct> sigstruct) {
  static final int BYTES = 1960;
  static final int IMAGE_INFO = 96;
  static final int IMAGE_INFO_BYTES = 48;
  static final int SIGSTRUCT = 144;

  private static final int SGX = 2;
  private static final int FLAGS = 36;
  private static final int FAMILY_ID = 40;
  private static final int ATTRIBUTES = 72;
  private static final int START_ADDRESS = 88;
  private static final long MOST_THREADS = 1024;
  private static final long MOST_PAGES = 1L << 34;
  private static final int CAPTURE_FAULTS = 1;
  private static final int ZERO_BASE = 2;

  /** @param bytes {@link #BYTES} of them */
  static Properties read(HostileBytes bytes) {
    if (bytes.u32(0, "header.size") != BYTES) {
      throw bytes.malformed("header.size", 0, BYTES + ", the properties of Open Enclave 0.19",
          Long.toString(bytes.u32(0, "header.size")));
    }
    if (bytes.u32(4, "header.enclave_type") != SGX) {
      throw bytes.malformed("header.enclave_type", 4, "2 (SGX)", Long.toString(bytes.u32(4, "header.enclave_type")));
    }
    long heap = bytes.u64UpTo(8, MOST_PAGES, "header.size_settings.num_heap_pages");
    long stack = bytes.u64UpTo(16, MOST_PAGES, "header.size_settings.num_stack_pages");
    long threads = bytes.u64UpTo(24, MOST_THREADS, "header.size_settings.num_tcs");
    if (threads == 0) {
      throw bytes.malformed("header.size_settings.num_tcs", 24, "1 to " + MOST_THREADS, "0");
    }
    for (int at = 32; at <= 34; at += 2) {
      if (bytes.u16(at, "config") == 0xffff) {
        throw bytes.malformed(at == 32 ? "config.product_id" : "config.security_version", at, "below 65535", "65535");
      }
    }
    long attributes = bytes.u64(ATTRIBUTES, "config.attributes");
    long known = Attributes.DEBUG | Attributes.MODE64BIT | Attributes.KSS;
    if ((attributes & ~known) != 0 || (attributes & Attributes.MODE64BIT) == 0) {
      throw bytes.malformed("config.attributes", ATTRIBUTES, "MODE64BIT, and DEBUG and KSS only", hex(attributes));
    }
    if ((attributes & Attributes.KSS) == 0) {
      requireNoIds(bytes);
    }
    long flags = bytes.u32(FLAGS, "config.flags");
    long start = bytes.u64(START_ADDRESS, "config.start_address");
    boolean zeroBase = (flags & ZERO_BASE) != 0;
    if (zeroBase && (start <= 0 || start % 4096 != 0 || start > 1L << 45)) {
      throw bytes.malformed("config.start_address", START_ADDRESS, "a page above 0, below " + hex(1L << 45),
          hex(start));
    }
    return new Properties(heap, stack, threads, (flags & CAPTURE_FAULTS) != 0, zeroBase ? start : 0, attributes,
        sigstruct(bytes));
  }

  private static void requireNoIds(HostileBytes bytes) {
    for (int at = FAMILY_ID; at < ATTRIBUTES; at += Long.BYTES) {
      if (bytes.u64(at, "config.family_id") != 0) {
        throw bytes.malformed("config.family_id and extended_product_id", at, "zeroes, since KSS is not asked for",
            hex(bytes.u64(at, "config.family_id")));
      }
    }
  }

  /** Open Enclave takes an enclave for unsigned where the SIGSTRUCT's header is missing. */
  private static Optional<Sigstruct> sigstruct(HostileBytes bytes) {
    MemorySegment segment = bytes.segment().asSlice(SIGSTRUCT, Sigstruct.BYTES);
    if (bytes.u64(SIGSTRUCT, "sigstruct") == 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(Sigstruct.read(segment));
    } catch (MalformedStructureException e) {
      throw bytes.malformed(e.structure() + "." + e.field(), SIGSTRUCT + e.offset(), e.expected(), e.found());
    }
  }

  boolean zeroBase() {
    return startAddress != 0;
  }
}
