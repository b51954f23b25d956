package org.enclavisor.image;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.enclavisor.image.sdk.SdkMetadata;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;

/**
 * An enclave as its file describes it, ready for ECREATE, EADD, EEXTEND and EINIT. Immutable; any thread.
 *
 * @param kind whose conventions the file follows
 * @param name what people call it: the file's name
 * @param secs SIZE, SSAFRAMESIZE, and what the image wants of ATTRIBUTES and MISCSELECT; base 0.
 *     {@link #launch} fits it to a machine
 * @param base the base that the ELRANGE must have, where the image demands one
 * @param imageOffset where address 0 of the ELF file lies, counted from the ELRANGE's base; 0 but for images that
 *     demand a base
 * @param pages in the order of EADD, which is the order of measurement
 * @param sigstruct the signature; empty where none is in or beside the file
 * @param token the launch token beside the file
 * @param threads in the order of the file
 * @param reserved guards, and room for pages that are added later
 * @param protections what the kind's loader asks of the operating system after the enclave has started up
 * @param rules what the image wants of a machine
 * @param metadata the Intel SDK's metadata block that was chosen, for images of that kind
 */
public record EnclaveImage(Kind kind, String name, Secs secs, OptionalLong base, long imageOffset,
    List<PageRun> pages, Optional<Sigstruct> sigstruct, Optional<Einittoken> token, List<ThreadSlot> threads,
    List<Region> reserved, List<Protection> protections, LaunchRules rules, Optional<SdkMetadata> metadata) {

  /** Whose conventions an image follows. */
  public enum Kind {
    /** Intel SGX SDK for Linux: an ELF file with the section {@code .note.sgxmeta}. */
    INTEL_SDK,
    /** Open Enclave SDK: an ELF file with the section {@code .oeinfo}. */
    OPEN_ENCLAVE,
    /** Fortanix's stream of measured records, the SIGSTRUCT beside it. */
    SGXS,
    /** The plain ELF file of the Linux kernel's SGX selftests: the first loadable segment is the TCS. */
    LINUX_SELFTEST
  }

  public EnclaveImage {
    pages = List.copyOf(pages);
    threads = List.copyOf(threads);
    reserved = List.copyOf(reserved);
    protections = List.copyOf(protections);
  }

  /** SHA-256 over the image's ECREATE, EADDs and EEXTENDs: what MRENCLAVE will be. Costs a hash over all of it. */
  public Digest32 mrEnclave() {
    return Images.measure(this);
  }

  /**
   * The SECS for a machine, as the kind's own loader would choose it.
   *
   * @param debug whether the user wants a debug enclave
   */
  public LaunchDecision launch(MachineCapabilities machine, boolean debug) {
    return rules.decide(secs, sigstruct, machine, debug);
  }

  /** How many pages are added. */
  public long pageCount() {
    return pages.stream().mapToLong(PageRun::pages).sum();
  }

  /** How many bytes are hashed for MRENCLAVE. */
  public long measuredBytes() {
    return 64 + pages.stream().mapToLong(run -> run.pages() * (64 + (run.measured() ? 16 * (64 + 256) : 0))).sum();
  }

  /**
   * The same with another signature. An SGXS stream says nothing of ATTRIBUTES and MISCSELECT, so there the SIGSTRUCT's
   * become what the image wants.
   */
  public EnclaveImage withSigstruct(Sigstruct other) {
    LaunchRules newRules = kind == Kind.SGXS ? LaunchRules.of(other) : rules;
    Secs newSecs = Secs.of(secs.size(), secs.ssaFrameSize(), newRules.miscSelect(), newRules.wanted());
    return new EnclaveImage(kind, name, newSecs, base, imageOffset, pages, Optional.of(other), token, threads,
        reserved, protections, newRules, metadata);
  }

  /** The same with a launch token. */
  public EnclaveImage withToken(Einittoken other) {
    return new EnclaveImage(kind, name, secs, base, imageOffset, pages, sigstruct, Optional.of(other), threads,
        reserved, protections, rules, metadata);
  }
}
