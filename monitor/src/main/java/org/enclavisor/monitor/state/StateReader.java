package org.enclavisor.monitor.state;

import static org.enclavisor.monitor.state.StateFormat.PAGE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeSet;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.state.EnclaveManifest.Component;
import org.enclavisor.monitor.state.EnclaveManifest.Instance;
import org.enclavisor.monitor.state.EnclaveManifest.MachineNeeds;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;
import org.enclavisor.monitor.state.EnclaveManifest.SecsState;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;

/**
 * Reads a stream that may have been made by anybody: {@link #manifest}, {@link #mappings} and {@link #content}, in this
 * order and each once. Every method throws {@link MalformedStateException} at the first thing that
 * no enclave's state can be; what was handed over before is worth something only when {@link #content} has returned,
 * since the digest comes last. Confined to one thread.
 */
public final class StateReader implements AutoCloseable {
  private static final long MAX_UNTRUSTED = 1L << 46;
  private static final long MAX_EPOCH = (1L << 64 - StateFormat.EPOCH_SHIFT) - 1;
  private static final int MAX_PROCESSORS = 1 << 16;
  private static final long TF = 1 << 8;

  /** Told of pages. Each kind of news comes by ascending page numbers; a page's entry comes before its content. */
  public interface PageSink {
    /**
     * Entries that are valid and alike.
     *
     * @param bits as in {@link org.enclavisor.monitor.epc.EpcmEntry}
     */
    void entries(long page, long count, int bits, long epoch);

    /** A TCS. */
    void thread(ThreadState thread);

    /** The entry of a page, as it was told to {@link #entries}; 0 if it was not. */
    int bits(long page);

    /** Pages that are zero now, whatever they were in the stream before. */
    void zero(long page, long count);

    /** @param bytes of whole pages, for the moment */
    void fill(long page, MemorySegment bytes);
  }

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment room = arena.allocate(Section.MAX_BYTES, PAGE);
  private final StateInput in;
  private final Optional<Digest32> continues;
  private StateInput.Head head = new StateInput.Head(Section.HEADER, 0, 0);
  private long pages;
  private long epoch;
  private long contentPages;
  private boolean debug;
  private final NavigableSet<Long> tcsPages = new TreeSet<>();
  private final NavigableSet<Long> threadPages = new TreeSet<>();

  // Where each kind of news goes on.
  private long nextEntry;
  private long nextThread;
  private long nextZero;
  private long nextPage;
  private long contentDone;

  /** Reads the header. Does not own the channel, and reads no further than the state's last byte. */
  public StateReader(ReadableByteChannel channel) throws IOException {
    in = new StateInput(channel, room.asByteBuffer());
    boolean done = false;
    try {
      continues = header();
      done = true;
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  private Optional<Digest32> header() throws IOException {
    StateCursor cursor = in.raw(Section.HEADER, StateFormat.HEADER_BYTES);
    byte[] magic = cursor.bytes("magic", StateFormat.magic().length);
    if (!Arrays.equals(magic, StateFormat.magic())) {
      throw cursor.malformed("ENCLAVST", Arrays.toString(magic));
    }
    int version = cursor.u32("version");
    if (version != StateFormat.VERSION) {
      throw cursor.malformed("" + StateFormat.VERSION, Integer.toUnsignedString(version));
    }
    int kind = cursor.u32("kind");
    if (kind != StateFormat.KIND_FULL && kind != StateFormat.KIND_CHANGES) {
      throw cursor.malformed("0 (all) or 1 (changes)", Integer.toUnsignedString(kind));
    }
    Digest32 before = Digest32.of(cursor.bytes("continues", StateFormat.DIGEST_BYTES));
    if (kind == StateFormat.KIND_FULL && !before.equals(Digest32.ZERO)) {
      throw cursor.malformed("zero", before.toString());
    }
    return kind == StateFormat.KIND_FULL ? Optional.empty() : Optional.of(before);
  }

  /** The digest of the stream that this one holds the changes to; empty of one that stands alone. */
  public Optional<Digest32> continues() {
    return continues;
  }

  /** What is not of a single page. */
  public EnclaveManifest manifest() throws IOException {
    Instance instance = instance();
    StateCursor machine = next(StateFormat.MACHINE_PREFIX, Section.MAX_BYTES);
    long untrustedBase = machine.between("untrustedBase", 0, Long.MAX_VALUE - MAX_UNTRUSTED);
    if (untrustedBase % PAGE != 0) {
      throw machine.malformed("the address of a page", "0x%x".formatted(untrustedBase));
    }
    long untrustedBytes = machine.between("untrustedBytes", 0, MAX_UNTRUSTED);
    if (untrustedBytes % PAGE != 0) {
      throw machine.malformed("whole pages", "0x%x".formatted(untrustedBytes));
    }
    int maxThreads = machine.u32("maxThreads");
    if (maxThreads < 1 || maxThreads > MAX_PROCESSORS) {
      throw machine.malformed("1 to " + MAX_PROCESSORS, "" + maxThreads);
    }
    List<Component> components = components(machine);
    SecsState secs = secs();
    if (untrustedBase < secs.secs().baseAddr() + secs.secs().size()
        && secs.secs().baseAddr() < untrustedBase + untrustedBytes) {
      throw machine.malformed("untrusted memory beside the ELRANGE", "both at 0x%x".formatted(untrustedBase));
    }
    head = in.head(Section.SECS);
    debug = secs.secs().attributes().has(Attributes.DEBUG);
    return new EnclaveManifest(
        instance, new MachineNeeds(untrustedBase, untrustedBytes, maxThreads, components), secs);
  }

  private StateCursor next(int least, int most) throws IOException {
    head = in.head(head.section());
    if (head.length() < least || head.length() > most) {
      throw new MalformedStateException(
          head.section(), "length", head.offset() - Long.BYTES, least == most ? "" + least : least + " to " + most,
          "" + head.length());
    }
    return in.payload(head);
  }

  private Instance instance() throws IOException {
    StateCursor cursor = next(StateFormat.INSTANCE_BYTES, StateFormat.INSTANCE_BYTES);
    Id16 name = cursor.id16("name");
    long number = cursor.between("number", 1, 1L << 48);
    int generation = cursor.u32("generation");
    if (generation < 1 || generation == Integer.MAX_VALUE) {
      throw cursor.malformed("1 to " + (Integer.MAX_VALUE - 1), "" + generation);
    }
    if (cursor.u32("reserved") != 0) {
      throw cursor.malformed("0", "something else");
    }
    return new Instance(name, number, generation);
  }

  private List<Component> components(StateCursor machine) {
    int count = machine.u32("components");
    if (count < 0 || count > StateFormat.MAX_COMPONENTS) {
      throw machine.malformed("0 to " + StateFormat.MAX_COMPONENTS, Integer.toUnsignedString(count));
    }
    contentPages = machine.between("contentPages", 0, Long.MAX_VALUE);
    var components = new ArrayList<Component>();
    for (int i = 0; i < count; i++) {
      int number = machine.u32("component");
      components.add(new Component(number, machine.u32("component offset"), machine.u32("component size")));
    }
    machine.end();
    return components;
  }

  private SecsState secs() throws IOException {
    StateCursor cursor = next(StateFormat.SECS_BYTES, StateFormat.SECS_BYTES);
    byte[] bytes = cursor.bytes("SECS", Secs.BYTES);
    Secs secs;
    try {
      secs = Secs.read(MemorySegment.ofArray(bytes));
    } catch (MalformedStructureException e) {
      throw new MalformedStateException(
          Section.SECS, e.field(), head.offset() + e.offset(), e.expected(), e.found());
    }
    if (secs.size() < 2 * PAGE || Long.bitCount(secs.size()) != 1) {
      throw cursor.malformed(".SIZE", "a power of two of at least 8192", "0x%x".formatted(secs.size()));
    }
    if (secs.baseAddr() <= 0 || secs.baseAddr() % secs.size() != 0 || secs.baseAddr() > Long.MAX_VALUE - secs.size()) {
      throw cursor.malformed(".BASEADDR", "a multiple of SIZE", "0x%x".formatted(secs.baseAddr()));
    }
    if (!secs.attributes().has(Attributes.INIT)) {
      throw cursor.malformed(".ATTRIBUTES", "INIT", secs.attributes().toString());
    }
    pages = secs.size() / PAGE;
    long eid = cursor.between("eid", 1, 1L << 62);
    epoch = cursor.between("epoch", 1, MAX_EPOCH);
    long context = cursor.u64("context");
    long children = cursor.between("virtualChildren", 0, Long.MAX_VALUE);
    Id16 family = cursor.id16("isvFamilyId");
    Id16 product = cursor.id16("isvExtProdId");
    if (!secs.attributes().has(Attributes.KSS) && !(family.isZero() && product.isZero())) {
      throw cursor.malformed("zero without KSS", family + " and " + product);
    }
    return new SecsState(
        secs, eid, epoch, context == 0 ? OptionalLong.empty() : OptionalLong.of(context), children, family, product);
  }

  /** What EADD, EDBGWR and AEX can have made of a TCS; EENTER asks the rest. */
  private static void check(StateCursor cursor, byte[] bytes, boolean debug) {
    ByteBuffer tcs = ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    if (tcs.getLong((int) Tcs.STATE_OFFSET) != 0) {
      throw cursor.malformed(".STATE", "0", "0x%x".formatted(tcs.getLong((int) Tcs.STATE_OFFSET)));
    }
    long flags = tcs.getLong((int) Tcs.FLAGS_OFFSET);
    if ((flags & Tcs.DBGOPTIN) != 0 && !debug) {
      throw cursor.malformed(".FLAGS", "DBGOPTIN in a debug enclave only", "0x%x".formatted(flags));
    }
    int cssa = tcs.getInt((int) Tcs.CSSA_OFFSET);
    int nssa = tcs.getInt((int) Tcs.CSSA_OFFSET + Integer.BYTES);
    if (Integer.compareUnsigned(cssa, nssa) > 0) {
      throw cursor.malformed(
          ".CSSA", "at most NSSA=" + Integer.toUnsignedString(nssa), Integer.toUnsignedString(cssa));
    }
  }

  /** The host's mappings, the first of page 0. */
  public List<Mapping> mappings() throws IOException {
    var mappings = new ArrayList<Mapping>();
    long next = 0;
    for (; head.section() == Section.MAPPINGS; head = in.head(Section.MAPPINGS)) {
      StateCursor cursor = in.payload(head);
      while (cursor.hasMore()) {
        long page = cursor.between("page", next, mappings.isEmpty() ? 0 : pages - 1);
        if (mappings.size() == StateFormat.MAX_MAPPINGS) {
          throw cursor.malformed("at most " + StateFormat.MAX_MAPPINGS + " runs", "one more");
        }
        mappings.add(new Mapping(page, (int) cursor.between("access", 0, 15)));
        next = page + 1;
      }
    }
    if (mappings.isEmpty()) {
      throw new MalformedStateException(
          Section.MAPPINGS, "runs", head.offset(), "one from page 0 on", "none");
    }
    return mappings;
  }

  /** Hands all pages over, and then compares the digest, which it returns. */
  public Digest32 content(PageSink sink, StateProgress progress) throws IOException {
    while (head.section() != Section.END) {
      StateCursor cursor = in.payload(head);
      switch (head.section()) {
        case ENTRIES -> entries(cursor, sink);
        case THREADS -> threads(cursor, sink);
        case ZEROES -> zeroes(cursor, sink);
        case PAGES -> {
          pages(cursor, sink);
          progress.pages(contentDone, contentPages);
        }
        case HEADER, INSTANCE, MACHINE, SECS, MAPPINGS, END -> throw new IllegalStateException("read before");
      }
      head = in.head(head.section());
    }
    if (!threadPages.equals(tcsPages)) {
      throw new MalformedStateException(
          Section.END, "threads", head.offset(), "a TCS for each of the PT_TCS pages " + brief(tcsPages),
          "those of " + brief(threadPages));
    }
    byte[][] digests = in.digests(head);
    if (!Arrays.equals(digests[0], digests[1])) {
      throw new MalformedStateException(
          Section.END, "digest", head.offset(), Digest32.of(digests[0]).toString(),
          Digest32.of(digests[1]).toString());
    }
    return Digest32.of(digests[0]);
  }

  private static String brief(NavigableSet<Long> pages) {
    return pages.size() <= 8 ? pages.toString() : pages.size() + " from " + pages.first() + " on";
  }

  private void entries(StateCursor cursor, PageSink sink) {
    while (cursor.hasMore()) {
      long page = cursor.between("page", nextEntry, pages - 1);
      long count = cursor.between("count", 1, pages - page);
      long word = cursor.u64("entry");
      int bits = (int) (word & (1 << StateFormat.EPOCH_SHIFT) - 1);
      String complaint = EntryRules.complaint(bits);
      if (complaint != null) {
        throw cursor.malformed(complaint, "0x%x".formatted(bits));
      }
      long stamp = word >>> StateFormat.EPOCH_SHIFT;
      if (stamp > epoch) {
        throw cursor.malformed("an epoch of at most " + epoch, "" + stamp);
      }
      if (EntryRules.needsThread(bits)) {
        if (count > StateFormat.MAX_THREADS - tcsPages.size()) {
          throw cursor.malformed("at most %d threads".formatted(StateFormat.MAX_THREADS), count + " more");
        }
        for (long tcs = page; tcs < page + count; tcs++) {
          tcsPages.add(tcs);
        }
      }
      sink.entries(page, count, bits, stamp);
      nextEntry = page + count;
    }
  }

  private void threads(StateCursor cursor, PageSink sink) {
    while (cursor.hasMore()) {
      long page = cursor.between("page", nextThread, pages - 1);
      if (!tcsPages.contains(page)) {
        throw cursor.malformed("a page whose entry is PT_TCS", "page " + page);
      }
      byte[] tcs = cursor.bytes("TCS", StateFormat.TCS_BYTES);
      check(cursor, tcs, debug);
      long fs = cursor.u64("savedFsBase");
      long gs = cursor.u64("savedGsBase");
      long tf = cursor.u64("savedTf");
      if ((tf & ~TF) != 0) {
        throw cursor.malformed("0 or 0x100", "0x%x".formatted(tf));
      }
      threadPages.add(page);
      sink.thread(new ThreadState(page, tcs, fs, gs, tf));
      nextThread = page + 1;
    }
  }

  private void zeroes(StateCursor cursor, PageSink sink) {
    while (cursor.hasMore()) {
      long page = cursor.between("page", nextZero, pages - 1);
      if (continues.isEmpty()) {
        throw cursor.malformed("no zero pages where nothing was before", "0x%x".formatted(page));
      }
      long count = cursor.between("count", 1, pages - page);
      sink.zero(page, count);
      nextZero = page + count;
    }
  }

  private void pages(StateCursor cursor, PageSink sink) {
    long page = cursor.between("page", nextPage, pages - 1);
    int count = cursor.u32("count");
    if (count < 1 || count > StateFormat.MAX_PAGES || count > pages - page || count > contentPages - contentDone) {
      throw cursor.malformed("up to %d pages".formatted(StateFormat.MAX_PAGES), "" + count);
    }
    for (long held = page; held < page + count; held++) {
      if (!EntryRules.mayHold(sink.bits(held))) {
        throw cursor.malformed("pages that can have content", "page " + held);
      }
    }
    if (cursor.u32("reserved") != 0) {
      throw cursor.malformed("0", "something else");
    }
    cursor.rest("bytes", (long) count * PAGE);
    sink.fill(page, room.asSlice(StateFormat.PAGES_PREFIX, (long) count * PAGE));
    nextPage = page + count;
    contentDone += count;
  }

  @Override
  public void close() {
    arena.close();
  }
}
