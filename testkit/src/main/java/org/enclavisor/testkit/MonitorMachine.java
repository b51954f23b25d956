package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.conformance.rules.Signers;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.Encls;
import org.enclavisor.monitor.EnclsRegisters;
import org.enclavisor.monitor.Enclv;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.SgxFeature;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LeafLock;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.enclavisor.monitor.leaf.Operands;
import org.enclavisor.monitor.spi.Platform;

/**
 * The monitor on a platform, as a machine for the conformance suite. ENCLS and ENCLV are the monitor's bare
 * instructions, ENCLU is executed by the probe in an enclave on the platform.
 */
public final class MonitorMachine implements SgxMachine {
  private static final long MEMORY = 0x6000_0000_0000L;
  private static final int MEMORY_BYTES = 16 << 20;
  private static final long ELRANGES = 0x1000_0000_0000L;
  private static final long ELRANGE_STEP = 1 << 28;
  private static final long ELRANGE_STEPS = 1 << 15;
  private static final int THREADS = 8;

  /** An enclave that was made here. */
  private record Made(EnclaveId id, long size, UntrustedMemory shared) {}

  private final String name;
  private final Platform platform;
  private final Monitor monitor;
  private final MonitorConfig config;
  private final Encls encls;
  private final Enclv enclv;
  private final ThreadFactory threads;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory = arena.allocate(MEMORY_BYTES, PAGE);
  private final AtomicLong allocated = new AtomicLong();
  private final AtomicLong ranges = new AtomicLong();
  private final ArrayDeque<Long> free = new ArrayDeque<>();
  private final ConcurrentSkipListMap<Long, Made> byBase = new ConcurrentSkipListMap<>();
  private final ConcurrentHashMap<Long, Made> bySecs = new ConcurrentHashMap<>();
  private final ConcurrentSkipListMap<Long, UntrustedMemory> shared = new ConcurrentSkipListMap<>();
  private volatile Made last = new Made(new EnclaveId(1, 1), 0, new UntrustedMemory(0, MemorySegment.NULL));

  private MonitorMachine(String name, Platform platform, ThreadFactory threads, MonitorConfig config) {
    this.name = name;
    this.platform = platform;
    this.threads = threads;
    this.config =
        config.withLaunchKeyHash(Signers.authorised()).withProvisioning(true).withLaunching(true);
    monitor = new Monitor(new ParkingPlatform(platform), this.config);
    encls = monitor.encls(SHARED_BYTES, THREADS);
    enclv = monitor.enclv();
  }

  /** On a platform, under its own name. */
  public static MonitorMachine on(Platform platform) {
    return on(platform.name(), platform);
  }

  /** On a platform with threads of the operating system. Owns the platform. */
  public static MonitorMachine on(String name, Platform platform) {
    return new MonitorMachine(
        name, platform, Thread.ofPlatform().daemon().name("in-enclave-", 0).factory(), MonitorConfig.defaults());
  }

  /** In memory, with virtual threads. */
  public static MonitorMachine inMemory() {
    return new MonitorMachine(
        "fake", FakePlatform.open(), Thread.ofVirtual().name("in-enclave-", 0).factory(), MonitorConfig.defaults());
  }

  /** The monitor, for tests that look into it. */
  public Monitor monitor() {
    return monitor;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Features features() {
    int capabilities = 1;
    for (SgxFeature feature : config.features()) {
      capabilities |= feature.mask();
    }
    return new Features(
        capabilities, config.miscselect().bits(), config.maxEnclaveBits(), config.attributes(),
        platform.machine().xcr0(), true, EnumSet.allOf(Hold.class), true, true, true);
  }

  @Override
  public int xsaveBytes(long xfrm) {
    return XsaveLayout.of(platform.machine()).bytes(xfrm);
  }

  @Override
  public Probe probe() {
    return ParkingPlatform.probe();
  }

  @Override
  public long elrange(long size) {
    return ELRANGES + ranges.getAndIncrement() % ELRANGE_STEPS * ELRANGE_STEP;
  }

  @Override
  public synchronized long epcPage() {
    Long again = free.poll();
    return again != null ? again : encls.reservePage();
  }

  @Override
  public long epcPage(long secs, long linear) {
    return encls.pageAt(secs, linear);
  }

  @Override
  public synchronized void release(long epcPage) {
    EpcPage page = encls.page(epcPage);
    if (page != null && !EpcmEntry.valid(page.bits())) {
      free.add(epcPage);
    }
  }

  @Override
  public long allocate(int bytes) {
    long at = allocated.getAndAdd(bytes + 2 * PAGE - 1 & -PAGE);
    if (at + bytes > MEMORY_BYTES) {
      throw new IllegalStateException("no memory left for operands");
    }
    return MEMORY + at;
  }

  @Override
  public long shared(long secs) {
    Made made = bySecs.get(secs);
    if (made == null) {
      throw new IllegalArgumentException("no enclave at 0x" + Long.toHexString(secs));
    }
    return made.shared.base();
  }

  private MemorySegment segment(long address, int bytes) {
    if (address >= MEMORY && address - MEMORY <= MEMORY_BYTES - bytes) {
      return memory.asSlice(address - MEMORY, bytes);
    }
    Map.Entry<Long, UntrustedMemory> entry = shared.floorEntry(address);
    if (entry == null) {
      throw new IllegalArgumentException("no memory at 0x" + Long.toHexString(address));
    }
    return entry.getValue().segment().asSlice(address - entry.getKey(), bytes);
  }

  @Override
  public void read(long address, byte[] into) {
    MemorySegment.copy(segment(address, into.length), JAVA_BYTE, 0, into, 0, into.length);
  }

  @Override
  public void write(long address, byte[] from) {
    MemorySegment.copy(from, 0, segment(address, from.length), JAVA_BYTE, 0, from.length);
  }

  @Override
  public LeafResult encls(int leaf, long rbx, long rcx, long rdx) {
    EnclsRegisters registers = EnclsRegisters.of(rbx, rcx, rdx);
    Outcome outcome = encls.execute(leaf, registers, new Operands().map(MEMORY, memory));
    if (outcome.ok()) {
      follow(leaf, rcx);
    }
    return result(outcome, registers);
  }

  /** Remembers where enclaves are. */
  private void follow(int leaf, long page) {
    if (leaf == 0 || leaf == 7 || leaf == 8 || leaf == 0x12 || leaf == 0x13) {
      monitor.enclaveAt(page).ifPresent(id -> {
        Made made = new Made(id, monitor.secs(id).size(), monitor.untrusted(id));
        byBase.put(monitor.secs(id).baseAddr(), made);
        bySecs.put(page, made);
        shared.put(made.shared.base(), made.shared);
        last = made;
      });
    } else if (leaf == 3 || leaf == 0xb) {
      Made made = bySecs.remove(page);
      if (made != null && leaf == 3) {
        byBase.values().remove(made);
        shared.remove(made.shared.base());
      }
    }
  }

  private static LeafResult result(Outcome outcome, EnclsRegisters registers) {
    return switch (outcome) {
      case Outcome.Ok _ -> new LeafResult.Done(0, registers.rbx, 0);
      case Outcome.Error error ->
          new LeafResult.Done(
              error.error().code(), registers.rbx, error.carry() ? LeafResult.CF : LeafResult.ZF);
      case Outcome.Fault fault -> fault(fault);
    };
  }

  static LeafResult.Fault fault(Outcome.Fault fault) {
    return new LeafResult.Fault(fault.vector().number(), fault.code(), fault.address());
  }

  @Override
  public LeafResult enclv(int leaf, long rbx, long rcx, long rdx) {
    EnclsRegisters registers = EnclsRegisters.of(rbx, rcx, rdx);
    return result(enclv.execute(leaf, registers, new Operands().map(MEMORY, memory)), registers);
  }

  @Override
  public LogicalProcessor processor() {
    return new MonitorProcessor(this, threads);
  }

  /** Which enclave a TCS address is to be looked for in. */
  EnclaveId enclaveOf(long tcs) {
    Map.Entry<Long, Made> entry = byBase.floorEntry(tcs);
    if (entry == null || tcs - entry.getKey() >= entry.getValue().size) {
      // Nobody's address: whichever enclave is asked will say so.
      entry = byBase.firstEntry();
    }
    return (entry != null ? entry.getValue() : last).id;
  }

  @Override
  public Held hold(long address, Hold hold) {
    EpcPage page = encls.page(address);
    if (page == null) {
      throw new IllegalArgumentException("no EPC page at 0x" + Long.toHexString(address));
    }
    return switch (hold) {
      case SHARED -> held(page.tryShared(), page::releaseShared);
      case EXCLUSIVE -> held(page.tryExclusive(), page::releaseExclusive);
      case CHANGE -> {
        ElrangePage target = (ElrangePage) page;
        var entries = target.secs().pages();
        yield held(entries.tryModify(target.page()), () -> entries.releaseModify(target.page()));
      }
      // The SECS may be gone when its lock is given back: EREMOVE asks for neither.
      case MEASURE -> held(secs(page).building());
      case TRACK -> held(secs(page).tracking().lock());
    };
  }

  private static SecsPage secs(EpcPage page) {
    SecsPage secs = page instanceof LooseFrame frame ? frame.secs() : null;
    if (secs == null) {
      throw new IllegalArgumentException("no SECS");
    }
    return secs;
  }

  private static Held held(LeafLock lock) {
    return held(lock.tryTake(), lock::release);
  }

  private static Held held(boolean taken, Held release) {
    if (!taken) {
      throw new IllegalStateException("the page is held already");
    }
    return release;
  }

  @Override
  public void close() {
    monitor.close();
    platform.close();
    arena.close();
  }

  /** For tests: registers of the suite as those of the platform. */
  static org.enclavisor.monitor.spi.Registers toSpi(Registers from) {
    var r = new org.enclavisor.monitor.spi.Registers();
    long[] general = from.general();
    for (Reg reg : Reg.values()) {
      reg.set(r, general[reg.ordinal()]);
    }
    r.rflags = from.rflags;
    r.rip = from.rip;
    r.fsBase = from.fsBase;
    r.gsBase = from.gsBase;
    return r;
  }

  static Registers fromSpi(org.enclavisor.monitor.spi.Registers from) {
    var r = new Registers();
    r.rax = from.rax;
    r.rcx = from.rcx;
    r.rdx = from.rdx;
    r.rbx = from.rbx;
    r.rsp = from.rsp;
    r.rbp = from.rbp;
    r.rsi = from.rsi;
    r.rdi = from.rdi;
    r.r8 = from.r8;
    r.r9 = from.r9;
    r.r10 = from.r10;
    r.r11 = from.r11;
    r.r12 = from.r12;
    r.r13 = from.r13;
    r.r14 = from.r14;
    r.r15 = from.r15;
    r.rflags = from.rflags;
    r.rip = from.rip;
    r.fsBase = from.fsBase;
    r.gsBase = from.gsBase;
    return r;
  }
}
