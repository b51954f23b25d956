package org.enclavisor.monitor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.Lineages.Lineage;
import org.enclavisor.monitor.epc.EnclaveMemory;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Ecreate;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.state.EnclaveManifest;
import org.enclavisor.monitor.state.EnclaveManifest.Component;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;
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

  private final Platform platform;
  private final MonitorConfig config;
  private final Cpu cpu;
  private final Epc epc;
  private final Lineages lineages;
  private final EnclaveTable enclaves;
  private final StateProgress progress;

  /** Pages that streams have filled: the only ones that may have to be emptied by a later one. */
  private final BitSet filled = new BitSet();

  private @Nullable AddressSpace space;
  private @Nullable EnclaveManifest manifest;
  private @Nullable Lineage planned;
  private @Nullable SecsPage secs;
  private @Nullable Digest32 digest;
  private List<Mapping> mappings = List.of();
  private @Nullable Enclave enclave;
  private boolean finished;

  Restoration(
      Platform platform,
      MonitorConfig config,
      Cpu cpu,
      Epc epc,
      Lineages lineages,
      EnclaveTable enclaves,
      StateProgress progress) {
    this.platform = platform;
    this.config = config;
    this.cpu = cpu;
    this.epc = epc;
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
    boolean launcher = fields.attributes().has(Attributes.EINITTOKENKEY);
    if (launcher && !config.launchKeyHash().map(fields.mrSigner()::equals).orElse(true)) {
      return "SECS.ATTRIBUTES.EINITTOKENKEY is for the signer in IA32_SGXLEPUBKEYHASH only";
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
    SecsPage page = secs(next, life);
    reader.entries(page.pages()::restore);
    mappings = reader.mappings();
    AddressSpace memory = space;
    if (memory == null) {
      try {
        memory = space = platform.create(layout(next));
      } catch (PlatformException e) {
        return "no address space like the enclave's: " + e.getMessage();
      }
    }
    AddressSpace target = memory;
    for (int at = filled.nextSetBit(0); at >= 0; at = filled.nextSetBit(at + 1)) {
      if (!StateReader.mayHold(page.pages().bits(at))) {
        empty(target, at);
      }
    }
    manifest = next;
    secs = page;
    digest =
        reader.content(
            new StateReader.PageSink() {
              @Override
              public int bits(long at) {
                return page.pages().bits(at);
              }

              @Override
              public void zero(long at, long count) {
                for (int i = filled.nextSetBit((int) at); i >= 0 && i < at + count; i = filled.nextSetBit(i + 1)) {
                  empty(target, i);
                }
              }

              @Override
              public void fill(long at, MemorySegment bytes) {
                target.fill(at * PAGE, bytes);
                filled.set((int) at, (int) (at + bytes.byteSize() / PAGE));
              }
            },
            progress);
    return null;
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
    next.threads().forEach(thread -> page.threads().add(thread(page, thread)));
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
    SecsPage page = Objects.requireNonNull(secs);
    AddressSpace memory = Objects.requireNonNull(space);
    Lineage life = Objects.requireNonNull(planned);
    EnclaveManifest state = Objects.requireNonNull(manifest);
    EnclaveId id = new EnclaveId(life.number(), life.generation());
    Enclave created = new Enclave(id, page, memory, state.machine().maxThreads());
    created.host.set(mappings);
    LooseFrame frame = epc.reserve();
    frame.put(page);
    page.attach(
        epc.reserveElrange(page),
        new EnclaveMemory(memory.enclaveBase(), memory.enclave(), memory::fill),
        created.tables());
    boolean done = false;
    try {
      created.tables().follow(0, page.pages().pages(), true);
      String refusal = lineages.begin(state.instance(), life, created, enclaves);
      if (refusal != null) {
        return refusal;
      }
      enclave = created;
      finished = true;
      done = true;
      return null;
    } finally {
      if (!done) {
        frame.clear();
        epc.release(page.elrange());
        epc.release(frame);
      }
    }
  }

  /** What {@link #finish} has made. */
  Enclave enclave() {
    return Objects.requireNonNull(enclave, "not finished");
  }

  @Override
  public void close() {
    if (!finished && space != null) {
      space.close();
    }
  }
}
