package org.enclavisor.monitor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.Lineages.Lineage;
import org.enclavisor.monitor.epc.EnclaveMemory;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmTable;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Ecreate;
import org.enclavisor.monitor.paging.PagedEnclave;
import org.enclavisor.monitor.paging.Pager;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.state.EnclaveManifest;
import org.enclavisor.monitor.state.EnclaveManifest.Component;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;
import org.enclavisor.monitor.state.EntryRules;
import org.enclavisor.monitor.state.StateProgress;
import org.enclavisor.monitor.state.StateReader;
import org.jspecify.annotations.Nullable;

/**
 * An enclave that comes out of streams. Until {@link #finish} it is known to nobody; {@link #close} before that leaves
 * nothing of it. Confined to one thread.
 */
final class Restoration implements AutoCloseable {
  private static final int PAGE = 4096;
  private static final int COMPONENTS = 63;

  private final Monitor monitor;
  private final Platform platform;
  private final MonitorConfig config;
  private final Cpu cpu;
  private final Epc epc;
  private final @Nullable Pager pager;
  private final Lineages lineages;
  private final EnclaveTable enclaves;
  private final StateProgress progress;

  /** Pages that streams have filled: the only ones that may have to be emptied by a later one. */
  private final BitSet filled = new BitSet();

  /** PT_TCS pages that wait for their TCS, and the epochs of their entries. */
  private final Map<Long, Long> awaited = new HashMap<>();

  private @Nullable AddressSpace space;
  private @Nullable EnclaveManifest manifest;
  private @Nullable Lineage planned;
  private @Nullable Digest32 digest;
  private @Nullable Enclave enclave;
  private boolean finished;

  Restoration(
      Monitor monitor,
      Platform platform,
      MonitorConfig config,
      Cpu cpu,
      Epc epc,
      @Nullable Pager pager,
      Lineages lineages,
      EnclaveTable enclaves,
      StateProgress progress) {
    this.monitor = monitor;
    this.platform = platform;
    this.config = config;
    this.cpu = cpu;
    this.epc = epc;
    this.pager = pager;
    this.lineages = lineages;
    this.enclaves = enclaves;
    this.progress = progress;
  }

  /** Where the components of an XFRM lie on this machine. */
  static List<Component> components(Cpu cpu, long xfrm) {
    XsaveLayout layout = cpu.xsave();
    var components = new ArrayList<Component>();
    for (int i = 2; i < COMPONENTS; i++) {
      if ((xfrm & 1L << i) != 0) {
        components.add(new Component(i, layout.offset(i), layout.size(i)));
      }
    }
    return components;
  }

  /** Reads a stream that stands alone. Returns why it cannot live here, or null. */
  @Nullable String read(ReadableByteChannel channel) throws IOException {
    try (StateReader reader = new StateReader(channel)) {
      if (reader.continues().isPresent()) {
        return "expected a stream of all state first, found one of changes";
      }
      EnclaveManifest next = reader.manifest();
      String refusal = refusal(next);
      return refusal != null ? refusal : read(reader, next);
    }
  }

  /** Reads a stream of changes to what was read. Returns why it does not belong here, or null. */
  @Nullable String readChanges(ReadableByteChannel channel) throws IOException {
    if (pager != null) {
      return "changes can be applied only where the EPC has no limit: restore them there, and write all of it";
    }
    try (StateReader reader = new StateReader(channel)) {
      if (!reader.continues().equals(java.util.Optional.ofNullable(digest))) {
        return "expected the changes to the stream before, %s, found %s"
            .formatted(digest, reader.continues().map(Object::toString).orElse("a stream that stands alone"));
      }
      EnclaveManifest before = Objects.requireNonNull(manifest);
      EnclaveManifest next = reader.manifest();
      boolean same =
          next.instance().name().equals(before.instance().name())
              && next.machine().equals(before.machine())
              && next.secs().secs().equals(before.secs().secs());
      String refusal = same ? refusal(next) : "expected changes to the same enclave, found another one's";
      return refusal != null ? refusal : read(reader, next);
    }
  }

  /** What speaks against this enclave in this monitor. */
  private @Nullable String refusal(EnclaveManifest next) {
    Secs fields = next.secs().secs();
    Secs source = fields.withAttributes(fields.attributes().without(Attributes.INIT));
    Outcome checked = Ecreate.check(cpu, MemorySegment.ofArray(source.toBytes()));
    if (!checked.ok()) {
      return "ECREATE would not take the SECS on this machine: " + checked.reason();
    }
    if (fields.attributes().has(Attributes.PROVISIONKEY) && !config.provisioning()) {
      return "SECS.ATTRIBUTES.PROVISIONKEY was not granted to this host";
    }
    if (fields.attributes().has(Attributes.EINITTOKENKEY) && !config.launching()) {
      return "SECS.ATTRIBUTES.EINITTOKENKEY was not granted to this host";
    }
    List<Component> here = components(cpu, fields.attributes().xfrm());
    if (!here.equals(next.machine().components())) {
      return "saved extended state: expected the shape of this machine, %s, found %s"
          .formatted(here, next.machine().components());
    }
    return lineages.refusal(next.instance(), enclaves);
  }

  private @Nullable String read(StateReader reader, EnclaveManifest next) throws IOException {
    Lineage life = planned = lineages.plan(next.instance());
    List<Mapping> mappings = reader.mappings();
    AddressSpace memory = space;
    if (memory == null) {
      try {
        memory = space = platform.create(layout(next));
      } catch (PlatformException e) {
        return "no address space like the enclave's: " + e.getMessage();
      }
    }
    Enclave begun = begin(next, life, memory, mappings);
    if (begun == null) {
      return "the EPC is too small for this enclave beside the others";
    }
    manifest = next;
    digest = reader.content(pager == null ? new Pages(begun) : new PagedPages(begun, pager), progress);
    EpcmTable entries = begun.secs().pages();
    for (int at = filled.nextSetBit(0); at >= 0; at = filled.nextSetBit(at + 1)) {
      if (pager == null && !EntryRules.mayHold(entries.bits(at))) {
        empty(memory, at);
      }
    }
    return null;
  }

  /** An enclave without pages, which nobody knows; null if the EPC has no room for it. */
  private @Nullable Enclave begin(
      EnclaveManifest next, Lineage life, AddressSpace memory, List<Mapping> mappings) {
    abandon();
    SecsPage page = secs(next, life);
    EnclaveId id = new EnclaveId(life.number(), life.generation());
    int threads = next.machine().maxThreads();
    long needed = Pager.needed(threads, next.secs().secs().ssaFrameSize());
    if (pager != null && pager.admit(needed) != null) {
      return null;
    }
    Enclave created = enclave = new Enclave(id, page, memory, threads);
    created.host.set(mappings);
    LooseFrame frame = epc.reserve();
    frame.put(page);
    page.attach(
        epc.reserveElrange(page),
        new EnclaveMemory(memory.enclaveBase(), memory.enclave(), memory::fill),
        created.tables());
    if (pager != null) {
      created.paged(pager.enclave(id, page, monitor.care(created), needed));
    }
    return created;
  }

  /** Gives back what {@link #begin} took, but the memory. */
  private void abandon() {
    Enclave begun = enclave;
    enclave = null;
    if (begun == null) {
      return;
    }
    SecsPage page = begun.secs();
    PagedEnclave paged = begun.paged();
    if (pager != null && paged != null) {
      pager.forget(paged);
    }
    page.epcFrame().clear();
    epc.release(page.elrange());
    epc.release(page.epcFrame());
  }

  /** Pages come in as the stream says, with nothing between it and the memory. */
  private class Pages implements StateReader.PageSink {
    final Enclave target;
    final SecsPage secs;

    Pages(Enclave target) {
      this.target = target;
      this.secs = target.secs();
    }

    @Override
    public final void entries(long page, long count, int bits, long epoch) {
      if (EntryRules.needsThread(bits)) {
        for (long tcs = page; tcs < page + count; tcs++) {
          awaited.put(tcs, (long) bits | epoch << Integer.SIZE);
        }
      } else {
        entries(page, count, bits, (from, some) -> secs.pages().restore(from, some, bits, epoch));
      }
    }

    @Override
    public final void thread(ThreadState thread) {
      Long entry = awaited.remove(thread.page());
      if (entry != null) {
        entries(
            thread.page(),
            1,
            entry.intValue(),
            (from, some) -> {
              secs.threads().add(Restoration.thread(secs, thread));
              secs.pages().restore(from, some, entry.intValue(), entry >>> Integer.SIZE);
            });
      }
    }

    @Override
    public int bits(long page) {
      return secs.pages().bits(page);
    }

    @Override
    public void zero(long page, long count) {
      for (int i = filled.nextSetBit((int) page); i >= 0 && i < page + count; i = filled.nextSetBit(i + 1)) {
        empty(target.space(), i);
      }
    }

    @Override
    public void fill(long page, MemorySegment bytes) {
      target.space().fill(page * PAGE, bytes);
      filled.set((int) page, (int) (page + bytes.byteSize() / PAGE));
    }

    void entries(long page, long count, int bits, Change change) {
      change.on(page, count);
    }
  }

  /** Makes entries valid. */
  private interface Change {
    void on(long page, long count);
  }

  /** Pages come in as room is made for them, and may have to go again before their bytes come. */
  private final class PagedPages extends Pages {
    private final Pager pager;
    private final PagedEnclave paged;

    /** The runs that were told, by their first pages: an evicted page has no entry to be asked. */
    private final NavigableMap<Long, Run> told = new TreeMap<>();

    private record Run(long count, int bits) {}

    PagedPages(Enclave target, Pager pager) {
      super(target);
      this.pager = pager;
      this.paged = Objects.requireNonNull(target.paged());
    }

    @Override
    public int bits(long page) {
      Map.Entry<Long, Run> run = told.floorEntry(page);
      return run != null && page - run.getKey() < run.getValue().count ? run.getValue().bits : 0;
    }

    @Override
    void entries(long page, long count, int bits, Change change) {
      told.put(page, new Run(count, bits));
      long done = 0;
      while (done < count) {
        long portion = Math.min(count - done, pager.portion());
        pager.reserve(portion);
        change.on(page + done, portion);
        pager.added(paged, page + done, portion, portion);
        done += portion;
      }
    }

    @Override
    public void fill(long page, MemorySegment bytes) {
      for (long i = 0; i < bytes.byteSize() / PAGE; i++) {
        long at = i * PAGE;
        pager.visit(
            paged, page + i,
            () -> MemorySegment.copy(bytes, at, target.space().enclave(), page * PAGE + at, PAGE));
      }
    }
  }

  /** Nothing is accessible yet, so the page can go. */
  private void empty(AddressSpace target, int page) {
    target.discard((long) page * PAGE, PAGE);
    filled.clear(page);
  }

  private static AddressSpaceLayout layout(EnclaveManifest next) {
    Secs fields = next.secs().secs();
    EnclaveManifest.MachineNeeds machine = next.machine();
    return new AddressSpaceLayout(
        fields.baseAddr(), fields.size(), machine.untrustedBase(), machine.untrustedBytes(), machine.maxThreads());
  }

  private SecsPage secs(EnclaveManifest next, Lineage life) {
    EnclaveManifest.SecsState state = next.secs();
    int xsaveBytes = cpu.xsave().bytes(state.secs().attributes().xfrm());
    SecsPage page = new SecsPage(life.eid(), state.secs(), xsaveBytes);
    page.initialise(state.secs(), state.isvFamilyId(), state.isvExtProdId());
    page.measurement().close();
    page.tracking().restore(state.epoch());
    page.virtualChildren().set(state.virtualChildren());
    state.context().ifPresent(page.context()::set);
    return page;
  }

  private static TcsPage thread(SecsPage page, ThreadState state) {
    MemorySegment bytes = MemorySegment.ofArray(java.util.Arrays.copyOf(state.tcs(), Tcs.BYTES));
    TcsPage tcs = TcsPage.restored(state.page(), page.base() + state.page() * PAGE, bytes);
    tcs.savedFsBase = state.savedFsBase();
    tcs.savedGsBase = state.savedGsBase();
    tcs.savedTf = state.savedTf();
    return tcs;
  }

  /** Makes it an enclave of the monitor. Returns why not, if another life of it has begun meanwhile. */
  @Nullable String finish() {
    Enclave begun = enclave();
    Lineage life = Objects.requireNonNull(planned);
    if (pager == null) {
      begun.tables().follow(0, begun.secs().pages().pages(), true);
    }
    String refusal = lineages.begin(Objects.requireNonNull(manifest).instance(), life, begun, enclaves);
    finished = refusal == null;
    return refusal;
  }

  /** What {@link #finish} has made. */
  Enclave enclave() {
    return Objects.requireNonNull(enclave, "nothing was read");
  }

  @Override
  public void close() {
    if (!finished) {
      abandon();
      if (space != null) {
        space.close();
      }
    }
  }
}
