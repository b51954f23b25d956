package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.Mac16;
import org.enclavisor.isa.Report;
import org.enclavisor.isa.Reportdata;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/** ENCLU[EREPORT]: makes a report of the enclave for another (SDM 3D, “EREPORT—Create a Cryptographic Report”). */
public final class Ereport {
  private static final int REPORTDATA_ALIGNMENT = 128;

  private Ereport() {}

  /**
   * @param rbx linear address of a TARGETINFO
   * @param rcx linear address of a REPORTDATA
   * @param rdx linear address where the REPORT goes
   */
  public static Outcome.@Nullable Fault execute(Cpu cpu, SecsPage secs, long rbx, long rcx, long rdx) {
    Outcome.Fault fault = check(secs, rbx, rcx, rdx);
    if (fault != null) {
      return fault;
    }
    MemorySegment memory = secs.memory().segment();
    Secs current = secs.secs();
    Report report =
        new Report(
            cpu.cpuSvn(),
            current.miscSelect(),
            0,
            secs.isvExtProdId(),
            current.attributes(),
            current.mrEnclave(),
            current.mrSigner(),
            current.configId(),
            current.isvProdId(),
            current.isvSvn(),
            current.configSvn(),
            secs.isvFamilyId(),
            Reportdata.of(copy(memory, rcx - secs.base(), Reportdata.BYTES)),
            cpu.reportKeyId(),
            Mac16.ZERO);
    Targetinfo target = target(copy(memory, rbx - secs.base(), Targetinfo.BYTES));
    try (Key128 key = cpu.keys().reportKey(target, cpu.reportKeyId(), cpu.cpuSvn())) {
      report.withMac(key).write(memory.asSlice(rdx - secs.base(), Report.BYTES));
    }
    return null;
  }

  /** What the leaf asks of its operands. */
  public static Outcome.@Nullable Fault check(SecsPage secs, long rbx, long rcx, long rdx) {
    Outcome.Fault fault = EnclaveOperand.readable(secs, rbx, Targetinfo.ALIGNMENT, "TARGETINFO");
    if (fault == null) {
      fault = EnclaveOperand.readable(secs, rcx, REPORTDATA_ALIGNMENT, "REPORTDATA");
    }
    if (fault == null) {
      fault = EnclaveOperand.writable(secs, rdx, Report.ALIGNMENT, "REPORT");
    }
    return fault;
  }

  private static byte[] copy(MemorySegment memory, long offset, int bytes) {
    return memory.asSlice(offset, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  /** The manual does not look at the reserved fields, so whatever an enclave left there must not matter. */
  private static Targetinfo target(byte[] bytes) {
    TargetinfoFields.clearReserved(bytes);
    return Targetinfo.read(MemorySegment.ofArray(bytes));
  }
}
