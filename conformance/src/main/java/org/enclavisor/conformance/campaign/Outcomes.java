package org.enclavisor.conformance.campaign;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Every outcome that the manual gives an operation: those that the campaign has to reach, and why it
 * cannot reach others.
 */
public final class Outcomes {
  private static final String CONFLICT = "SGX_EPC_PAGE_CONFLICT";

  /** What has to come up, by operation. */
  public static final Map<Op, List<String>> REACHABLE = reachable();

  /** What cannot come up: operation, outcome, reason. */
  public static final List<Unreachable> UNREACHABLE =
      List.of(
          new Unreachable("EINIT", "SGX_UNMASKED_EVENT", "the leaf is never interrupted"),
          new Unreachable("EUPDATESVN", "SGX_INSUFFICIENT_ENTROPY", "the generator of random numbers does not run dry"),
          new Unreachable("EUPDATESVN", "success", "no newer microcode can be loaded"),
          new Unreachable("EVERIFYREPORT2", "all but #GP", "the processor has no TDX, and no such leaf"));

  /** One that cannot come up. */
  public record Unreachable(String leaf, String outcome, String reason) {}

  private Outcomes() {}

  private static Map<Op, List<String>> reachable() {
    Map<Op, List<String>> map = new EnumMap<>(Op.class);
    for (Op op : Op.values()) {
      map.put(op, new ArrayList<>(List.of("success", "#GP", "#PF")));
    }
    map.put(Op.INTERRUPT, List.of("success"));
    map.put(Op.EEXIT, List.of("success", "#GP"));
    map.put(Op.READ, List.of("success", "#PF"));
    map.put(Op.WRITE, List.of("success", "#PF"));
    map.put(Op.EXECUTE, List.of("success", "#PF"));
    map.put(Op.EUPDATESVN, List.of("SGX_NO_UPDATE", "SGX_EPC_NOT_READY"));
    add(map, Op.EINIT, "SGX_INVALID_SIG_STRUCT", "SGX_INVALID_SIGNATURE", "SGX_INVALID_MEASUREMENT",
        "SGX_INVALID_ATTRIBUTE", "SGX_INVALID_EINITTOKEN", "SGX_INVALID_CPUSVN");
    add(map, Op.EREMOVE, "SGX_CHILD_PRESENT", "SGX_ENCLAVE_ACT");
    add(map, Op.EDBGRD, "SGX_PAGE_NOT_DEBUGGABLE");
    add(map, Op.EDBGWR, "SGX_PAGE_NOT_DEBUGGABLE");
    add(map, Op.ELDB, "SGX_MAC_COMPARE_FAIL");
    add(map, Op.ELDU, "SGX_MAC_COMPARE_FAIL");
    add(map, Op.ELDBC, "SGX_MAC_COMPARE_FAIL", CONFLICT);
    add(map, Op.ELDUC, "SGX_MAC_COMPARE_FAIL", CONFLICT);
    add(map, Op.EBLOCK, "SGX_BLKSTATE", "SGX_NOTBLOCKABLE", "SGX_PG_INVLD", "SGX_PG_IS_SECS", CONFLICT,
        "SGX_ENTRYEPOCH_LOCKED");
    add(map, Op.EWB, "SGX_PAGE_NOT_BLOCKED", "SGX_NOT_TRACKED", "SGX_VA_SLOT_OCCUPIED", "SGX_CHILD_PRESENT");
    add(map, Op.ETRACK, "SGX_PREV_TRK_INCMPL");
    add(map, Op.ETRACKC, "SGX_PREV_TRK_INCMPL", "SGX_PG_INVLD", "SGX_TRACK_NOT_REQUIRED", CONFLICT);
    add(map, Op.EMODPR, "SGX_PAGE_NOT_MODIFIABLE", CONFLICT);
    add(map, Op.EMODT, "SGX_PAGE_NOT_MODIFIABLE", CONFLICT);
    add(map, Op.ERDINFO, "SGX_PG_INVLD", "SGX_PG_NONEPC", CONFLICT);
    add(map, Op.EDECVIRTCHILD, "SGX_INVALID_COUNTER", CONFLICT);
    add(map, Op.EINCVIRTCHILD, CONFLICT);
    add(map, Op.ESETCONTEXT, CONFLICT);
    add(map, Op.EGETKEY, "SGX_INVALID_ATTRIBUTE", "SGX_INVALID_CPUSVN", "SGX_INVALID_ISVSVN", "SGX_INVALID_KEYNAME");
    add(map, Op.EACCEPT, "SGX_PAGE_ATTRIBUTES_MISMATCH", "SGX_NOT_TRACKED");
    add(map, Op.EACCEPTCOPY, "SGX_PAGE_ATTRIBUTES_MISMATCH");
    return map;
  }

  private static void add(Map<Op, List<String>> map, Op op, String... codes) {
    map.get(op).addAll(List.of(codes));
  }

  /** What came up less often than it has to, as text; nothing if all is well. */
  public static List<String> missing(Coverage coverage, long least) {
    List<String> missing = new ArrayList<>();
    REACHABLE.forEach(
        (op, outcomes) -> {
          for (String outcome : outcomes) {
            long count = coverage.count(op, outcome);
            if (count < least) {
              missing.add(op + " " + outcome + ": " + count);
            }
          }
        });
    return missing;
  }
}
