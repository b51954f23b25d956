package org.enclavisor.monitor.epc;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
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
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  // What an evicted page holds behind the architecture's fields.
  private static final long EID_AT = 2048;
  private static final long STATE_AT = 2056;
  private static final long EPOCH_AT = 2064;
  private static final long VIRTUAL_CHILDREN_AT = 2072;
  private static final long FAMILY_AT = 2080;
  private static final long EXT_PROD_AT = 2096;

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
  private final AtomicInteger removals = new AtomicInteger();
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
    context.set(to.address());
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

  /**
   * EBLOCK of a valid page, unless it is blocked already. Callers share the page.
   *
   * @return whether it was not blocked
   */
  public boolean block(long page) {
    if (!pages.block(page, tracking.epoch())) {
      return false;
    }
    restamp(page);
    return true;
  }

  /**
   * To be called after the entry of a page was stamped: if a new epoch began meanwhile, threads of that epoch may have
   * seen the entry as it was, so that they have to be tracked as well. Callers share the page at least.
   */
  public void restamp(long page) {
    long epoch = tracking.epoch();
    while (pages.epoch(page) < epoch) {
      pages.stamp(page, 0, 0, epoch);
      epoch = tracking.epoch();
    }
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

  /** Whether pages of the enclave are in the EPC. */
  public boolean hasChildren() {
    return pages.validCount() != 0;
  }

  /** SECS.VIRTCHILDCNT, of which ENCLV keeps count, and which leaves ask for only in virtual machines. */
  public AtomicLong virtualChildren() {
    return virtualChildren;
  }

  /** SECS.ENCLAVECONTEXT, which ENCLV[ESETCONTEXT] sets; the SECS's own address whenever it comes into the EPC. */
  public AtomicLong context() {
    return context;
  }

  /**
   * The page's bytes, for eviction: the architecture's fields, and behind them what a processor keeps there unseen.
   * Callers have the page exclusively.
   */
  public void write(MemorySegment bytes) {
    secs.write(bytes);
    bytes.set(LONG, EID_AT, eid);
    bytes.set(LONG, STATE_AT, initialised ? 1 : 0);
    bytes.set(LONG, EPOCH_AT, tracking.epoch());
    bytes.set(LONG, VIRTUAL_CHILDREN_AT, virtualChildren.get());
    MemorySegment.copy(isvFamilyId.bytes(), 0, bytes, JAVA_BYTE, FAMILY_AT, Id16.BYTES);
    MemorySegment.copy(isvExtProdId.bytes(), 0, bytes, JAVA_BYTE, EXT_PROD_AT, Id16.BYTES);
  }

  /** SECS.EID in the bytes that {@link #write} gave. */
  public static long eid(MemorySegment bytes) {
    return bytes.get(LONG, EID_AT);
  }

  /**
   * Takes over the page's bytes again, which {@link #write} gave of this object. The measurement of an enclave under
   * construction is here still: no leaf could go on with it meanwhile.
   */
  public void restore(MemorySegment bytes) {
    MemorySegment architectural = MemorySegment.ofArray(new byte[Secs.BYTES]);
    MemorySegment.copy(bytes, 0, architectural, 0, EID_AT);
    secs = Secs.read(architectural);
    initialised = bytes.get(LONG, STATE_AT) != 0;
    tracking.restore(bytes.get(LONG, EPOCH_AT));
    virtualChildren.set(bytes.get(LONG, VIRTUAL_CHILDREN_AT));
    isvFamilyId = Id16.of(bytes.asSlice(FAMILY_AT, Id16.BYTES).toArray(JAVA_BYTE));
    isvExtProdId = Id16.of(bytes.asSlice(EXT_PROD_AT, Id16.BYTES).toArray(JAVA_BYTE));
  }

  /** Whether an ENCLS leaf has the SECS to itself, or the enclave is at its end: nobody may enter meanwhile. */
  public boolean exclusive() {
    return exclusive || removals.get() != 0;
  }

  /** Lets nobody enter any more, or lets them again. */
  public void exclusive(boolean taken) {
    exclusive = taken;
  }

  /** EREMOVE begins: nobody enters until {@link #removed}, as often as this was called. */
  public void removing() {
    removals.incrementAndGet();
  }

  /** EREMOVE has ended. */
  public void removed() {
    removals.decrementAndGet();
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
