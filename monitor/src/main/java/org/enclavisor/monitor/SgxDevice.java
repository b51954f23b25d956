package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.spi.Registers;

/**
 * What a host may ask of the monitor: the services of an SGX driver and of {@code __vdso_sgx_enter_enclave}, as an
 * interface of values. The monitor believes nothing it is handed and keeps no reference to it, so that the two may as
 * well live in different processes or machines.
 *
 * <p>Thread-safe. An {@link EnclaveId} that is not (or no longer) known gives #GP(0), as a wrong SECS address would.
 */
public interface SgxDevice extends AutoCloseable {

  /**
   * ECREATE.
   *
   * @param secs the source SECS. A base of 0 lets the platform choose one that is aligned to the size
   * @param untrustedSize bytes of memory to share between host and enclave, rounded up to whole pages
   * @param maxThreads how many threads may be inside at once, at least 1. With fewer than there are TCS, threads take
   *     turns on the logical processors; an entry that finds none free, or its TCS asked for its processor at that very
   *     moment, gets #GP(0) and can be repeated
   * @throws org.enclavisor.monitor.spi.PlatformException if the machine refuses
   */
  CreateOutcome create(Secs secs, long untrustedSize, int maxThreads);

  /**
   * EADD of consecutive pages, each followed by 16 EEXTEND if measured. Ends at the first page that is refused; the
   * pages before it stay. The content is copied before it is looked at.
   *
   * @param offset of the first page from the enclave's base, in bytes
   * @param pages a positive whole number of pages. Pages of zeroes cost no memory
   */
  Outcome add(EnclaveId id, long offset, Secinfo secinfo, MemorySegment pages, boolean measured);

  /** The same for pages of zeroes, without bytes. */
  Outcome addZero(EnclaveId id, long offset, long length, Secinfo secinfo, boolean measured);

  /**
   * What the host's own mappings (mmap, mprotect) allow; until told otherwise, everything. What enclave code can do
   * with a page is the intersection of this and the EPCM. Pages need not have been added: with SGX2, one that is
   * accessed in a range that was named here, in a way that is allowed here, is added by EAUG, and the enclave has to
   * accept it.
   */
  Outcome protect(EnclaveId id, long offset, long length, Permissions host);

  /** EINIT. Without a token the signer must be the one that the launch control allows. */
  Outcome init(EnclaveId id, Sigstruct sigstruct, Optional<Einittoken> token);

  /**
   * EMODPR of pages of an initialised enclave: they keep no permission that is not among these. Afterwards nobody uses
   * more, and the enclave can accept it (EACCEPT). Ends at the first page that is refused.
   *
   * @param offset from the base, in bytes
   */
  RangeOutcome restrictPermissions(EnclaveId id, long offset, long length, Permissions permissions);

  /**
   * EMODT of pages of an initialised enclave, to TCS or TRIM: regular pages become either, a TCS can only be trimmed.
   * The enclave has to accept it. Ends at the first page that is refused.
   *
   * @param offset from the base, in bytes
   */
  RangeOutcome modifyTypes(EnclaveId id, long offset, long length, PageType type);

  /**
   * EREMOVE of pages that were trimmed and that the enclave has accepted as such. Ends at the first that is none.
   *
   * @param offset from the base, in bytes
   */
  RangeOutcome removePages(EnclaveId id, long offset, long length);

  /**
   * EENTER or ERESUME, and whatever follows until the thread is outside again. Takes the calling thread for so long.
   *
   * @param registers the host's at the ENCLU instruction: {@code rip} is its address. Afterwards the host's again
   * @throws org.enclavisor.monitor.spi.PlatformException if a page that the thread needs cannot be brought in now. If
   *     {@code rip} is the AEP then, the thread has left as by an interrupt, and can be resumed; else it is not inside
   */
  EnterOutcome enter(EnclaveId id, EnterCall call, Registers registers);

  /**
   * Makes the thread that is inside on this TCS come out soon with {@link EnterOutcome.Interrupted}, if there is one.
   * Returns when it has left. A thread that leaves by itself meanwhile and enters again may be interrupted then, to no
   * harm but an ERESUME.
   *
   * @param tcs linear address
   */
  void interrupt(EnclaveId id, long tcs);

  /**
   * The memory shared with an enclave.
   *
   * @throws IllegalArgumentException if there is no such enclave
   */
  UntrustedMemory untrusted(EnclaveId id);

  /**
   * EDBGRD as often as it takes: reads memory of a debug enclave, whatever the permissions of its pages. Threads inside
   * go on meanwhile. Ends at the first word that is refused; what lies before it has been read.
   *
   * @param address linear, in the ELRANGE
   * @param into any number of bytes
   */
  Outcome debugRead(EnclaveId id, long address, MemorySegment into);

  /**
   * EDBGWR as often as it takes, with EDBGRD for what is left of words at either end: writes memory of a debug enclave.
   * Ends at the first word that is refused; what lies before it has been written. Of a TCS, FLAGS can be written.
   *
   * @param address linear, in the ELRANGE
   * @param from any number of bytes
   */
  Outcome debugWrite(EnclaveId id, long address, MemorySegment from);

  /** EREMOVE of all pages and of the SECS. Threads that are inside are interrupted and waited for. */
  Outcome remove(EnclaveId id);

  /** Removes every enclave. */
  @Override
  void close();
}
