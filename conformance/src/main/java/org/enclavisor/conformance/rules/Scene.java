package org.enclavisor.conformance.rules;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Secs;

/**
 * What a rule plays on: a machine, operands in ordinary memory, enclaves, and the leaves as an operating system uses
 * them. Everything is taken away again by {@link #close}. Confined to one thread.
 */
public final class Scene implements AutoCloseable {
  static final int PAGE = SgxMachine.PAGE;
  static final long AEP = 0x5000_0000_2000L;
  static final long HOST_RIP = 0x5000_0000_1000L;
  static final long HOST_FS = 0x5000_0002_0000L;
  static final long HOST_GS = 0x5000_0003_0000L;
  /** RDINFO.FLAGS.BLOCKED. */
  static final long BLOCKED = 1L << 63;
  /** An address that is no EPC page and no memory. */
  static final long NOWHERE = 0x6660_0000_0000L;

  private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  final SgxMachine machine;
  final Operands memory;
  private final Stage stage;
  private final List<Enclave> enclaves = new ArrayList<>();
  private final List<Long> loose = new ArrayList<>();
  private final List<Runnable> afterwards = new ArrayList<>();
  private final List<SgxMachine.Held> holds = new ArrayList<>();

  /** What stays from scene to scene: ordinary memory and processors. Mutable, confined to one thread. */
  public static final class Stage implements AutoCloseable {
    private final SgxMachine machine;
    private final Operands memory;
    private final Map<Integer, LogicalProcessor> processors = new HashMap<>();

    /** A stage on a machine, which it does not own. */
    public Stage(SgxMachine machine) {
      this.machine = machine;
      this.memory = new Operands(machine);
    }

    /** An empty scene. */
    public Scene scene() {
      return new Scene(this);
    }

    @Override
    public void close() {
      processors.values().forEach(LogicalProcessor::close);
    }
  }

  private Scene(Stage stage) {
    this.stage = stage;
    this.machine = stage.machine;
    this.memory = stage.memory;
  }

  LogicalProcessor cpu(int number) {
    return stage.processors.computeIfAbsent(number, key -> machine.processor());
  }

  static void u64(byte[] bytes, int offset, long value) {
    U64.set(bytes, offset, value);
  }

  static long u64(byte[] bytes, int offset) {
    return (long) U64.get(bytes, offset);
  }

  byte[] read(long address, int bytes) {
    byte[] result = new byte[bytes];
    machine.read(address, result);
    return result;
  }

  /** Writes where a call points, unless a violation has made it point nowhere. */
  void writeIfMapped(long address, byte[] bytes) {
    if (memory.contains(address, bytes.length)) {
      machine.write(address, bytes);
    }
  }

  /** Something to do when the rule is over, before all is taken away. */
  void afterwards(Runnable action) {
    afterwards.add(action);
  }

  void hold(long page, Hold hold) {
    holds.add(machine.hold(page, hold));
  }

  /** A page for a SECS or a version array. */
  long loosePage() {
    long page = machine.epcPage();
    loose.add(page);
    return page;
  }

  /** A version array. */
  long versionArray() {
    long page = loosePage();
    done("EPA", machine.encls(0xa, 3, page, 0));
    return page;
  }

  LeafResult ecreate(long page, Secs secs) {
    machine.write(memory.prepSource, secs.toBytes());
    machine.write(memory.prepSecinfo, new byte[64]);
    machine.write(memory.prepPageinfo, new Pageinfo(0, memory.prepSource, memory.prepSecinfo, 0).toBytes());
    return machine.encls(0, memory.prepPageinfo, page, 0);
  }

  LeafResult eadd(Enclave enclave, long offset, long secinfoFlags, byte[] content) {
    long page = enclave.newPage(offset);
    byte[] secinfo = new byte[64];
    u64(secinfo, 0, secinfoFlags);
    machine.write(memory.prepSource, Arrays.copyOf(content, PAGE));
    machine.write(memory.prepSecinfo, secinfo);
    machine.write(
        memory.prepPageinfo,
        new Pageinfo(enclave.at(offset), memory.prepSource, memory.prepSecinfo, enclave.secs).toBytes());
    LeafResult result = machine.encls(1, memory.prepPageinfo, page, 0);
    if (result instanceof LeafResult.Done) {
      enclave.pages.put(offset, page);
    }
    return result;
  }

  /** EAUG at an offset. */
  void eaug(Enclave enclave, long offset) {
    long page = enclave.newPage(offset);
    machine.write(memory.prepPageinfo, new Pageinfo(enclave.at(offset), 0, 0, enclave.secs).toBytes());
    done("EAUG", machine.encls(0xd, memory.prepPageinfo, page, 0));
    enclave.pages.put(offset, page);
  }

  LeafResult secinfoLeaf(int leaf, long flags, long page) {
    byte[] secinfo = new byte[64];
    u64(secinfo, 0, flags);
    machine.write(memory.prepSecinfo, secinfo);
    return machine.encls(leaf, memory.prepSecinfo, page, 0);
  }

  void emodpr(Enclave enclave, long offset, long permissions) {
    done("EMODPR", secinfoLeaf(0xe, permissions | 2 << 8, enclave.page(offset)));
  }

  void emodt(Enclave enclave, long offset, int type) {
    done("EMODT", secinfoLeaf(0xf, (long) type << 8, enclave.page(offset)));
  }

  void eblock(Enclave enclave, long offset) {
    done("EBLOCK", machine.encls(9, 0, enclave.page(offset), 0));
  }

  void etrack(Enclave enclave) {
    done("ETRACK", machine.encls(0xc, 0, enclave.secs, 0));
  }

  /** EWB of a page that is ready for it, to the evictee's place in memory. */
  LeafResult ewb(long page, long slot) {
    return ewb(page, slot, memory.evicted, memory.pcmd);
  }

  LeafResult ewb(long page, long slot, long to, long pcmd) {
    machine.write(memory.prepPageinfo, new Pageinfo(0, to, pcmd, 0).toBytes());
    return machine.encls(0xb, memory.prepPageinfo, page, slot);
  }

  LeafResult eld(int leaf, Enclave enclave, long offset, long slot) {
    long page = enclave.newPage(offset);
    machine.write(
        memory.prepPageinfo,
        new Pageinfo(enclave.at(offset), memory.evicted, memory.pcmd, enclave.secs).toBytes());
    LeafResult result = machine.encls(leaf, memory.prepPageinfo, page, slot);
    if (result instanceof LeafResult.Done d && d.rax() == 0) {
      enclave.pages.put(offset, page);
    }
    return result;
  }

  /** Blocks, tracks and evicts a page; nobody is inside. */
  void evict(Enclave enclave, long offset, long slot) {
    eblock(enclave, offset);
    etrack(enclave);
    done("EWB", ewb(enclave.page(offset), slot));
    enclave.pages.remove(offset);
  }

  /** RDINFO.FLAGS; −1 if the page is not valid. */
  long epcm(long page) {
    LeafResult result = machine.encls(0x10, memory.rdinfo, page, 0);
    return result instanceof LeafResult.Done d && d.rax() == 0 ? u64(read(memory.rdinfo, 32), 8) : -1;
  }

  /** Fails the rule if a leaf in its preparation did not succeed. */
  static void done(String what, LeafResult result) {
    if (!(result instanceof LeafResult.Done d) || d.rax() != 0 && d.flags() != 0) {
      throw new Rule.Broken(what + " in preparation: " + result);
    }
  }

  static void require(boolean holds, String what) {
    if (!holds) {
      throw new Rule.Broken(what);
    }
  }

  static void equal(String what, long expected, long found) {
    if (expected != found) {
      throw new Rule.Broken(
          what + ": expected 0x" + Long.toHexString(expected) + ", found 0x" + Long.toHexString(found));
    }
  }

  /** EEXIT, if the probe is inside. */
  static void leave(LogicalProcessor cpu) {
    if (cpu.inside()) {
      cpu.command(Command.enclu(4, HOST_RIP, 0, 0));
    }
    if (cpu.inside()) {
      cpu.interrupt();
    }
  }

  /** The result of an ENCLU leaf that a probe was told to execute. */
  static LeafResult result(LogicalProcessor cpu, LogicalProcessor.Event event) {
    return switch (event) {
      case LogicalProcessor.Inside _ -> cpu.results().done();
      case LogicalProcessor.Aex(LeafResult.Fault fault, var _) when fault != null -> fault;
      default -> throw new Rule.Broken("unexpected " + event);
    };
  }

  /** A host's registers. */
  static Registers host(Enclave enclave, int thread) {
    return host(enclave.block(thread));
  }

  static Registers host(long block) {
    Registers r = new Registers();
    r.rip = HOST_RIP;
    r.rdi = block;
    r.rsp = block + Command.BLOCK - 64;
    r.rbp = 0x1122_3344_5566L;
    r.fsBase = HOST_FS;
    r.gsBase = HOST_GS;
    return r;
  }

  /** A block that no thread uses. */
  long spareBlock(Enclave enclave) {
    return enclave.block(15);
  }

  /** Writes enclave memory through the probe of thread 0, which waits inside. */
  void poke(Enclave enclave, long linear, byte[] bytes) {
    for (int i = 0; i < bytes.length; i += 8) {
      LogicalProcessor.Event event = cpu(0).command(Command.write(linear + i, u64(bytes, i)));
      if (!(event instanceof LogicalProcessor.Inside)) {
        throw new Rule.Broken("a write by the probe in preparation: " + event);
      }
    }
  }

  /** Reads enclave memory through the probe of thread 0. */
  long peek(long linear) {
    LogicalProcessor.Event event = cpu(0).command(Command.read(linear));
    if (!(event instanceof LogicalProcessor.Inside)) {
      throw new Rule.Broken("a read by the probe: " + event);
    }
    return cpu(0).results().rax();
  }

  /** An initialised enclave. */
  Enclave enclave() {
    return enclave(spec -> {});
  }

  /** An initialised debug enclave with thread 0 inside. */
  Enclave inside() {
    Enclave enclave = enclave(spec -> {});
    enclave.enter(0);
    return enclave;
  }

  /** An enclave as described. */
  Enclave enclave(Consumer<Spec> how) {
    Spec spec = new Spec();
    how.accept(spec);
    return new Building(this, spec).build();
  }

  void add(Enclave enclave) {
    enclaves.add(enclave);
  }

  @Override
  public void close() {
    holds.forEach(SgxMachine.Held::close);
    afterwards.forEach(Runnable::run);
    stage.processors.values().forEach(Scene::leave);
    for (Enclave enclave : enclaves) {
      enclave.handed.forEach(page -> machine.encls(3, 0, page, 0));
      machine.encls(3, 0, enclave.secs, 0);
    }
    for (long page : loose) {
      machine.encls(3, 0, page, 0);
      machine.release(page);
    }
  }
}
