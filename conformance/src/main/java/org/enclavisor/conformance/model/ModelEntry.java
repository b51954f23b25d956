package org.enclavisor.conformance.model;

import static org.enclavisor.conformance.model.ModelAnswer.gp;
import static org.enclavisor.conformance.model.ModelAnswer.pf;

import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor.Aex;
import org.enclavisor.conformance.LogicalProcessor.Event;
import org.enclavisor.conformance.LogicalProcessor.Exited;
import org.enclavisor.conformance.LogicalProcessor.Inside;
import org.enclavisor.conformance.LogicalProcessor.Refused;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.isa.Attributes;
import org.jspecify.annotations.Nullable;

/** EENTER, ERESUME, EEXIT, asynchronous exits, and the probe inside. */
final class ModelEntry {
  private static final int PAGE = 4096;
  private static final int ENTRY_AREA = 128;
  private static final int OUT = 40;

  private final Model model;

  ModelEntry(Model model) {
    this.model = model;
  }

  /** All checks of EENTER (2) and ERESUME (3); null if there is nothing against it. */
  @Nullable LeafResult check(int leaf, long rbx, long rcx) {
    if ((rbx & PAGE - 1) != 0) {
      return gp();
    }
    ModelSecs secs = model.enclaveAt(rbx);
    ModelPage page = secs == null ? null : secs.children.get(rbx);
    if (page == null && (secs == null || !model.resolves())) {
      return pf(rbx);
    }
    if (rcx << 16 >> 16 != rcx) {
      return gp();
    }
    if (page == null || secs == null) {
      return pf(rbx);
    }
    if (model.shared(page) != null) {
      return gp();
    }
    ModelThread tcs = page.thread;
    if (page.blocked || page.type != ModelPage.PT_TCS || page.pending || page.modified || tcs == null) {
      return pf(rbx);
    }
    long base = secs.secs.baseAddr();
    long fs = tcs.u64(ModelThread.OFSBASE);
    long gs = tcs.u64(ModelThread.OGSBASE);
    if (((tcs.u64(ModelThread.OSSA) | fs | gs) & PAGE - 1) != 0) {
      return gp();
    }
    boolean enter = leaf == 2;
    if (enter && !(canonical(base + fs) && canonical(base + gs))) {
      return gp();
    }
    long known = 1 | (secs.has(Attributes.AEXNOTIFY) ? 2 : 0);
    if ((tcs.u64(ModelThread.FLAGS) & ~known) != 0 || !secs.initialised || !secs.has(Attributes.MODE64BIT)) {
      return gp();
    }
    int cssa = tcs.cssa();
    if (enter ? Integer.compareUnsigned(cssa, tcs.u32(ModelThread.NSSA)) >= 0 : cssa == 0) {
      return gp();
    }
    LeafResult refused = frame(tcs, enter ? cssa : cssa - 1);
    if (refused != null) {
      return refused;
    }
    return enter && !canonical(base + tcs.u64(ModelThread.OENTRY)) || tcs.active ? gp() : null;
  }

  private static boolean canonical(long address) {
    return address << 16 >> 16 == address;
  }

  /** The pages of an SSA frame: of the XSAVE area, then of the GPR area. */
  @Nullable LeafResult frame(ModelThread tcs, int index) {
    ModelSecs secs = tcs.page.secs();
    long frameBytes = (long) secs.secs.ssaFrameSize() * PAGE;
    long ssa = secs.secs.baseAddr() + tcs.u64(ModelThread.OSSA) + frameBytes * Integer.toUnsignedLong(index);
    for (long at = ssa; at < ssa + secs.xsaveBytes; at += PAGE) {
      if (!frameful(secs, at)) {
        return pf(at);
      }
    }
    long gpr = ssa + frameBytes - 184;
    return frameful(secs, gpr) ? null : pf(gpr);
  }

  private static boolean frameful(ModelSecs secs, long linear) {
    ModelPage page = secs.children.get(linear & -PAGE);
    if (page != null) {
      page.opaque = true;
    }
    return page != null && (page.access() & 3) == 3;
  }

  Event enter(int leaf, long rbx, long rcx, long block, Registers host) {
    model.memory.u64(block + Command.TURN, Command.of(Command.Kind.ENTRY).turn()[0]);
    LeafResult refused = check(leaf, rbx, rcx);
    if (refused instanceof LeafResult.Fault fault) {
      return new Refused(fault);
    }
    ModelSecs secs = model.enclaveAt(rbx);
    ModelPage page = secs == null ? null : secs.children.get(rbx);
    ModelThread tcs = page == null ? null : page.thread;
    if (secs == null || page == null || tcs == null) {
      throw new IllegalStateException("checked before");
    }
    tcs.active = true;
    tcs.epoch = secs.epoch;
    tcs.enteredAt = model.now;
    tcs.aep = rcx;
    ModelMemory.U64.set(page.content, ModelThread.AEP, rcx);
    if (leaf == 2) {
      tcs.block = block;
      tcs.host = host.copy();
      model.memory.u64(block + ENTRY_AREA, host.rsp);
      model.memory.u64(block + ENTRY_AREA + 8, host.rbp);
      model.memory.u64(block + ENTRY_AREA + 16, host.rip + 3);
      model.memory.u64(block + ENTRY_AREA + 24, Integer.toUnsignedLong(tcs.cssa()));
      return run(tcs, null);
    }
    int cssa = tcs.cssa() - 1;
    tcs.cssa(cssa);
    ModelThread.Frame frame = tcs.frame(cssa);
    if (frame == null) {
      throw new IllegalStateException("an SSA frame that no asynchronous exit has written");
    }
    tcs.block = frame.block();
    tcs.host = host.copy();
    tcs.host.rsp = frame.host().rsp;
    tcs.host.rbp = frame.host().rbp;
    return run(tcs, frame.command());
  }

  /** Carries out what the block says until the probe waits or is outside. */
  Event run(ModelThread tcs, @Nullable Command resumed) {
    Command next = resumed;
    while (true) {
      if (next == null) {
        long turn = model.memory.u64(tcs.block + Command.TURN);
        if (turn == 0) {
          return Inside.INSTANCE;
        }
        next =
            new Command(
                Command.Kind.values()[(int) turn - 1],
                model.memory.u64(tcs.block + 8), model.memory.u64(tcs.block + 16),
                model.memory.u64(tcs.block + 24), model.memory.u64(tcs.block + 32));
      }
      Event out = carryOut(tcs, next);
      if (out != null) {
        return out;
      }
      model.memory.u64(tcs.block + Command.TURN, 0);
      next = null;
    }
  }

  private @Nullable Event carryOut(ModelThread tcs, Command c) {
    return switch (c.kind()) {
      case ENCLU -> enclu(tcs, c);
      case READ -> access(tcs, c, 1);
      case WRITE -> access(tcs, c, 2);
      case EXECUTE -> access(tcs, c, 4);
      case UD2, PATTERN -> aex(tcs, new LeafResult.Fault(6, 0, 0), c);
      case DIVIDE -> aex(tcs, new LeafResult.Fault(0, 0, 0), c);
      // After an opt-out entry, INT3 is no instruction.
      case INT3 -> aex(tcs, new LeafResult.Fault((tcs.u64(ModelThread.FLAGS) & 1) != 0 ? 3 : 6, 0, 0), c);
      case HLT -> aex(tcs, gp(), c);
      case BASES -> {
        long base = tcs.page.secs().secs.baseAddr();
        out(tcs, base + tcs.u64(ModelThread.OFSBASE), base + tcs.u64(ModelThread.OGSBASE), c.rcx(), c.rdx(), 0);
        yield null;
      }
      case ENTRY -> {
        long area = tcs.block + ENTRY_AREA;
        out(tcs, model.memory.u64(area), model.memory.u64(area + 8), model.memory.u64(area + 16),
            model.memory.u64(area + 24), 0);
        yield null;
      }
    };
  }

  private void out(ModelThread tcs, long rax, long rbx, long rcx, long rdx, long flags) {
    long at = tcs.block + OUT;
    model.memory.u64(at, rax);
    model.memory.u64(at + 8, rbx);
    model.memory.u64(at + 16, rcx);
    model.memory.u64(at + 24, rdx);
    model.memory.u64(at + 32, flags);
  }

  private @Nullable Event enclu(ModelThread tcs, Command c) {
    LeafResult result = model.user.execute(tcs, c.rax(), c.rbx(), c.rcx(), c.rdx());
    return switch (result) {
      case null -> exit(tcs, c);
      case LeafResult.Fault fault -> aex(tcs, fault, c);
      case LeafResult.Done done -> {
        out(tcs, done.rax(), c.rbx(), c.rcx(), c.rdx(), done.flags());
        yield null;
      }
    };
  }

  private static Event exit(ModelThread tcs, Command c) {
    tcs.active = false;
    Registers registers = tcs.host.copy();
    registers.rip = c.rbx();
    registers.rbx = c.rbx();
    registers.rdx = c.rdx();
    registers.rdi = tcs.block;
    registers.rcx = tcs.aep;
    registers.rax = 4;
    return new Exited(registers);
  }

  private @Nullable Event access(ModelThread tcs, Command c, int kind) {
    ModelSecs secs = tcs.page.secs();
    if (!secs.contains(c.rbx())) {
      return outside(tcs, c, kind);
    }
    ModelPage page = secs.children.get(c.rbx() & -PAGE);
    int offset = (int) (c.rbx() & PAGE - 1);
    boolean allowed = page != null && (page.access() & kind) != 0;
    boolean stale =
        page != null && !allowed && (page.before & kind) != 0 && tcs.enteredAt < page.shrunkAt && model.staleWorks;
    if (page == null || !allowed && !stale) {
      // Where there is no page the page tables have nothing to offer, before the EPCM is asked.
      int code = (page == null ? 0 : ModelAnswer.SGX)
          | (kind == 2 ? ModelAnswer.WRITE : kind == 4 ? ModelAnswer.FETCH : 0);
      return aex(tcs, new LeafResult.Fault(ModelAnswer.PF, code, c.rbx() & -PAGE), c);
    }
    long rax = c.rax();
    switch (kind) {
      case 1 -> {
        rax = ModelBuild.u64(page.content, offset);
        model.lastReadOpaque = page.opaque;
      }
      case 2 -> ModelMemory.U64.set(page.content, offset, c.rax());
      default -> {
        byte[] back = Probe.comeBack();
        for (int i = 0; i < back.length; i++) {
          if (page.content[offset + i] != back[i]) {
            throw new IllegalStateException("the probe was sent to what is not code");
          }
        }
      }
    }
    out(tcs, rax, c.rbx(), c.rcx(), c.rdx(), 0);
    return null;
  }

  private @Nullable Event outside(ModelThread tcs, Command c, int kind) {
    if (kind == 4) {
      return aex(tcs, gp(), c);
    }
    if (!model.memory.mapped(c.rbx(), 8)) {
      return aex(tcs, new LeafResult.Fault(ModelAnswer.PF, kind == 2 ? ModelAnswer.WRITE : 0, c.rbx() & -PAGE), c);
    }
    long rax = c.rax();
    if (kind == 1) {
      rax = model.memory.u64(c.rbx());
    } else {
      model.memory.u64(c.rbx(), c.rax());
    }
    out(tcs, rax, c.rbx(), c.rcx(), c.rdx(), 0);
    return null;
  }

  /** An asynchronous exit: the frame, the synthetic state, CSSA. */
  Event aex(ModelThread tcs, LeafResult.@Nullable Fault fault, @Nullable Command command) {
    int cssa = tcs.cssa();
    tcs.frame(cssa, new ModelThread.Frame(tcs.block, command, tcs.host));
    tcs.cssa(cssa + 1);
    tcs.active = false;
    Registers r = new Registers();
    r.rax = 3;
    r.rbx = tcs.page.linear;
    r.rcx = tcs.aep;
    r.rsp = tcs.host.rsp;
    r.rbp = tcs.host.rbp;
    r.rip = tcs.aep;
    r.fsBase = tcs.host.fsBase;
    r.gsBase = tcs.host.gsBase;
    LeafResult.Fault seen = fault == null || fault.vector() != ModelAnswer.PF ? fault
        : new LeafResult.Fault(fault.vector(), fault.errorCode(), fault.address() & -PAGE);
    return new Aex(seen, r);
  }
}
