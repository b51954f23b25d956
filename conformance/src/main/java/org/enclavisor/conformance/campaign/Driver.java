package org.enclavisor.conformance.campaign;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.LogicalProcessor.Aex;
import org.enclavisor.conformance.LogicalProcessor.Event;
import org.enclavisor.conformance.LogicalProcessor.Exited;
import org.enclavisor.conformance.LogicalProcessor.Inside;
import org.enclavisor.conformance.LogicalProcessor.Refused;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.SgxError;
import org.jspecify.annotations.Nullable;

/** Executes steps on the machine and on the model, and compares. Confined to one thread. */
final class Driver {
  private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int PAGE = Layout.PAGE;
  private static final long AEP = 0x5000_0000_2000L;
  private static final long HOST_RIP = 0x5000_0000_1000L;
  private static final int CPUSVN_LE = 192;
  private static final long NOWHERE = 0x6660_0000_0000L;
  /** What the probe writes is easy to recognise. */
  static final long MARK = 0x5ec2_e700_0000_0000L;

  /** What a step came to. */
  record Done(String outcome, boolean success, @Nullable String difference) {}

  private final World world;
  private final Probe probe;

  Driver(World world) {
    this.world = world;
    probe = world.machine.probe();
  }

  /** Null if the step means nothing now. */
  @Nullable Done execute(Step step) {
    return switch (step.op()) {
      case EENTER, ERESUME -> enter(step);
      case INTERRUPT -> interrupt(step);
      case EEXIT, EREPORT, EGETKEY, EACCEPT, EMODPE, EACCEPTCOPY, EDECCSSA, READ, WRITE, EXECUTE -> command(step);
      case EDECVIRTCHILD, EINCVIRTCHILD, ESETCONTEXT -> enclv(step);
      default -> encls(step);
    };
  }

  private long rbx;
  private long rcx;
  private long rdx;

  private @Nullable Done encls(Step step) {
    World.Place place = world.places[step.enclave()];
    Op op = step.op();
    long base = 0;
    rbx = 0;
    rcx = page(place, step.page());
    rdx = 0;
    byte[] secinfo = new byte[64];
    switch (op) {
      case ECREATE -> {
        base = world.machine.elrange(Layout.SIZE);
        rcx = place.secs;
        pageinfo(new Pageinfo(0, world.source(), world.secinfo(), 0), secinfo, 0);
        world.write(world.source(), world.layout.secs(base, place.debug).toBytes());
      }
      case EADD -> {
        pageinfo(
            new Pageinfo(place.at(step.page()), world.source(), world.secinfo(), place.secs), secinfo,
            step.variant() == 0 ? world.layout.flags[step.page()] : Layout.SECINFO[step.variant()]);
        world.write(world.source(), world.layout.content[step.page()]);
      }
      case EEXTEND -> {
        rbx = place.secs;
        rcx += 256L * step.variant();
      }
      case EINIT -> {
        rbx = world.sigstruct();
        rcx = place.secs;
        rdx = world.token();
        world.write(rbx, world.layout.signature(step.variant()));
        byte[] token = new byte[512];
        token[0] = (byte) (step.variant() > 4 ? 1 : 0);
        token[CPUSVN_LE] = (byte) (step.variant() > 5 ? 1 : 0);
        world.write(rdx, token);
      }
      case EREMOVE, EBLOCK, ETRACKC -> {}
      case EDBGRD -> rcx += 8L * step.variant();
      case EDBGWR -> {
        rbx = step.variant() == 1 ? 0 : MARK + step.variant();
        rcx += 8L * step.variant();
      }
      case EPA -> {
        rbx = 3;
        rcx = world.arrays[step.page() % World.ARRAYS];
      }
      case EWB -> evict(step, place);
      case ELDB, ELDU, ELDBC, ELDUC -> load(step, place);
      case ETRACK -> rcx = place.secs;
      case EAUG -> pageinfo(new Pageinfo(place.at(step.page()), 0, 0, place.secs), secinfo, 0);
      case EMODPR, EMODT -> {
        rbx = world.secinfo();
        U64.set(secinfo, 0, Layout.SECINFO[step.variant()]);
        world.write(rbx, secinfo);
      }
      case ERDINFO -> rbx = world.rdinfo();
      case EUPDATESVN -> {}
      default -> throw new IllegalArgumentException(step.toString());
    }
    spoil(step.spoil());
    if (elsewhere(step, place)) {
      return null;
    }
    int tampered = tamper(step);
    List<SgxMachine.Held> held = hold(step.spoil(), place);
    LeafResult found = world.machine.encls(op.leaf(), rbx, rcx, rdx);
    LeafResult expected = world.model.encls(op.leaf(), rbx, rcx, rdx);
    held.forEach(SgxMachine.Held::close);
    if (tampered != 0) {
      tamper(step);
    }
    String difference = Compare.leaf(op, found, expected, op == Op.EDBGRD && world.model.contentUnknown(rcx & -PAGE));
    if (difference == null && expected instanceof LeafResult.Done done) {
      difference = follow(step, place, base, done);
    }
    return done(op, expected, difference);
  }

  /** Whether a page would go where it does not fit on a machine on which pages have their places. */
  private boolean elsewhere(Step step, World.Place place) {
    if (step.op() == Op.ECREATE && rcx == world.spare) {
      return true;
    }
    boolean load = step.op() == Op.ELDB || step.op() == Op.ELDU || step.op() == Op.ELDBC || step.op() == Op.ELDUC;
    if (load && (rcx & -PAGE) == (rdx & -PAGE)) {
      // Nowhere is it said whether the page conflicts with itself.
      return true;
    }
    if (!world.machine.features().homeFrames()) {
      return false;
    }
    boolean loose = rcx != NOWHERE && !(place.made && step.page() < Layout.PAGES && (rcx & -PAGE) != world.spare);
    return switch (step.op()) {
      case EADD, EAUG -> loose;
      case ELDB, ELDU, ELDBC, ELDUC -> {
        World.Record record = world.records[step.variant()];
        yield record.enclave < 0 ? loose : loose != record.page >= Layout.PAGES;
      }
      default -> false;
    };
  }

  private void pageinfo(Pageinfo pageinfo, byte[] secinfo, long flags) {
    rbx = world.pageinfo();
    U64.set(secinfo, 0, flags);
    world.write(rbx, pageinfo.toBytes());
    world.write(world.secinfo(), secinfo);
  }

  /** The EPC page of a place: beyond the ELRANGE the SECS, version arrays and an empty page. */
  private long page(World.Place place, int page) {
    return switch (page) {
      case Layout.PAGES -> place.secs;
      case Layout.PAGES + 1 -> world.arrays[0];
      case Layout.PAGES + 2 -> world.arrays[1];
      case Layout.PAGES + 3 -> world.spare;
      default -> place.made ? place.pages[page] : world.spare;
    };
  }

  private long slot(int record) {
    return world.arrays[record % World.ARRAYS] + 8L * (record / World.ARRAYS);
  }

  private void evict(Step step, World.Place place) {
    int record = step.variant();
    rbx = world.pageinfo();
    rdx = slot(record);
    world.write(rbx, new Pageinfo(0, world.evicted(record), world.pcmd(record), 0).toBytes());
  }

  private void load(Step step, World.Place place) {
    int record = step.variant();
    rbx = world.pageinfo();
    rdx = slot(record);
    world.write(
        rbx,
        new Pageinfo(step.page() < Layout.PAGES ? place.at(step.page()) : 0, world.evicted(record),
            world.pcmd(record), place.secs).toBytes());
  }

  /** Operands that are wrong: 1 to 7. */
  private void spoil(int how) {
    switch (how) {
      case 1 -> rbx += 8;
      case 2 -> rcx += 4;
      case 3 -> rcx = NOWHERE;
      case 4 -> rbx = NOWHERE;
      case 5 -> rdx += 4;
      case 6 -> rdx = NOWHERE;
      case 7 -> rcx = world.spare;
      default -> {}
    }
  }

  /** As if another leaf were at work meanwhile: 13 to 15. */
  private List<SgxMachine.Held> hold(int how, World.Place place) {
    long target = rbx != 0 && world.model.epcm(rbx & -PAGE) != -1 ? rbx & -PAGE : rcx & -PAGE;
    long secs = place.secs;
    boolean child = place.made && Arrays.stream(place.pages).anyMatch(page -> page == target);
    Hold kind = switch (how) {
      case 13 -> world.model.epcm(target) != -1 ? Hold.EXCLUSIVE : null;
      case 14 -> place.made && world.model.epcm(secs) != -1 ? Hold.TRACK : null;
      case 15 -> child ? Hold.CHANGE : null;
      default -> null;
    };
    if (kind == null || !world.machine.features().holds().contains(kind)) {
      return List.of();
    }
    long page = kind == Hold.TRACK ? secs : target;
    return List.of(world.machine.hold(page, kind), world.model.hold(page, kind));
  }

  /** A bit of a stored page, its PCMD or the operands is turned: 8 to 11; again, it is turned back. */
  private int tamper(Step step) {
    int record = step.variant() % World.RECORDS;
    long at = switch (step.spoil()) {
      case 8 -> world.evicted(record) + 777;
      case 9 -> world.pcmd(record) + 115;
      case 10 -> world.pcmd(record);
      case 11 -> world.secinfo() + 40;
      default -> 0;
    };
    if (at == 0) {
      return 0;
    }
    byte[] one = new byte[1];
    world.machine.read(at, one);
    one[0] ^= 4;
    world.machine.write(at, one);
    world.model.read(at, one);
    one[0] ^= 4;
    world.model.write(at, one);
    return 1;
  }

  /** What the operating system remembers of a success, and what else has to be the same. */
  private @Nullable String follow(Step step, World.Place place, long base, LeafResult.Done done) {
    boolean ok = done.rax() == 0;
    boolean evicted = ok || done.rax() == SgxError.SGX_VA_SLOT_OCCUPIED.code();
    switch (step.op()) {
      case ECREATE -> world.made(place, base);
      case EREMOVE -> {
        if (ok && rcx == place.secs && place.made) {
          world.gone(place);
        }
      }
      case ERDINFO -> {
        return ok ? Compare.memory(world, rbx, 24, "RDINFO") : null;
      }
      case EWB -> {
        return evicted ? evicted(step) : null;
      }
      case ELDB, ELDU, ELDBC, ELDUC -> {
        if (ok) {
          world.records[step.variant()].enclave = -1;
        }
      }
      default -> {}
    }
    return null;
  }

  private @Nullable String evicted(Step step) {
    int number = step.variant();
    World.Record record = world.records[number];
    record.enclave = step.enclave();
    record.page = step.page();
    byte[] page = new byte[PAGE];
    world.machine.read(world.evicted(number), page);
    for (int at = 0; at < PAGE; at += 8) {
      if (((long) U64.get(page, at) & 0xffff_ffff_0000_0000L) == MARK) {
        return "what the enclave wrote is in the stored page, at " + at;
      }
    }
    String difference = Compare.memory(world, world.pageinfo(), 8, "PAGEINFO.LINADDR");
    return difference != null ? difference : Compare.memory(world, world.pcmd(number), 64, "PCMD.SECINFO");
  }

  private Done enclv(Step step) {
    World.Place place = world.places[step.enclave()];
    Op op = step.op();
    if (op == Op.ESETCONTEXT) {
      rbx = 0;
      rcx = place.secs;
      rdx = world.secinfo() + 512;
      byte[] context = new byte[8];
      U64.set(context, 0, place.secs + step.variant());
      world.write(rdx, context);
    } else {
      rbx = page(place, step.page());
      rcx = place.secs;
      rdx = 0;
    }
    spoil(step.spoil());
    List<SgxMachine.Held> held = hold(step.spoil(), place);
    LeafResult found = world.machine.enclv(op.leaf(), rbx, rcx, rdx);
    LeafResult expected = world.model.enclv(op.leaf(), rbx, rcx, rdx);
    held.forEach(SgxMachine.Held::close);
    return done(op, expected, Compare.leaf(op, found, expected, false));
  }

  private static Done done(Op op, LeafResult result, @Nullable String difference) {
    String name = name(op, result);
    return new Done(name, name.equals("success"), difference);
  }

  /** How a leaf ended, in a word. */
  static String name(Op op, LeafResult result) {
    return switch (result) {
      case LeafResult.Done d when d.rax() == 0 || op.inside() && d.rax() == op.leaf() -> "success";
      case LeafResult.Done d -> SgxError.of((int) d.rax()).map(Enum::name).orElse("rax=" + d.rax());
      case LeafResult.Fault f when f.vector() == 13 -> "#GP";
      case LeafResult.Fault f when f.vector() == 14 -> "#PF";
      case LeafResult.Fault f -> "#" + f.vector();
    };
  }

  private Registers host(long block) {
    Registers r = new Registers();
    r.rip = HOST_RIP;
    r.rdi = block;
    r.rsp = block + Command.BLOCK - 64;
    r.rbp = 0x1122_3344L;
    r.fsBase = 0x5000_0002_0000L;
    r.gsBase = 0x5000_0003_0000L;
    return r;
  }

  private @Nullable Done enter(Step step) {
    World.Cpu cpu = world.cpus[step.cpu()];
    World.Place place = world.places[step.enclave()];
    if (cpu.enclave >= 0 || !place.made) {
      return null;
    }
    long tcs = place.at(step.page()) + (step.spoil() == 1 ? 64 : 0);
    long aep = step.spoil() == 2 ? 1L << 61 : AEP;
    if (step.spoil() == 3) {
      tcs = NOWHERE;
    }
    // The block of whoever is inside by this TCS must not be touched.
    boolean active = world.model.active(page(place, step.page()));
    long block = place.block(active ? 0 : step.page());
    Event found = cpu.machine.enter(step.op().leaf(), tcs, aep, block, host(block));
    look(found);
    Event expected = cpu.model.enter(step.op().leaf(), tcs, aep, block, host(block));
    return after(step, cpu, found, expected, step.enclave(), step.page());
  }

  /** What is open in the manual, the machine decides: whether an old translation is still there. */
  private void look(Event found) {
    world.model.staleWorks(found instanceof Inside);
  }

  private @Nullable Done interrupt(Step step) {
    World.Cpu cpu = world.cpus[step.cpu()];
    if (cpu.enclave < 0) {
      return null;
    }
    return after(step, cpu, cpu.machine.interrupt(), cpu.model.interrupt(), cpu.enclave, cpu.tcs);
  }

  private @Nullable Done command(Step step) {
    World.Cpu cpu = world.cpus[step.cpu()];
    if (cpu.enclave < 0) {
      return null;
    }
    Command command = command(step, world.places[cpu.enclave]);
    Event found = cpu.machine.command(command);
    look(found);
    return after(step, cpu, found, cpu.model.command(command), cpu.enclave, cpu.tcs);
  }

  private Command command(Step step, World.Place place) {
    long page = place.at(step.page());
    rbx = 0;
    rcx = page;
    rdx = 0;
    switch (step.op()) {
      case READ, WRITE, EXECUTE -> {
        long address = page + (step.op() == Op.EXECUTE ? 0 : 8L * step.variant());
        return switch (step.op()) {
          case READ -> Command.read(address);
          case WRITE -> Command.write(address, MARK | step.variant());
          default -> Command.execute(address, place.at(0) + probe.backOffset());
        };
      }
      case EEXIT -> rbx = step.spoil() == 1 ? 1L << 60 : HOST_RIP;
      case EREPORT -> {
        rbx = place.at(Layout.KEYS);
        rcx = place.at(step.variant() == 0 ? Layout.KEYS : step.page() % Layout.PAGES);
        // What is made up by the machine goes where nobody takes it for something else.
        rdx = place.at(step.variant() == 1 ? Layout.TCS : Layout.RWX) + 2048;
      }
      case EGETKEY -> {
        rbx = place.at(Layout.KEYS) + 512L * (step.variant() % 8);
        rcx = place.at(step.variant() > 8 ? step.page() % 2 * Layout.TCS : Layout.RWX) + 2048;
      }
      case EACCEPT, EMODPE, EACCEPTCOPY -> {
        rbx = place.at(Layout.SECINFOS) + 64L * step.variant();
        rdx = place.at(step.spoil() == 12 ? Layout.TEMPLATE : Layout.RWX);
      }
      default -> {}
    }
    switch (step.spoil()) {
      case 2 -> rcx += 8;
      case 3 -> rcx = NOWHERE;
      case 4 -> rbx = place.at(Layout.TCS);
      case 5 -> rdx += 8;
      default -> {}
    }
    return Command.enclu(step.op().leaf(), rbx, rcx, rdx);
  }

  private Done after(Step step, World.Cpu cpu, Event found, Event expected, int enclave, int tcs) {
    String difference = Compare.event(step.op(), cpu, found, expected, world.model.readUnknown());
    cpu.enclave = expected instanceof Inside ? enclave : -1;
    cpu.tcs = tcs;
    Done done = switch (expected) {
      case Inside _ -> done(step.op(), inside(step.op(), cpu.model), difference);
      case Exited _ -> new Done("success", true, difference);
      case Aex(LeafResult.Fault fault, var _) when fault != null -> done(step.op(), fault, difference);
      case Aex _ -> new Done("success", true, difference);
      case Refused(LeafResult.Fault fault) -> done(step.op(), fault, difference);
      case LogicalProcessor.Lost lost -> new Done("lost", false, lost.reason());
    };
    return done;
  }

  private static LeafResult inside(Op op, LogicalProcessor cpu) {
    return op == Op.READ || op == Op.WRITE || op == Op.EXECUTE || op == Op.EENTER || op == Op.ERESUME
        ? new LeafResult.Done(0, 0, 0) : cpu.results().done();
  }

  /** The whole EPCM as ERDINFO shows it, against the model's. */
  @Nullable String sweep() {
    for (int enclave = 0; enclave < World.ENCLAVES; enclave++) {
      World.Place place = world.places[enclave];
      for (int page = place.made ? 0 : Layout.PAGES; page < Layout.PAGES + 4; page++) {
        String difference = look(page(place, page));
        if (difference != null) {
          return "enclave " + enclave + " page " + page + ": " + difference;
        }
      }
    }
    return null;
  }

  private @Nullable String look(long page) {
    LeafResult result = world.machine.encls(0x10, world.rdinfo(), page, 0);
    byte[] info = new byte[24];
    world.machine.read(world.rdinfo(), info);
    long flags = result instanceof LeafResult.Done d && d.rax() == 0 ? (long) U64.get(info, 8) : -1;
    if (flags != world.model.epcm(page)) {
      return "EPCM 0x" + Long.toHexString(flags) + ", should be 0x" + Long.toHexString(world.model.epcm(page));
    }
    long owner = flags == -1 ? 0 : (long) U64.get(info, 16);
    return owner == world.model.owner(page) ? null
        : "belongs to 0x" + Long.toHexString(owner) + ", should to 0x" + Long.toHexString(world.model.owner(page));
  }
}
