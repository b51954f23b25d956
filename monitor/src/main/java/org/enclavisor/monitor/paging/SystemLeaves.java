package org.enclavisor.monitor.paging;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.Encls;
import org.enclavisor.monitor.EnclsRegisters;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.leaf.Operands;

/**
 * The ENCLS leaves with which an operating system pages and changes enclaves, in terms of what it works with: a page of
 * an enclave by its number, an evicted page with its PCMD as one record. Confined to one thread at a time.
 */
public final class SystemLeaves {
  /** Bytes of a page. */
  public static final int PAGE = 4096;

  /** Bytes of an evicted page: ciphertext, then PCMD. */
  public static final int RECORD = PAGE + Pcmd.BYTES;

  private static final long PAGEINFO_AT = 0x1000;
  private static final long SECINFO_AT = 0x2000;
  private static final long RECORD_AT = 0x3000;
  private static final long PCMD_AT = RECORD_AT + PAGE;

  private final Encls encls;

  public SystemLeaves(Encls encls) {
    this.encls = encls;
  }

  /** The EPC address of an enclave's page. */
  public static long address(SecsPage secs, long page) {
    return Epc.address(secs.elrange().firstFrame() + page);
  }

  /** EAUG of a page of zeroes. */
  public Outcome eaug(SecsPage secs, long page) {
    Operands operands = pageinfo(new Pageinfo(secs.base() + page * PAGE, 0, 0, secs.address()));
    return run(EnclsLeaf.EAUG, PAGEINFO_AT, address(secs, page), 0, operands);
  }

  /** EBLOCK. */
  public Outcome eblock(SecsPage secs, long page) {
    return run(EnclsLeaf.EBLOCK, 0, address(secs, page), 0, new Operands());
  }

  /** ETRACK. */
  public Outcome etrack(SecsPage secs) {
    return run(EnclsLeaf.ETRACK, 0, secs.address(), 0, new Operands());
  }

  /** EPA of an empty page. */
  public Outcome epa(long address) {
    return run(EnclsLeaf.EPA, PageType.VA.code(), address, 0, new Operands());
  }

  /** EREMOVE. */
  public Outcome eremove(long address) {
    return run(EnclsLeaf.EREMOVE, 0, address, 0, new Operands());
  }

  /**
   * EWB.
   *
   * @param slot EPC address of a version array's slot
   * @param record takes {@link #RECORD} bytes
   */
  public Outcome ewb(long address, long slot, MemorySegment record) {
    Operands operands = pageinfo(new Pageinfo(0, RECORD_AT, PCMD_AT, 0)).map(RECORD_AT, record);
    return run(EnclsLeaf.EWB, PAGEINFO_AT, address, slot, operands);
  }

  /** ELDU of an enclave's page, from what {@link #ewb} has made. */
  public Outcome eldu(SecsPage secs, long page, long slot, MemorySegment record) {
    Pageinfo pageinfo = new Pageinfo(secs.base() + page * PAGE, RECORD_AT, PCMD_AT, secs.address());
    return run(
        EnclsLeaf.ELDU, PAGEINFO_AT, address(secs, page), slot, pageinfo(pageinfo).map(RECORD_AT, record));
  }

  /** ELDU of a version array. */
  public Outcome elduVersions(long address, long slot, MemorySegment record) {
    Operands operands = pageinfo(new Pageinfo(0, RECORD_AT, PCMD_AT, 0)).map(RECORD_AT, record);
    return run(EnclsLeaf.ELDU, PAGEINFO_AT, address, slot, operands);
  }

  /** EMODPR: a page keeps no permission that is not among these. Of the SECINFO only R, W and X mean anything. */
  public Outcome emodpr(SecsPage secs, long page, Permissions permissions) {
    return modify(EnclsLeaf.EMODPR, secs, page, new Secinfo(PageType.SECS, permissions));
  }

  /** EMODT: a page becomes one of another type, once the enclave accepts it. */
  public Outcome emodt(SecsPage secs, long page, PageType type) {
    return modify(EnclsLeaf.EMODT, secs, page, new Secinfo(type, Permissions.NONE));
  }

  private Outcome modify(EnclsLeaf leaf, SecsPage secs, long page, Secinfo secinfo) {
    Operands operands = new Operands().map(SECINFO_AT, MemorySegment.ofArray(secinfo.toBytes()));
    return run(leaf, SECINFO_AT, address(secs, page), 0, operands);
  }

  private static Operands pageinfo(Pageinfo pageinfo) {
    return new Operands().map(PAGEINFO_AT, MemorySegment.ofArray(pageinfo.toBytes()));
  }

  private Outcome run(EnclsLeaf leaf, long rbx, long rcx, long rdx, Operands operands) {
    return encls.execute(leaf.code(), EnclsRegisters.of(rbx, rcx, rdx), operands);
  }
}
