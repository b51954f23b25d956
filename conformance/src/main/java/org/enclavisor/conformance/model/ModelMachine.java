package org.enclavisor.conformance.model;

import java.util.HashMap;
import java.util.Map;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.isa.Digest32;
import org.jspecify.annotations.Nullable;

/**
 * The model as a machine: the oracle of the campaign, and the first machine that the rules are tried on. Has no
 * threads: a processor's probe runs in the call that gives it a command. What it cannot know (keys, MACs,
 * ciphertext, SSA frames) it does not show. Confined to one thread.
 */
public final class ModelMachine implements SgxMachine {
  private static final long EPC = 0x40_0000_0000L;
  private static final long MEMORY = 0x50_0000_0000L;
  private static final long ELRANGES = 0x1000_0000_0000L;

  private final Features features;
  private final java.util.function.LongToIntFunction xsaveBytes;
  private final Model model = new Model(this);
  private final Map<Long, Long> sharedOf = new HashMap<>();
  private long nextPage = EPC;
  private long nextMemory = MEMORY;
  private long nextElrange = ELRANGES;

  /**
   * A machine of its own.
   *
   * @param xsaveBytes of an XSAVE area for an XFRM
   */
  public ModelMachine(Features features, java.util.function.LongToIntFunction xsaveBytes) {
    this.features = features;
    this.xsaveBytes = xsaveBytes;
  }

  /** A twin of another machine: with its features, and told of its addresses by {@code adopt…}. */
  public static ModelMachine twinOf(SgxMachine other) {
    return new ModelMachine(other.features().ofModel(), other::xsaveBytes);
  }

  /** IA32_SGXLEPUBKEYHASH; until told, every signer is authorised. */
  public void launchKeyHash(Digest32 signer) {
    model.launchKeyHash = signer;
  }

  /** Another machine's EPC page. */
  public void adoptPage(long address) {
    model.addEpc(address);
  }

  /** The other machine's page is nobody's any more. */
  public void forgetPage(long address) {
    model.forget(address);
  }

  /** The other machine's memory is nobody's any more. */
  public void forgetMemory(long address, int bytes) {
    model.memory.unmap(address, bytes);
  }

  /** Another machine's ordinary memory. */
  public void adoptMemory(long address, int bytes) {
    model.memory.map(address, bytes);
  }

  /**
   * Whether the next access by a translation that may be stale succeeds: the twin's driver looks at what the machine
   * did.
   */
  public void staleWorks(boolean works) {
    model.staleWorks = works;
  }

  /** Whether the last READ's value is one that the model cannot know. */
  public boolean readUnknown() {
    boolean unknown = model.lastReadOpaque;
    model.lastReadOpaque = false;
    return unknown;
  }

  /** How the EPCM entry of a page looks, as ERDINFO's FLAGS with BLOCKED; −1 if it is not valid. */
  public long epcm(long address) {
    ModelPage page = model.epc(address);
    return page == null || !page.valid ? -1 : page.flags() | (page.blocked ? Long.MIN_VALUE : 0);
  }

  /** Whether the content of an EPC page is one that the model cannot know. */
  public boolean contentUnknown(long address) {
    ModelPage page = model.epc(address);
    return page != null && page.valid && page.opaque;
  }

  /** Whether the enclave of this SECS is a debug one that was initialised. */
  public boolean initialised(long secs) {
    ModelPage page = model.epc(secs);
    return page != null && page.is(ModelPage.PT_SECS) && page.secs().initialised;
  }

  /** Whether a thread is inside by this TCS, of whatever type the page is now. */
  public boolean active(long epcPage) {
    ModelPage page = model.epc(epcPage);
    return page != null && page.valid && page.thread != null && page.thread.active;
  }

  /** CSSA of a TCS; −1 if the page is none. */
  public int cssa(long epcPage) {
    ModelPage page = model.epc(epcPage);
    return page != null && page.valid && page.thread != null ? page.thread.cssa() : -1;
  }

  /** Whether nobody can have an old translation of a page. */
  public boolean tracked(long epcPage) {
    ModelPage page = model.epc(epcPage);
    return page != null && page.child() && page.secs().tracked(page);
  }

  /** RDINFO.ENCLAVECONTEXT of a page: whose it is. */
  public long owner(long epcPage) {
    ModelPage page = model.epc(epcPage);
    return page != null && page.valid && page.secs != null ? page.secs().context : 0;
  }

  /** How many pages are valid. */
  public int validPages() {
    int count = 0;
    for (ModelPage page : model.allPages()) {
      count += page.valid ? 1 : 0;
    }
    return count;
  }

  @Override
  public String name() {
    return "model";
  }

  @Override
  public Features features() {
    return features;
  }

  @Override
  public int xsaveBytes(long xfrm) {
    return xsaveBytes.applyAsInt(xfrm);
  }

  @Override
  public long elrange(long size) {
    nextElrange = (nextElrange + size - 1 & -size) + size;
    return nextElrange - size;
  }

  @Override
  public long epcPage() {
    nextPage += PAGE;
    model.addEpc(nextPage);
    return nextPage;
  }

  @Override
  public long epcPage(long secs, long linear) {
    return epcPage();
  }

  @Override
  public long allocate(int bytes) {
    long address = nextMemory;
    nextMemory += (bytes + PAGE - 1 & -PAGE) + PAGE;
    model.memory.map(address, bytes);
    return address;
  }

  @Override
  public long shared(long secs) {
    return sharedOf.computeIfAbsent(secs, key -> allocate(SHARED_BYTES));
  }

  @Override
  public void read(long address, byte[] into) {
    model.memory.read(address, into);
  }

  @Override
  public void write(long address, byte[] from) {
    model.memory.write(address, from);
  }

  @Override
  public LeafResult encls(int leaf, long rbx, long rcx, long rdx) {
    return model.encls(leaf, rbx, rcx, rdx);
  }

  @Override
  public LeafResult enclv(int leaf, long rbx, long rcx, long rdx) {
    return model.enclv(leaf, rbx, rcx, rdx);
  }

  @Override
  public LogicalProcessor processor() {
    return new Processor();
  }

  @Override
  public Held hold(long epcPage, Hold hold) {
    return model.hold(epcPage, hold);
  }

  @Override
  public void close() {}

  private final class Processor implements LogicalProcessor {
    private long block;
    private @Nullable ModelThread inside;

    @Override
    public Event enter(int leaf, long tcs, long aep, long newBlock, Registers host) {
      model.now++;
      block = newBlock;
      Event event = model.entry.enter(leaf, tcs, aep, block, host);
      if (event instanceof Inside) {
        ModelSecs secs = model.enclaveAt(tcs);
        ModelPage page = secs == null ? null : secs.children.get(tcs);
        inside = page == null ? null : page.thread;
      }
      return event;
    }

    @Override
    public boolean inside() {
      return inside != null && inside.active;
    }

    @Override
    public Event command(Command command) {
      model.now++;
      model.memory.write(block + Command.operandsOffset(), command.operands());
      model.memory.write(block + Command.TURN, command.turn());
      return model.entry.run(thread(), null);
    }

    @Override
    public Event interrupt() {
      model.now++;
      return model.entry.aex(thread(), null, null);
    }

    private ModelThread thread() {
      if (inside == null || !inside.active) {
        throw new IllegalStateException("nobody is inside");
      }
      return inside;
    }

    @Override
    public Command.Results results() {
      byte[] bytes = new byte[Command.resultBytes()];
      model.memory.read(block, bytes);
      return Command.results(bytes);
    }

    @Override
    public void close() {}
  }
}
