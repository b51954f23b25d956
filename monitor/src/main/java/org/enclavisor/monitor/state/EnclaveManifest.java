package org.enclavisor.monitor.state;

import java.util.List;
import java.util.OptionalLong;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Secs;

/**
 * All of an enclave's state that is not of a single page.
 *
 * @param instance which enclave
 * @param machine what it needs of a machine
 * @param secs the SECS
 */
public record EnclaveManifest(Instance instance, MachineNeeds machine, SecsState secs) {

  /**
   * Which enclave, and which life of it.
   *
   * @param name random, drawn when it was first stopped; the same in every life and on every machine
   * @param number of the instance on the machine that wrote this
   * @param generation of the life that ended when it was stopped
   */
  public record Instance(Id16 name, long number, int generation) {}

  /**
   * What an enclave needs of a machine.
   *
   * @param untrustedBase linear address of the memory that it shares with its host
   * @param untrustedBytes size of that memory, whose content is not part of the state
   * @param maxThreads how many threads may be inside at once
   * @param components where the components of its XFRM lie in an XSAVE area, from the second on: saved frames are of
   *     this shape
   */
  public record MachineNeeds(long untrustedBase, long untrustedBytes, int maxThreads, List<Component> components) {
    public MachineNeeds {
      components = List.copyOf(components);
    }
  }

  /** A component of the extended state. */
  public record Component(int number, int offset, int bytes) {}

  /**
   * A SECS with what the processor keeps in it unseen.
   *
   * @param secs the architectural fields, with the identity
   * @param eid SECS.EID
   * @param epoch of tracking
   * @param context ENCLAVECONTEXT; empty if it is the address of the SECS itself
   * @param virtualChildren VIRTCHILDCNT
   * @param isvFamilyId ISVFAMILYID
   * @param isvExtProdId ISVEXTPRODID
   */
  public record SecsState(
      Secs secs,
      long eid,
      long epoch,
      OptionalLong context,
      long virtualChildren,
      Id16 isvFamilyId,
      Id16 isvExtProdId) {}

  /**
   * A TCS nobody is inside on.
   *
   * @param page its number from the base
   * @param tcs its first 72 bytes, CSSA and AEP among them
   * @param savedFsBase CR_SAVE_FS_base of the last stay
   * @param savedGsBase CR_SAVE_GS_base
   * @param savedTf CR_SAVE_TF
   */
  public record ThreadState(long page, byte[] tcs, long savedFsBase, long savedGsBase, long savedTf) {
    /** Bytes of a TCS that are not reserved, on a processor without CET. */
    public static final int TCS_BYTES = StateFormat.TCS_BYTES;

    public ThreadState {
      tcs = tcs.clone();
    }

    @Override
    public byte[] tcs() {
      return tcs.clone();
    }
  }

  /** From a page on, until the next run, the host allows this: 1 read, 2 write, 4 execute, 8 if it said so itself. */
  public record Mapping(long page, int access) {}
}
