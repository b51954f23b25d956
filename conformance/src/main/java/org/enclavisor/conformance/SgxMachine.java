package org.enclavisor.conformance;

import org.enclavisor.conformance.probe.Probe;

/**
 * A processor with SGX, as the suite drives it: silicon, a simulator, or software. To have an implementation tested,
 * write this interface for it and call {@link ConformanceSuite#run}.
 *
 * <p>Addresses are linear addresses as an operating system would use them: of EPC pages in the supervisor's mapping of
 * the EPC (not the addresses at which enclaves see them), and of ordinary memory. Threads: everything here may be
 * called by several threads at once, unless it says otherwise; the rules use one.
 */
public interface SgxMachine extends AutoCloseable {
  /** Bytes of a page. */
  int PAGE = 4096;

  /** For people and reports, such as {@code "stub"}. */
  String name();

  /** What the processor offers, from its CPUID leaf 12H. */
  Features features();

  /**
   * Bytes of an XSAVE area in standard form (CPUID leaf 0DH).
   *
   * @param xfrm a legal one
   */
  int xsaveBytes(long xfrm);

  /**
   * The base of a range of linear addresses where an enclave may be made, aligned to its size and mapped for no other.
   *
   * @param size SECS.SIZE: a power of two
   */
  long elrange(long size);

  /** A free EPC page for a SECS or a version array. */
  long epcPage();

  /**
   * A free EPC page for a page of an enclave. Asked twice for the same linear address, it may answer the same page
   * twice, if that page is not valid or is the one that is there.
   *
   * @param secs the EPC page of the SECS
   * @param linear the page's address in the ELRANGE
   */
  long epcPage(long secs, long linear);

  /** The suite is done with a page that it got from {@link #epcPage()} and that is not valid any more. */
  default void release(long epcPage) {}

  /** Ordinary memory for operands of ENCLS and ENCLV, all zero, page-aligned. Need not be reachable by enclaves. */
  long allocate(int bytes);

  /**
   * Ordinary memory, one range of {@link #SHARED_BYTES} for each enclave, that the enclave's code can read and write
   * too.
   *
   * @param secs the EPC page of its SECS
   */
  long shared(long secs);

  /** Bytes of {@link #shared}. */
  int SHARED_BYTES = 16 * PAGE;

  /** Reads ordinary memory. */
  void read(long address, byte[] into);

  /** Writes ordinary memory. */
  void write(long address, byte[] from);

  /** Executes ENCLS with these registers at privilege level 0. */
  LeafResult encls(int leaf, long rbx, long rcx, long rdx);

  /** Executes ENCLV with these registers at privilege level 0. */
  LeafResult enclv(int leaf, long rbx, long rcx, long rdx);

  /** The code of the suite's enclaves; a machine may choose how it waits. */
  default Probe probe() {
    return Probe.standard();
  }

  /** A logical processor that runs user code. */
  LogicalProcessor processor();

  /**
   * Pretends that another leaf is at work on a page until the result is closed, so that conflicts can be tested one by
   * one. Machines that cannot do that throw; {@link Features#holds()} says which.
   *
   * @param epcPage the page
   * @param hold how it is used
   */
  default Held hold(long epcPage, Hold hold) {
    throw new UnsupportedOperationException(name() + " cannot hold EPC page 0x" + Long.toHexString(epcPage) + hold);
  }

  /** A page that is held. */
  interface Held extends AutoCloseable {
    @Override
    void close();
  }

  /** How another leaf uses a page, in the words of the manual's concurrency tables. */
  enum Hold {
    /** Base concurrency: shared. */
    SHARED,
    /** Base concurrency: exclusive. */
    EXCLUSIVE,
    /** Additional concurrency, exclusive against EACCEPT, EACCEPTCOPY, EMODPE, EMODPR and EMODT. */
    CHANGE,
    /** Additional concurrency of a SECS, exclusive against EADD, EEXTEND and EINIT. */
    MEASURE,
    /** Additional concurrency of a SECS, exclusive against ETRACK and ETRACKC. */
    TRACK
  }

  /** Ends everything. */
  @Override
  void close();
}
