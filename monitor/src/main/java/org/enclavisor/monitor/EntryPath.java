package org.enclavisor.monitor;

import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.leaf.Aex;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Eenter;
import org.enclavisor.monitor.leaf.Eexit;
import org.enclavisor.monitor.leaf.EncluInstruction;
import org.enclavisor.monitor.leaf.Eresume;
import org.enclavisor.monitor.leaf.SingleStep;
import org.enclavisor.monitor.paging.LostPageException;
import org.enclavisor.monitor.paging.PagingException;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.ProcessDiedException;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * The way in and out: from EENTER or ERESUME over whatever the enclave does to EEXIT or an asynchronous exit. Runs on
 * the host's thread, many at once. Without events, a way that ends in EEXIT allocates nothing and takes no lock but the
 * TCS's word.
 */
final class EntryPath {
  private static final int PAGE = 4096;
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int EXECUTE = 4;
  private static final int DEBUG = 1;
  private static final int PAGE_FAULT = 14;
  private static final long TRAP_FLAG = 1L << 8;
  private static final int MAX_SERVINGS = 16;
  private static final int EEXIT = EncluLeaf.EEXIT.code();

  /** How often an entry brings back pages that it needs before it gives up. */
  private static final int MAX_ATTEMPTS = 1000;

  private final Cpu cpu;
  private final Enclu enclu;
  private final EntryGate gate;
  private final FaultService faults;
  private final Events events;
  private final Obituary obituary;

  /** Told of an enclave whose process died. */
  interface Obituary {
    void died(Enclave enclave, String reason);
  }

  EntryPath(Cpu cpu, EntryGate gate, FaultService faults, Events events, Obituary obituary) {
    this.cpu = cpu;
    this.enclu = new Enclu(cpu);
    this.gate = gate;
    this.faults = faults;
    this.events = events;
    this.obituary = obituary;
  }

  EnterOutcome enter(Enclave enclave, EnclaveId presented, EnterCall call, Registers registers) {
    SecsPage secs = enclave.secs();
    TcsPage tcs = secs.thread(call.tcs());
    boolean resume = call.leaf() == EncluLeaf.ERESUME;
    Outcome.Fault fault = check(secs, tcs, call, resume);
    for (int attempts = 0; fault != null && attempts < MAX_ATTEMPTS && served(enclave, tcs, call, fault, attempts);
        attempts++) {
      tcs = secs.thread(call.tcs());
      fault = check(secs, tcs, call, resume);
    }
    if (fault != null || tcs == null) {
      String death = enclave.death();
      return death != null ? new EnterOutcome.Dead(death) : refused(enclave, call, fault);
    }
    // The state before the generation: who is let in by the one has not missed a change of the other.
    EnclaveState state = enclave.life.state();
    String refusal = gate.refusal(presented, enclave.id(), state);
    if (refusal != null) {
      tcs.unlock();
      return refused(enclave, call, Outcome.gp(refusal));
    }
    ProcessorSlot slot;
    try {
      slot = tcs.processor != null ? tcs.processor : bind(enclave, tcs);
    } catch (ProcessDiedException e) {
      obituary.died(enclave, String.valueOf(e.getMessage()));
      return new EnterOutcome.Dead(String.valueOf(e.getMessage()));
    }
    if (slot == null) {
      tcs.unlock();
      return refused(enclave, call, Outcome.gp("all logical processors of the enclave are inside"));
    }
    long stay = tcs.departures;
    boolean finished = false;
    try {
      if (enclave.tables().stale()) {
        enclave.tables().flush();
      }
      if (resume) {
        fault = Eresume.commit(cpu, secs, tcs, slot, call.aep(), registers);
        if (fault != null) {
          finished = true;
          return refused(enclave, call, fault);
        }
        tcs.counts.resume();
      } else {
        Eenter.commit(secs, tcs, slot, call.aep(), registers);
        tcs.counts.enter();
      }
      if (events.wanted()) {
        events.tell(
            new MonitorEvent.Entered(enclave.id(), System.nanoTime(), tcs.address, call.leaf(), tcs.cssa));
      }
      EnterOutcome outcome =
          (!resume || tcs.notified) && SingleStep.pending(tcs, registers)
              ? steppedIn(enclave, secs, tcs, slot, registers)
              : run(enclave, secs, tcs, slot, registers);
      finished = true;
      return outcome;
    } catch (LostPageException e) {
      finished = true;
      return dead(enclave, tcs, String.valueOf(e.getMessage()));
    } catch (ProcessDiedException e) {
      if (tcs.departures != stay) {
        throw e;
      }
      finished = true;
      return dead(enclave, tcs, String.valueOf(e.getMessage()));
    } catch (PagingException e) {
      // The thread has left as by an interrupt, and can be resumed when there is room or the store works again.
      finished = tcs.departures != stay;
      throw e;
    } catch (IllegalStateException e) {
      if (enclave.life.state() != EnclaveState.DESTROYED) {
        throw e;
      }
      // The enclave was removed and its memory closed while this thread would not come out.
      return new EnterOutcome.Dead("removed while a thread was inside");
    } finally {
      if (!finished) {
        // A failure of the machine or of ours: what is left inside cannot be trusted to be resumable.
        obituary.died(enclave, "an entry failed in the monitor or the machine");
        if (tcs.departures == stay) { // else it has left, and the TCS may be another thread's by now
          tcs.leave();
        }
      }
    }
  }

  private Outcome.@Nullable Fault check(SecsPage secs, @Nullable TcsPage tcs, EnterCall call, boolean resume) {
    return resume
        ? Eresume.check(cpu, secs, tcs, call.tcs(), call.aep())
        : Eenter.check(cpu, secs, tcs, call.tcs(), call.aep());
  }

  /** Whether an entry was refused for want of a page that is there now. */
  private boolean served(
      Enclave enclave, @Nullable TcsPage tcs, EnterCall call, Outcome.Fault fault, int before) {
    if (enclave.life.state() == EnclaveState.DESTROYED) {
      return false;
    }
    try {
      return fault.vector() == Vector.PF
          ? faults.outside(enclave, fault, before)
          : faults.moving(enclave, tcs, call.tcs());
    } catch (LostPageException e) {
      obituary.died(enclave, String.valueOf(e.getMessage()));
      return false;
    }
  }

  private static @Nullable ProcessorSlot bind(Enclave enclave, TcsPage tcs) {
    boolean done = false;
    try {
      ProcessorSlot slot = enclave.bind(tcs);
      done = true;
      return slot;
    } finally {
      if (!done) {
        tcs.unlock();
      }
    }
  }

  private EnterOutcome run(Enclave enclave, SecsPage secs, TcsPage tcs, ProcessorSlot slot, Registers registers) {
    long servedPage = -1;
    int servings = 0;
    long kicks = tcs.kicks();
    while (true) {
      if (tcs.kickedSince(kicks) && slot.extended == Extended.KEEP && !faults.renew(enclave, tcs)) {
        String death = settle(tcs, slot, registers);
        return death != null ? dead(enclave, tcs, death) : interrupted(enclave, secs, tcs, slot, registers);
      }
      kicks = tcs.kicks();
      Extended extended = slot.extended;
      slot.extended = Extended.KEEP;
      Exit exit = slot.processor.enter(registers, extended);
      Outcome.Fault fault;
      switch (exit) {
        case Exit.Enclu _ -> {
          if ((int) registers.rax == EEXIT) {
            fault = Eexit.execute(tcs, registers);
            if (fault == null) {
              if (events.wanted()) {
                events.tell(new MonitorEvent.Exited(enclave.id(), System.nanoTime(), tcs.address));
              }
              return EnterOutcome.Exited.INSTANCE;
            }
          } else {
            fault = enclu(enclave, secs, tcs, slot, registers);
            if (fault == null) {
              registers.rip += EncluInstruction.BYTES;
              if (SingleStep.pending(tcs, registers)) {
                fault = SingleStep.TRAP;
              } else if (!tcs.stayInterrupted()) {
                continue;
              }
            }
          }
          String death = settle(tcs, slot, registers);
          if (death != null) {
            return dead(enclave, tcs, death);
          }
          if (fault == null) {
            return interrupted(enclave, secs, tcs, slot, registers);
          }
        }
        case Exit.Fault reported -> {
          int vector = reported.vector();
          long address = reported.address();
          long page = (address - secs.base()) / PAGE;
          if (vector == PAGE_FAULT && servings < MAX_SERVINGS && secs.contains(address)) {
            FaultService.Service service =
                serve(enclave, tcs, slot, registers, page, access(reported.errorCode()), false, 0);
            // A machine that goes on refusing what it was told to allow has a reason of its own: want of memory.
            servings = service != FaultService.Service.KNOWN ? 0 : page == servedPage ? servings + 1 : 1;
            servedPage = page;
            if (service != FaultService.Service.NONE) {
              if (tcs.stayInterrupted()) {
                return interrupted(enclave, secs, tcs, slot, registers);
              }
              continue;
            }
          }
          int bits = secs.bits(address);
          if (vector == PAGE_FAULT && faults.evicted(enclave, tcs, page, bits)) {
            continue; // it went when all was said but for the error code
          }
          if (vector == DEBUG && !tcs.optIn() && (registers.rflags & TRAP_FLAG) != 0) {
            // After an opt-out entry POPF cannot set TF: the step that it has led to did not happen.
            registers.rflags &= ~TRAP_FLAG;
            continue;
          }
          fault = MachineFault.architectural(secs, tcs, enclave.host, registers.rip, bits, reported);
        }
        case Exit.Interrupt _ -> {
          // A kick is nobody's business but the monitor's: the thread goes on, and counts as having entered anew.
          if (tcs.stayInterrupted() || !tcs.kickedSince(kicks)) {
            return interrupted(enclave, secs, tcs, slot, registers);
          }
          continue;
        }
        case Exit.Death(String reason) -> {
          return dead(enclave, tcs, reason);
        }
      }
      return faulted(enclave, secs, tcs, slot, registers, fault);
    }
  }

  private EnterOutcome faulted(
      Enclave enclave, SecsPage secs, TcsPage tcs, ProcessorSlot slot, Registers registers, Outcome.Fault fault) {
    long rip = registers.rip;
    Aex.execute(cpu, secs, tcs, slot, registers, fault.vector(), fault.code(), fault.address());
    asynchronousExit(enclave, tcs, fault.vector(), fault.code(), fault.address(), rip);
    return new EnterOutcome.Faulted(fault.vector(), fault.code(), Aex.outsideAddress(fault.address()));
  }

  /** EENTER with a step pending: it ends before the first instruction inside. */
  private EnterOutcome steppedIn(
      Enclave enclave, SecsPage secs, TcsPage tcs, ProcessorSlot slot, Registers registers) {
    String death = settle(tcs, slot, registers);
    return death != null
        ? dead(enclave, tcs, death)
        : faulted(enclave, secs, tcs, slot, registers, SingleStep.TRAP);
  }

  private static int access(int errorCode) {
    return (errorCode & Outcome.Fault.FETCH) != 0 ? EXECUTE : (errorCode & Outcome.Fault.WRITE) != 0 ? WRITE : READ;
  }

  /** What comes of a page fault, of an instruction or a leaf, before it is the architecture's. */
  private FaultService.Service serve(
      Enclave enclave, TcsPage tcs, ProcessorSlot slot, Registers registers, long page, int access, boolean leaf,
      int before) {
    boolean wanted = events.wanted();
    long start = wanted ? System.nanoTime() : 0;
    FaultService.Service service;
    try {
      service = faults.inside(enclave, tcs, page, access, leaf, before);
    } catch (PagingException e) {
      if (!leaf || settle(tcs, slot, registers) == null) {
        interrupted(enclave, enclave.secs(), tcs, slot, registers);
      }
      throw e;
    }
    if (service != FaultService.Service.NONE) {
      tcs.counts.serve();
      if (wanted) {
        long end = System.nanoTime();
        long address = enclave.secs().base() + page * PAGE;
        events.tell(new MonitorEvent.Served(enclave.id(), end, tcs.address, address, end - start));
      }
    }
    return service;
  }

  private EnterOutcome interrupted(
      Enclave enclave, SecsPage secs, TcsPage tcs, ProcessorSlot slot, Registers registers) {
    long rip = registers.rip;
    Aex.execute(cpu, secs, tcs, slot, registers, null, 0, 0);
    asynchronousExit(enclave, tcs, null, 0, 0, rip);
    return EnterOutcome.Interrupted.INSTANCE;
  }

  /** Leaves other than EEXIT. Null if the enclave goes on behind the instruction. */
  private Outcome.@Nullable Fault enclu(
      Enclave enclave, SecsPage secs, TcsPage tcs, ProcessorSlot slot, Registers registers) {
    boolean wanted = events.wanted();
    long start = wanted ? System.nanoTime() : 0;
    int number = (int) registers.rax;
    tcs.counts.leaf(number);
    Outcome outcome = enclu.execute(secs, tcs, registers);
    for (int servings = 0; servings < MAX_SERVINGS && outcome instanceof Outcome.Fault refused
        && refused.vector() == Vector.PF && secs.contains(refused.address()); servings++) {
      long page = (refused.address() - secs.base()) / PAGE;
      if (serve(enclave, tcs, slot, registers, page, access(refused.code()), true, servings)
          == FaultService.Service.NONE) {
        break;
      }
      outcome = enclu.execute(secs, tcs, registers);
    }
    if (wanted) {
      long end = System.nanoTime();
      EncluLeaf leaf = EncluLeaf.of(number).orElse(null);
      events.tell(new MonitorEvent.Enclu(enclave.id(), end, tcs.address, number, leaf, end - start, outcome));
    }
    return outcome instanceof Outcome.Fault fault ? fault : null;
  }

  /**
   * After ENCLU a machine need not have looked at the extended state, but an asynchronous exit has to save it. The
   * enclave is sent to its TCS page, which it can never execute: it faults at once, with its registers as they were.
   *
   * @return why the enclave died over it, or null
   */
  private static @Nullable String settle(TcsPage tcs, ProcessorSlot slot, Registers registers) {
    long rip = registers.rip;
    registers.rip = tcs.address;
    Extended extended = slot.extended;
    slot.extended = Extended.KEEP;
    Exit exit = slot.processor.enter(registers, extended);
    registers.rip = rip;
    return switch (exit) {
      case Exit.Fault _, Exit.Interrupt _ -> null;
      case Exit.Death(String reason) -> reason;
      case Exit.Enclu _ -> "the machine ran an ENCLU on a page that cannot be executed";
    };
  }

  private EnterOutcome dead(Enclave enclave, TcsPage tcs, String reason) {
    obituary.died(enclave, reason);
    tcs.leave();
    return new EnterOutcome.Dead(reason);
  }

  private EnterOutcome refused(Enclave enclave, EnterCall call, Outcome.@Nullable Fault fault) {
    Outcome.Fault why = fault != null ? fault : Outcome.gp("no TCS at 0x%x".formatted(call.tcs()));
    if (events.wanted()) {
      events.tell(new MonitorEvent.Refused(enclave.id(), System.nanoTime(), call.tcs(), call.leaf(), why));
    }
    return new EnterOutcome.Refused(why);
  }

  private void asynchronousExit(
      Enclave enclave, TcsPage tcs, @Nullable Vector vector, int errorCode, long address, long rip) {
    if (events.wanted()) {
      events.tell(
          new MonitorEvent.AsynchronousExit(
              enclave.id(), System.nanoTime(), tcs.address, vector, errorCode, address, rip));
    }
  }
}
