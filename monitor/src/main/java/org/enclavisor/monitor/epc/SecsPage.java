package org.enclavisor.monitor.epc;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SsaFrame;
import org.jspecify.annotations.Nullable;

/**
 * A SECS page: an enclave's control structure with what the processor keeps in it unseen. It lives in the monitor, out
 * of every enclave's reach.
 *
 * <p>Writers hold the enclave's lock. What EENTER reads is final or volatile.
 */
public final class SecsPage {
  private static final int PAGE_SHIFT = 12;

  private final long eid;
  private final long base;
  private final long size;
  private final long xfrm;
  private final int xsaveBytes;
  private final SsaFrame frame;
  private final EpcmTable pages;
  private final TcsTable threads = new TcsTable();
  private final MeasurementQueue measurement;
  private volatile Secs secs;
  private volatile boolean initialised;
  private volatile boolean exclusive;
  private Id16 isvFamilyId = Id16.ZERO;
  private Id16 isvExtProdId = Id16.ZERO;
  private volatile @Nullable LooseFrame frameOfSecs;
  private Epc.@Nullable ElrangeExtent elrange;
  private @Nullable EnclaveMemory memory;
  private @Nullable Translations translations;
  private final Tracking tracking = new Tracking(threads);
  private final AtomicLong virtualChildren = new AtomicLong();
  private final AtomicLong context = new AtomicLong();
  private final LeafLock building = new LeafLock();

  /**
   * From a SECS that ECREATE has checked.
   *
   * @param eid SECS.EID, the processor's number for the enclave
   * @param xsaveBytes of an XSAVE area for its XFRM
   */
  public SecsPage(long eid, Secs secs, int xsaveBytes) {
    this.eid = eid;
    this.secs = secs;
    this.base = secs.baseAddr();
    this.size = secs.size();
    this.xfrm = secs.attributes().xfrm();
    this.xsaveBytes = xsaveBytes;
    this.frame = SsaFrame.of(secs.ssaFrameSize(), secs.miscSelect());
    this.pages = new EpcmTable(size >>> PAGE_SHIFT);
    this.measurement = new MeasurementQueue("measure-" + eid, secs.ssaFrameSize(), size);
  }

  /** Gives the enclave its frames and its memory. Once, after ECREATE and before EADD. */
  public void attach(Epc.ElrangeExtent frames, EnclaveMemory bytes, Translations tables) {
    elrange = frames;
    memory = bytes;
    translations = tables;
  }

  void moveTo(LooseFrame to) {
    frameOfSecs = to;
  }

  /** The frame it lies in, or lay in when it was last in the EPC. */
  public LooseFrame epcFrame() {
    return Objects.requireNonNull(frameOfSecs, "in no frame");
  }

  /** Its address in the operands of ENCLS leaves. */
  public long address() {
    return epcFrame().address();
  }

  /** Whether it has been given its memory. */
  public boolean attached() {
    return memory != null;
  }

  /** The machine's page tables. */
  public Translations translations() {
    return Objects.requireNonNull(translations, "not attached");
  }

  /** Who may still have old translations. */
  public Tracking tracking() {
    return tracking;
  }

  /** What EADD, EEXTEND and EINIT exclude each other by. */
  public LeafLock building() {
    return building;
  }

  /** SECS.EID. */
  public long eid() {
    return eid;
  }

  /** SECS.BASEADDR. */
  public long base() {
    return base;
  }

  /** SECS.SIZE in bytes. */
  public long size() {
    return size;
  }

  /** Whether a linear address lies in the ELRANGE. */
  public boolean contains(long address) {
    return Long.compareUnsigned(address - base, size) < 0;
  }

  /** SECS.ATTRIBUTES.XFRM. */
  public long xfrm() {
    return xfrm;
  }

  /** Bytes of an XSAVE area for {@link #xfrm()}. */
  public int xsaveBytes() {
    return xsaveBytes;
  }

  /** Where things are in an SSA frame. */
  public SsaFrame frame() {
    return frame;
  }

  /** SECS.MISCSELECT. */
  public MiscSelect miscSelect() {
    return frame.miscSelect();
  }

  /** SECS.ATTRIBUTES. */
  public Attributes attributes() {
    return secs.attributes();
  }

  /** The architectural fields. */
  public Secs secs() {
    return secs;
  }

  /** ISVFAMILYID, zero before EINIT. */
  public Id16 isvFamilyId() {
    return isvFamilyId;
  }

  /** ISVEXTPRODID, zero before EINIT. */
  public Id16 isvExtProdId() {
    return isvExtProdId;
  }

  /** The EPCM entries of the ELRANGE. */
  public EpcmTable pages() {
    return pages;
  }

  /** The TCS pages. */
  public TcsTable threads() {
    return threads;
  }

  /** The TCS at a linear address; null if there is none. */
  public @Nullable TcsPage thread(long address) {
    return contains(address) ? threads.get((address - base) >>> PAGE_SHIFT) : null;
  }

  /** The EPCM entry's bits of the page at a linear address; 0 outside the ELRANGE. */
  public int bits(long address) {
    return contains(address) ? pages.bits((address - base) >>> PAGE_SHIFT) : 0;
  }

  /** MRENCLAVE under construction. */
  public MeasurementQueue measurement() {
    return measurement;
  }

  /** The bytes of regular pages. */
  public EnclaveMemory memory() {
    return Objects.requireNonNull(memory, "not attached");
  }

  /** The frames of the ELRANGE. */
  public Epc.ElrangeExtent elrange() {
    return Objects.requireNonNull(elrange, "not attached");
  }

  /** Whether EINIT has succeeded. */
  public boolean initialised() {
    return initialised;
  }

  /** EINIT's last step. */
  public void initialise(Secs identity, Id16 familyId, Id16 extProdId) {
    secs = identity;
    isvFamilyId = familyId;
    isvExtProdId = extProdId;
    initialised = true;
  }

  /** Whether pages of the enclave are in the EPC, or a virtual machine has some (VIRTCHILDCNT). */
  public boolean hasChildren() {
    return pages.validCount() != 0 || virtualChildren.get() != 0;
  }

  /** SECS.VIRTCHILDCNT, of which ENCLV keeps count. */
  public AtomicLong virtualChildren() {
    return virtualChildren;
  }

  /** SECS.ENCLAVECONTEXT, which ENCLV[ESETCONTEXT] sets; at first the SECS's own address. */
  public AtomicLong context() {
    return context;
  }

  /** Whether an ENCLS leaf has the SECS to itself: nobody may enter meanwhile. */
  public boolean exclusive() {
    return exclusive;
  }

  /** Takes the SECS for an ENCLS leaf, or gives it back. */
  public void exclusive(boolean taken) {
    exclusive = taken;
  }

  /** Whether a thread is inside, or on its way. */
  public boolean active() {
    for (TcsPage tcs : threads.all()) {
      if (tcs.state() != TcsPage.INACTIVE && !tcs.heldByLeaf) {
        return true;
      }
    }
    return false;
  }
}
