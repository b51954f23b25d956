package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.epc.EnclaveMemory;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Ecreate;
import org.enclavisor.monitor.leaf.Einit;
import org.enclavisor.monitor.leaf.Eremove;
import org.enclavisor.monitor.leaf.Operands;
import org.enclavisor.monitor.leaf.PageCrypto;
import org.enclavisor.monitor.paging.LostPageException;
import org.enclavisor.monitor.paging.PagedEnclave;
import org.enclavisor.monitor.paging.Pager;
import org.enclavisor.monitor.paging.PagingException;
import org.enclavisor.monitor.paging.SystemLeaves;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Enclavisor on one platform: the EPC, the enclaves in it, and the leaves. Thread-safe; has no threads of its own but
 * those that measure enclaves under construction.
 *
 * <p>{@link #cpuid} says what the processor has that it plays.
 */
public final class Monitor implements SgxDevice {
  private static final int PAGE = 4096;

  // Where the monitor puts the operands of the leaves that it executes for a host: linear addresses of its own choice.
  private static final long PAGEINFO_AT = 0x1000;
  private static final long SECINFO_AT = 0x2000;
  private static final long SOURCE_AT = 0x3000;
  private static final long TOKEN_AT = 0x5000;

  private final Platform platform;
  private final MonitorConfig config;
  private final Events events;
  private final RootKeys keys;
  private final Cpu cpu;
  private final Epc epc = new Epc();
  private final PageCrypto paging;
  private final EnclaveTable enclaves = new EnclaveTable();
  private final AtomicLong nextInstance = new AtomicLong(1);
  private final AtomicLong nextEid = new AtomicLong(1);
  private final AtomicLong deaths = new AtomicLong();
  private final @Nullable Pager pager;
  private final DynamicMemory dynamic;
  private final EntryPath entryPath;
  private final Checkpoints checkpoints;

  /** With the local gate. Does not own the platform. */
  public Monitor(Platform platform, MonitorConfig config) {
    this(platform, config, EntryGate.LOCAL);
  }

  /**
   * Does not own the platform.
   *
   * @param gate decides on every entry; {@link EntryGate#LOCAL} or something after it
   */
  public Monitor(Platform platform, MonitorConfig config, EntryGate gate) {
    this.platform = platform;
    this.config = config;
    this.events = new Events(config.events());
    this.keys =
        config.root()
            .map(root -> new RootKeys(root, config.ownerEpoch()))
            .orElseGet(() -> new RootKeys(config.random(), config.ownerEpoch()));
    byte[] keyId = new byte[KeyId.BYTES];
    config.random().nextBytes(keyId);
    this.cpu =
        new Cpu(
            config.attributes(),
            config.miscselect(),
            config.features(),
            config.maxEnclaveBits(),
            XsaveLayout.of(platform.machine()),
            config.cpuSvn(),
            KeyId.of(keyId),
            keys);
    this.paging = new PageCrypto(config.random());
    this.pager = config.epc().map(this::pager).orElse(null);
    this.dynamic = new DynamicMemory(cpu.has(SgxFeature.SGX2), systemLeaves(), pager);
    FaultService faults = new FaultService(cpu.has(SgxFeature.SGX2), systemLeaves(), pager, events);
    this.entryPath = new EntryPath(cpu, gate, faults, events, this::died);
    this.checkpoints = new Checkpoints(this, platform, config, cpu, epc, enclaves, pager, nextInstance, nextEid);
  }

  private Pager pager(EpcLimit limit) {
    return new Pager(
        limit.pages(),
        epc,
        systemLeaves(),
        limit.store().get(),
        this::moved);
  }

  /** The pager did something. */
  private void moved(EnclaveId id, EnclsLeaf leaf, long pages, long start) {
    Enclave enclave = enclaves.get(id.instance());
    if (enclave != null) {
      enclave.pageCounts.moved(leaf, pages);
    }
    leafDone(id, leaf, pages, start, Outcome.success());
  }

  /** For leaves that neither make enclaves nor end them. */
  private SystemLeaves systemLeaves() {
    return new SystemLeaves(new Encls(cpu, epc, paging, nextEid, Digest32.ZERO, Encls.Births.NONE));
  }

  @Override
  public CreateOutcome create(Secs secs, long untrustedSize, int maxThreads) {
    if (maxThreads < 1) {
      throw new IllegalArgumentException("maxThreads=" + maxThreads + ": expected at least 1");
    }
    if (untrustedSize < 0 || untrustedSize > Long.MAX_VALUE - PAGE) {
      throw new IllegalArgumentException("untrustedSize=" + untrustedSize + ": expected at least 0");
    }
    long start = System.nanoTime();
    EnclaveId id = new EnclaveId(nextInstance.getAndIncrement(), 1);
    Outcome checked = Ecreate.check(cpu, MemorySegment.ofArray(secs.toBytes()));
    if (checked.ok() && secs.baseAddr() < 0) {
      checked = Outcome.gp("SECS.BASEADDR=0x%x: not an address of user code".formatted(secs.baseAddr()));
    }
    if (!checked.ok()) {
      leafDone(id, EnclsLeaf.ECREATE, 1, start, checked);
      return new CreateOutcome.Refused(checked);
    }
    long needed = Pager.needed(maxThreads, secs.ssaFrameSize());
    String tooMuch = pager == null ? null : pager.admit(needed);
    if (tooMuch != null) {
      Outcome refused = Outcome.gp(tooMuch);
      leafDone(id, EnclsLeaf.ECREATE, 1, start, refused);
      return new CreateOutcome.Refused(refused);
    }
    CreateOutcome outcome = null;
    try {
      outcome = create(id, secs, (untrustedSize + PAGE - 1) & -PAGE, maxThreads, start);
      return outcome;
    } finally {
      if (pager != null && !(outcome instanceof CreateOutcome.Created)) {
        pager.dismiss(needed);
      }
    }
  }

  private CreateOutcome create(EnclaveId id, Secs secs, long untrusted, int maxThreads, long start) {
    AddressSpace space =
        platform.create(new AddressSpaceLayout(secs.baseAddr(), secs.size(), untrusted, maxThreads));
    LooseFrame frame = epc.reserve();
    Outcome outcome = ecreate(secs.withBaseAddr(space.enclaveBase()), frame);
    leafDone(id, EnclsLeaf.ECREATE, 1, start, outcome);
    SecsPage page = frame.secs();
    if (!outcome.ok() || page == null) {
      epc.release(frame);
      space.close();
      return new CreateOutcome.Refused(outcome);
    }
    Enclave enclave = adopt(id, page, space, maxThreads);
    if (pager != null) {
      enclave.paged(pager.enclave(id, page, care(enclave), Pager.needed(maxThreads, secs.ssaFrameSize())));
    }
    return new CreateOutcome.Created(id, page.base());
  }

  PagedEnclave.Care care(Enclave enclave) {
    return new PagedEnclave.Care() {
      @Override
      public void withdraw(long[] pages, int count) {
        try {
          enclave.tables().withdraw(pages, count);
        } catch (PlatformException e) {
          died(enclave, String.valueOf(e.getMessage()));
        }
      }

      @Override
      public void broken(String reason) {
        died(enclave, reason);
      }

      @Override
      public boolean dead() {
        return enclave.life.state() == EnclaveState.DESTROYED;
      }
    };
  }

  private Enclave adopt(EnclaveId id, SecsPage page, AddressSpace space, int maxThreads) {
    Enclave enclave = new Enclave(id, page, space, maxThreads);
    page.attach(
        epc.reserveElrange(page),
        new EnclaveMemory(space.enclaveBase(), space.enclave(), space::fill),
        enclave.tables());
    enclaves.add(enclave);
    return enclave;
  }

  private Outcome ecreate(Secs secs, LooseFrame frame) {
    Operands operands =
        new Operands()
            .map(PAGEINFO_AT, MemorySegment.ofArray(new Pageinfo(0, SOURCE_AT, SECINFO_AT, 0).toBytes()))
            .map(SECINFO_AT, MemorySegment.ofArray(new Secinfo(PageType.SECS, Permissions.NONE).toBytes()))
            .map(SOURCE_AT, MemorySegment.ofArray(secs.toBytes()));
    return Ecreate.execute(cpu, epc, operands, PAGEINFO_AT, frame.address(), nextEid);
  }

  @Override
  public Outcome add(EnclaveId id, long offset, Secinfo secinfo, MemorySegment pages, boolean measured) {
    return load(id, offset, secinfo, pages, pages.byteSize(), measured);
  }

  @Override
  public Outcome addZero(EnclaveId id, long offset, long length, Secinfo secinfo, boolean measured) {
    return load(id, offset, secinfo, null, length, measured);
  }

  private Outcome load(
      EnclaveId id, long offset, Secinfo secinfo, @Nullable MemorySegment pages, long bytes, boolean measured) {
    long start = System.nanoTime();
    return locked(
        id,
        EnclsLeaf.EADD,
        start,
        enclave -> {
          Loader.Progress progress = load(enclave, offset, secinfo, pages, bytes, measured);
          leafDone(id, EnclsLeaf.EADD, progress.pages(), start, progress.outcome());
          return progress.outcome();
        });
  }

  private Loader.Progress load(
      Enclave enclave, long offset, Secinfo secinfo, @Nullable MemorySegment pages, long bytes, boolean measured) {
    PagedEnclave paged = enclave.paged();
    if (pager == null || paged == null) {
      return Loader.add(enclave.secs(), offset, secinfo, pages, bytes, measured);
    }
    long done = 0;
    Loader.Progress progress;
    do {
      // Whatever is wrong with the size shows in the first portion.
      long portion = Math.min(bytes - done, pager.portion() * PAGE);
      long reserved = Math.max(0, portion / PAGE);
      pager.reserve(reserved);
      long added = 0;
      try {
        MemorySegment source = pages == null ? null : pages.asSlice(done, Math.max(0, portion));
        progress = Loader.add(enclave.secs(), offset + done, secinfo, source, portion, measured);
        added = progress.pages();
      } finally {
        pager.added(paged, (offset + done) / PAGE, added, reserved);
      }
      done += portion;
      progress = new Loader.Progress((done - portion) / PAGE + added, progress.outcome());
    } while (progress.outcome().ok() && done < bytes);
    return progress;
  }

  @Override
  public Outcome protect(EnclaveId id, long offset, long length, Permissions host) {
    return locked(
        id,
        null,
        0,
        enclave -> {
          long size = enclave.secs().size();
          if ((offset & (PAGE - 1)) != 0 || (length & (PAGE - 1)) != 0 || offset < 0 || length <= 0
              || offset > size - length) {
            return Outcome.gp(
                "offset=0x%x length=0x%x: expected whole pages in the ELRANGE".formatted(offset, length));
          }
          if (!enclave.host.set(offset / PAGE, length / PAGE, host)) {
            return Outcome.gp("more than " + HostMappings.MAX_RUNS + " ranges of different permissions");
          }
          if (enclave.life.state() == EnclaveState.INITIALISED) {
            follow(enclave, offset / PAGE, length / PAGE, false);
          }
          return Outcome.success();
        });
  }

  @Override
  public Outcome init(EnclaveId id, Sigstruct sigstruct, Optional<Einittoken> token) {
    long start = System.nanoTime();
    return locked(
        id,
        EnclsLeaf.EINIT,
        start,
        enclave -> {
          Outcome outcome = einit(enclave.secs(), sigstruct, token.orElse(Einittoken.ABSENT));
          leafDone(id, EnclsLeaf.EINIT, 1, start, outcome);
          if (outcome.ok()) {
            follow(enclave, 0, enclave.secs().pages().pages(), true);
            enclave.secs().measurement().close();
            advance(enclave, EnclaveState.INITIALISED, "EINIT");
          }
          return outcome;
        });
  }

  private Outcome einit(SecsPage secs, Sigstruct sigstruct, Einittoken token) {
    if (secs.attributes().has(Attributes.PROVISIONKEY) && !config.provisioning()) {
      // Not the architecture's rule but the operating system's, which keeps this attribute for hosts it trusts with it.
      return Outcome.error(
          SgxError.SGX_INVALID_ATTRIBUTE, "SECS.ATTRIBUTES.PROVISIONKEY was not granted to this host");
    }
    if (secs.attributes().has(Attributes.EINITTOKENKEY) && !config.launching()) {
      return Outcome.error(
          SgxError.SGX_INVALID_ATTRIBUTE, "SECS.ATTRIBUTES.EINITTOKENKEY was not granted to this host");
    }
    Operands operands =
        new Operands()
            .map(SOURCE_AT, MemorySegment.ofArray(sigstruct.toBytes()))
            .map(TOKEN_AT, MemorySegment.ofArray(token.toBytes()));
    Digest32 launchKeyHash = config.launchKeyHash().orElseGet(sigstruct::mrSigner);
    return Einit.execute(cpu, epc, operands, SOURCE_AT, secs.address(), TOKEN_AT, launchKeyHash);
  }

  /** Page tables after EPCM and host mappings. If the machine cannot, the enclave is not one to be entered. */
  private void follow(Enclave enclave, long page, long count, boolean fresh) {
    boolean done = false;
    try {
      enclave.tables().follow(page, count, fresh);
      done = true;
    } finally {
      if (!done) {
        died(enclave, "the machine refused the permissions of its pages");
      }
    }
  }

  @Override
  public RangeOutcome restrictPermissions(EnclaveId id, long offset, long length, Permissions permissions) {
    return change(id, EnclsLeaf.EMODPR, enclave -> dynamic.restrict(enclave, offset, length, permissions));
  }

  @Override
  public RangeOutcome modifyTypes(EnclaveId id, long offset, long length, PageType type) {
    return change(id, EnclsLeaf.EMODT, enclave -> dynamic.retype(enclave, offset, length, type));
  }

  @Override
  public RangeOutcome removePages(EnclaveId id, long offset, long length) {
    return change(id, EnclsLeaf.EREMOVE, enclave -> dynamic.remove(enclave, offset, length));
  }

  private RangeOutcome change(EnclaveId id, EnclsLeaf leaf, Function<Enclave, RangeOutcome> operation) {
    long start = System.nanoTime();
    RangeOutcome[] result = {null};
    Outcome outcome =
        locked(
            id,
            leaf,
            start,
            enclave -> {
              RangeOutcome done;
              try {
                done = operation.apply(enclave);
              } catch (LostPageException e) {
                died(enclave, String.valueOf(e.getMessage()));
                done = new RangeOutcome(RangeOutcome.Verdict.FAILED, 0, 0, String.valueOf(e.getMessage()));
              }
              result[0] = done;
              Outcome told = done.ok() ? Outcome.success() : Outcome.gp(done.reason());
              leafDone(id, leaf, done.count() / PAGE, start, told);
              return told;
            });
    RangeOutcome done = result[0];
    return done != null ? done : new RangeOutcome(RangeOutcome.Verdict.FAILED, 0, 0, outcome.reason());
  }

  @Override
  public EnterOutcome enter(EnclaveId id, EnterCall call, Registers registers) {
    Enclave enclave = enclaves.get(id.instance());
    if (enclave == null) {
      return new EnterOutcome.Refused(unknown(id));
    }
    return entryPath.enter(enclave, id, call, registers);
  }

  @Override
  public void interrupt(EnclaveId id, long tcs) {
    Enclave enclave = enclaves.get(id.instance());
    if (enclave != null && enclave.id().equals(id)) {
      TcsPage page = enclave.secs().thread(tcs);
      if (page != null) {
        enclave.interrupt(page);
      }
    }
  }

  @Override
  public UntrustedMemory untrusted(EnclaveId id) {
    AddressSpace space = require(id).space();
    return new UntrustedMemory(space.untrustedBase(), space.untrusted());
  }

  @Override
  public Outcome debugRead(EnclaveId id, long address, MemorySegment into) {
    return debug(id, EnclsLeaf.EDBGRD, into, access -> access.read(address, into));
  }

  @Override
  public Outcome debugWrite(EnclaveId id, long address, MemorySegment from) {
    return debug(id, EnclsLeaf.EDBGWR, from, access -> access.write(address, from));
  }

  /** Whether a page that may be evicted is in the EPC now. */
  private boolean loaded(Enclave enclave, long page) {
    PagedEnclave paged = enclave.paged();
    try {
      return pager != null && paged != null && pager.load(paged, page);
    } catch (PagingException | LostPageException e) {
      return false; // the leaf's own answer says it: the page is not there
    }
  }

  private Outcome debug(EnclaveId id, EnclsLeaf leaf, MemorySegment bytes, Function<DebugAccess, Outcome> operation) {
    long start = System.nanoTime();
    return locked(
        id,
        leaf,
        start,
        enclave -> {
          Outcome outcome = operation.apply(new DebugAccess(epc, enclave.secs(), page -> loaded(enclave, page)));
          leafDone(id, leaf, (bytes.byteSize() + PAGE - 1) / PAGE, start, outcome);
          return outcome;
        });
  }

  @Override
  public Outcome remove(EnclaveId id) {
    Enclave enclave = enclaves.get(id.instance());
    if (enclave == null || !enclave.id().equals(id)) {
      return unknown(id);
    }
    long start = System.nanoTime();
    advance(enclave, EnclaveState.DESTROYED, "removed by the host");
    enclave.evacuate();
    enclave.lock.lock();
    try {
      if (!enclaves.remove(enclave)) {
        return unknown(id);
      }
      SecsPage secs = enclave.secs();
      PagedEnclave paged = enclave.paged();
      if (pager != null && paged != null) {
        pager.forget(paged);
      }
      long pages = secs.pages().validCount() + 1;
      enclave.release();
      Outcome outcome = Eremove.all(secs);
      LooseFrame frame = secs.epcFrame();
      if (outcome.ok() && frame.secs() == secs) {
        outcome = Eremove.execute(epc, frame.address());
        epc.release(frame);
      }
      epc.reload(secs.eid()); // It may have been evicted.
      epc.release(secs.elrange());
      leafDone(id, EnclsLeaf.EREMOVE, pages, start, outcome);
      return outcome;
    } finally {
      enclave.lock.unlock();
    }
  }

  /**
   * The bare instruction, for whoever plays the operating system himself. Enclaves that it makes can be entered like any
   * other, by the {@link EnclaveId} that {@link #enclaveAt} gives.
   *
   * @param untrustedSize bytes of memory shared with each enclave, as in {@link #create}
   * @param maxThreads as in {@link #create}
   */
  public Encls encls(long untrustedSize, int maxThreads) {
    Encls.Births births =
        new Encls.Births() {
          @Override
          public void created(SecsPage secs) {
            adopt(
                new EnclaveId(nextInstance.getAndIncrement(), 1),
                secs,
                platform.create(new AddressSpaceLayout(secs.base(), secs.size(), untrustedSize, maxThreads)),
                maxThreads);
          }

          @Override
          public void initialised(SecsPage secs) {
            Enclave enclave = require(secs);
            follow(enclave, 0, secs.pages().pages(), true);
            secs.measurement().close();
            advance(enclave, EnclaveState.INITIALISED, "EINIT");
          }

          @Override
          public void removed(SecsPage secs) {
            Enclave enclave = find(secs);
            if (enclave == null || !enclaves.remove(enclave)) {
              return; // two EREMOVE at once, both of which found it
            }
            advance(enclave, EnclaveState.DESTROYED, "EREMOVE");
            enclave.release();
            epc.release(secs.elrange());
          }
        };
    return new Encls(cpu, epc, paging, nextEid, config.launchKeyHash().orElse(Digest32.ZERO), births);
  }

  /** The hypervisor's instruction, over the same EPC. */
  public Enclv enclv() {
    return new Enclv(cpu, epc);
  }

  /** The enclave whose SECS is at an address in the EPC. */
  public Optional<EnclaveId> enclaveAt(long secs) {
    SecsPage page = epc.resolve(secs) instanceof LooseFrame frame ? frame.secs() : null;
    for (Enclave enclave : enclaves.all()) {
      if (enclave.secs() == page) {
        return Optional.of(enclave.id());
      }
    }
    return Optional.empty();
  }

  private Enclave require(SecsPage secs) {
    Enclave enclave = find(secs);
    if (enclave == null) {
      throw new IllegalStateException("no enclave with EID " + secs.eid());
    }
    return enclave;
  }

  private @Nullable Enclave find(SecsPage secs) {
    for (Enclave enclave : enclaves.all()) {
      if (enclave.secs() == secs) {
        return enclave;
      }
    }
    return null;
  }

  /** Stopping enclaves, writing their state, and bringing them back. For whoever runs the machine, not for hosts. */
  public Checkpoints checkpoints() {
    return checkpoints;
  }

  /**
   * Where an enclave is in its life; empty if it is not known.
   *
   * @param id in its current generation
   */
  public Optional<EnclaveState> state(EnclaveId id) {
    Enclave enclave = enclaves.get(id.instance());
    return enclave == null || !enclave.id().equals(id) ? Optional.empty() : Optional.of(enclave.life.state());
  }

  /**
   * The SECS of an enclave: its identity, once it is initialised.
   *
   * @throws IllegalArgumentException if there is no such enclave
   */
  public Secs secs(EnclaveId id) {
    return require(id).secs().secs();
  }

  /**
   * Bytes of memory that an enclave's ELRANGE costs now.
   *
   * @throws IllegalArgumentException if there is no such enclave
   */
  public long residentBytes(EnclaveId id) {
    return require(id).space().residentBytes();
  }

  /**
   * How often an enclave was entered and left.
   *
   * @throws IllegalArgumentException if there is no such enclave
   */
  public EnclaveCounts counts(EnclaveId id) {
    return EnclaveCounts.of(require(id));
  }

  /** What the processor that the monitor plays says of itself. */
  public SgxCpuid cpuid() {
    return SgxCpuid.of(config, platform.machine());
  }

  /** EPC pages in use by all enclaves and by paging itself; 0 if the EPC has no limit. */
  public long epcPages() {
    return pager == null ? 0 : pager.used();
  }

  /**
   * How many pages of an enclave's ELRANGE are in the EPC.
   *
   * @throws IllegalArgumentException if there is no such enclave
   */
  public long residentPages(EnclaveId id) {
    return require(id).secs().pages().validCount();
  }

  /** How many enclaves there are, in whatever state. */
  public int enclaves() {
    return enclaves.all().length;
  }

  /** How many enclaves have lost their process since the monitor started. */
  public long deaths() {
    return deaths.get();
  }

  @Override
  public void close() {
    for (Enclave enclave : enclaves.all()) {
      remove(enclave.id());
    }
    if (pager != null) {
      pager.close();
    }
    keys.close();
  }

  void died(Enclave enclave, String reason) {
    if (enclave.died(reason)) {
      deaths.incrementAndGet();
    }
    advance(enclave, EnclaveState.DESTROYED, reason);
  }

  /** Returns where it came from, as {@link LifeCycle#advance}. */
  EnclaveState advance(Enclave enclave, EnclaveState to, String reason) {
    EnclaveState from = enclave.life.advance(to);
    if (LifeCycle.allowed(from, to)) {
      changed(enclave.id(), from, to, reason);
    }
    return from;
  }

  /** Tells of a change in an enclave's life. */
  void changed(EnclaveId id, EnclaveState from, EnclaveState to, String reason) {
    if (events.wanted()) {
      events.tell(new MonitorEvent.LifeCycle(id, System.nanoTime(), from, to, reason));
    }
  }

  /** What is done to an enclave under its lock. */
  private interface Operation {
    Outcome on(Enclave enclave);
  }

  private Outcome locked(EnclaveId id, @Nullable EnclsLeaf leaf, long start, Operation operation) {
    Enclave enclave = enclaves.get(id.instance());
    if (enclave == null || !enclave.id().equals(id)) {
      return unknown(id);
    }
    enclave.lock.lock();
    try {
      if (enclave.life.state() == EnclaveState.DESTROYED) {
        Outcome refused = Outcome.gp("the enclave is destroyed");
        if (leaf != null) {
          leafDone(id, leaf, 0, start, refused);
        }
        return refused;
      }
      if (enclave.life.state() == EnclaveState.STOPPED) {
        return Outcome.gp("the enclave is stopped");
      }
      return operation.on(enclave);
    } finally {
      enclave.lock.unlock();
    }
  }

  Enclave require(EnclaveId id) {
    Enclave enclave = enclaves.get(id.instance());
    if (enclave == null || !enclave.id().equals(id)) {
      throw new IllegalArgumentException("no enclave " + id);
    }
    return enclave;
  }

  private static Outcome.Fault unknown(EnclaveId id) {
    return Outcome.gp("no enclave " + id);
  }

  private void leafDone(EnclaveId id, EnclsLeaf leaf, long pages, long start, Outcome outcome) {
    if (events.wanted()) {
      long end = System.nanoTime();
      events.tell(new MonitorEvent.Encls(id, end, leaf, pages, end - start, outcome));
    }
  }
}
