package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.isa.Pageinfo;

/**
 * A leaf that is about to be executed, with its operands as fields, so that a violation can change one of them. The
 * structures are written where the registers point when it is {@link #perform}ed. Mutable, confined to one thread.
 */
public final class Call {
  /** Which instruction. */
  enum Instruction {
    ENCLS,
    ENCLU,
    ENCLV,
    ENTRY
  }

  final Scene scene;
  final Instruction instruction;
  final int leaf;
  long rbx;
  long rcx;
  long rdx;

  /** Whether a PAGEINFO goes to RBX. */
  boolean pageinfo;
  long linAddr;
  long srcPge;
  long secinfo;
  long secs;

  /** Where SECINFO goes when there is no PAGEINFO.SECINFO; −1: nowhere. */
  long secinfoAt = -1;
  long secinfoFlags;
  /** A byte of SECINFO's reserved part. */
  int secinfoReserved;

  /** What goes to SRCPGE, TCS, SECS or data. */
  byte[] source = {};

  /** Whether EBLOCK, and ETRACK after it, are left out of the preparation. */
  boolean unblocked;
  boolean untracked;

  /** PCMD, which the leaf's own table writes to where PAGEINFO says; no SECINFO goes there then. */
  byte[] pcmd = {};
  boolean secinfoElsewhere;

  /** EINITTOKEN. */
  byte[] token = {};

  /** The enclave that the call is about. */
  final Enclave enclave;

  private final List<Consumer<Call>> before = new ArrayList<>();
  private final List<Consumer<Call>> low = new ArrayList<>();
  private final List<Consumer<Call>> after = new ArrayList<>();

  Call(Scene scene, Instruction instruction, int leaf, Enclave enclave) {
    this.scene = scene;
    this.instruction = instruction;
    this.leaf = leaf;
    this.enclave = enclave;
  }

  static Call encls(Scene scene, int leaf, Enclave enclave) {
    return new Call(scene, Instruction.ENCLS, leaf, enclave);
  }

  /** Something to do before the structures are written. */
  Call first(Consumer<Call> action) {
    before.add(action);
    return this;
  }

  /** A change of the low bits of an operand, whatever it has become by other violations. */
  Call low(Consumer<Call> action) {
    low.add(action);
    return this;
  }

  /** Something to do after the structures are written, just before the leaf. */
  Call last(Consumer<Call> action) {
    after.add(action);
    return this;
  }

  /** Prepares, writes the structures, executes. */
  LeafResult perform() {
    before.forEach(action -> action.accept(this));
    low.forEach(action -> action.accept(this));
    long to = pageinfo && !secinfoElsewhere ? secinfo : secinfoAt;
    if (to != -1) {
      byte[] bytes = new byte[64];
      Scene.u64(bytes, 0, secinfoFlags);
      bytes[32] = (byte) secinfoReserved;
      if (instruction == Instruction.ENCLU) {
        scene.poke(enclave, to, bytes);
      } else {
        scene.writeIfMapped(to, bytes);
      }
    }
    if (pageinfo) {
      if (source.length != 0) {
        scene.writeIfMapped(srcPge, source);
      }
      scene.writeIfMapped(rbx, new Pageinfo(linAddr, srcPge, secinfo, secs).toBytes());
    }
    after.forEach(action -> action.accept(this));
    return switch (instruction) {
      case ENCLS -> scene.machine.encls(leaf, rbx, rcx, rdx);
      case ENCLV -> scene.machine.enclv(leaf, rbx, rcx, rdx);
      case ENCLU -> Scene.result(enclave.cpu(0), enclave.cpu(0).command(Command.enclu(leaf, rbx, rcx, rdx)));
      case ENTRY -> entry();
    };
  }

  private LeafResult entry() {
    LogicalProcessor cpu = scene.cpu(1);
    // Whoever is resumed goes on with the block that it had.
    LogicalProcessor.Event event = cpu.enter(leaf, rbx, rcx, leaf == 3 ? enclave.block(0) : scene.spareBlock(enclave),
        Scene.host(enclave, 1));
    return switch (event) {
      case LogicalProcessor.Refused(LeafResult.Fault fault) -> fault;
      case LogicalProcessor.Inside _ -> new LeafResult.Done(0, 0, 0);
      case LogicalProcessor.Exited _ -> new LeafResult.Done(0, 0, 0);
      case LogicalProcessor.Aex(LeafResult.Fault fault, var _) ->
          throw new Rule.Broken("an asynchronous exit right after the entry: " + fault);
      case LogicalProcessor.Lost(String reason) -> throw new Rule.Broken("the machine lost the enclave: " + reason);
    };
  }
}
