package org.enclavisor.conformance.rules;

import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.LogicalProcessor.Aex;
import org.enclavisor.conformance.LogicalProcessor.Event;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.probe.Command;

/** What enclave code may do with a page, seen by the probe trying. */
final class Access {
  static final int READ = 1;
  static final int WRITE = 2;
  static final int EXECUTE = 4;
  private static final int SGX = 1 << 15;

  private Access() {}

  private static Event attempt(Scene scene, Enclave enclave, long offset, int access) {
    long address = enclave.at(offset);
    return scene.cpu(0).command(switch (access) {
      case READ -> Command.read(address);
      case WRITE -> Command.write(address, 42);
      default -> Command.execute(address, enclave.at(Enclave.CODE + scene.machine.probe().backOffset()));
    });
  }

  /** The access works; thread 0 is inside before and after. */
  static void allowed(Scene scene, Enclave enclave, long offset, int access) {
    Event event = attempt(scene, enclave, offset, access);
    if (!(event instanceof LogicalProcessor.Inside)) {
      throw new Rule.Broken(name(access) + " at offset 0x" + Long.toHexString(offset) + ": " + event);
    }
  }

  /** The access faults because of the EPCM; thread 0 is outside afterwards. */
  static void refused(Scene scene, Enclave enclave, long offset, int access) {
    Event event = attempt(scene, enclave, offset, access);
    if (!(event instanceof Aex(LeafResult.Fault fault, var _)) || fault == null || fault.vector() != 14
        || (fault.errorCode() & SGX) == 0 || fault.address() != enclave.at(offset & -4096)) {
      throw new Rule.Broken(
          name(access) + " at offset 0x" + Long.toHexString(offset) + ": expected #PF with the SGX bit, found "
              + event);
    }
  }

  private static String name(int access) {
    return access == READ ? "a read" : access == WRITE ? "a write" : "an execution";
  }
}
