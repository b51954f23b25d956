package org.enclavisor.app;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.enclavisor.app.bench.SmallestEnclave;
import org.enclavisor.linux.LinuxCapabilities;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code enclavisor doctor}: what this machine offers and lacks, and what to do about it. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Say what this machine offers to enclaves, what it lacks, and what to do about it.",
      "Runs a very small enclave on each platform to be sure."
    },
    footer = {"", "Exit status 1: a platform does not work here."})
final class DoctorCommand implements Callable<Integer> {
  private static final long FEW_MAPPINGS = 65_530;
  private static final int STRICT_OVERCOMMIT = 2;

  @Mixin private Output output;

  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<Map<String, String>> findings = new ArrayList<>();

  @Override
  public Integer call() {
    LinuxCapabilities machine = LinuxCapabilities.probe();
    output.line("machine");
    fact("processor", machine.processor());
    fact("processors", machine.processors());
    fact("kernel", "Linux " + machine.kernel());
    fact("java", Runtime.version().toString());
    fact("XCR0", "0x" + Long.toHexString(machine.xcr0()));
    fact("confidential VM", confidentialVm());
    fact("evidence", "none in this release: development mode, host-isolation: none");
    advise(machine);
    output.line("");
    output.line("platforms");
    SmallestEnclave enclave = smallestEnclave(machine);
    boolean stub = platform("stub", machine.lacksForStub(), () -> StubPlatform.open(StubOptions.DEFAULT), enclave);
    boolean ptrace = platform("ptrace", machine.lacksForPtrace(), PtracePlatform::open, enclave);
    if (!findings.isEmpty()) {
      output.line("");
      output.line("what to do");
      findings.forEach(finding -> output.line("  %s: %s", finding.get("what"), finding.get("remedy")));
    }
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("facts", facts);
    tree.put("stub", stub);
    tree.put("ptrace", ptrace);
    tree.put("findings", findings);
    output.value(tree);
    return stub && ptrace ? ExitCode.OK : ExitCode.NO;
  }

  private void fact(String name, Object value) {
    facts.put(name, value);
    output.line("  %-16s %s", name, value);
  }

  private void finding(String what, String remedy) {
    findings.add(Map.of("what", what, "remedy", remedy));
  }

  /** What works, but not as well as it could. */
  private void advise(LinuxCapabilities machine) {
    if (machine.processors() < 2) {
      finding("one processor", "calls take microseconds instead of a fraction of one; give the machine a second");
    }
    machine
        .overcommit()
        .stream()
        .filter(mode -> mode == STRICT_OVERCOMMIT)
        .forEach(
            _ ->
                finding(
                    "vm.overcommit_memory is 2", "enclaves with a large ELRANGE may be refused; set it to 0 or 1"));
    machine
        .mapCount()
        .stream()
        .filter(count -> count < FEW_MAPPINGS)
        .forEach(count -> finding("vm.max_map_count is " + count, "set it to " + FEW_MAPPINGS + " or more"));
  }

  /** SEV-SNP evidence has two ways out of a guest; neither is used yet. */
  private static String confidentialVm() {
    if (Files.exists(Path.of("/dev/sev-guest")) || Files.isDirectory(Path.of("/sys/kernel/config/tsm/report"))) {
      return "yes, as its device says (not used in this release)";
    }
    return "no: memory is not encrypted, and nobody vouches for this machine";
  }

  /** To be run on every platform. Its key is made anew, which takes a second or two: long enough to say so. */
  private static SmallestEnclave smallestEnclave(LinuxCapabilities machine) {
    Progress progress = new Progress("  making a key for a very small enclave ...");
    try {
      return new SmallestEnclave(MemorySegment.ofArray(new byte[0]), machine.xcr0());
    } finally {
      progress.clear();
    }
  }

  private boolean platform(
      String name, List<LinuxCapabilities.Lack> lacks, Supplier<Platform> open, SmallestEnclave enclave) {
    lacks.forEach(lack -> finding(name + " needs more: " + lack.what(), lack.remedy()));
    String verdict = lacks.isEmpty() ? attempt(open, enclave) : lacks.getFirst().what();
    boolean works = verdict.isEmpty();
    output.line(
        "  %-16s %s", name, works ? "works: an enclave was loaded, entered and left" : "does not work: " + verdict);
    return works;
  }

  /** What went wrong, or nothing. */
  private String attempt(Supplier<Platform> open, SmallestEnclave enclave) {
    try (Platform platform = open.get();
        Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
        SmallestEnclave.Loaded loaded = enclave.load(monitor)) {
      loaded.roundTrip(new Registers());
      return "";
    } catch (PlatformException | IllegalStateException e) {
      finding("an enclave could not be run", "report this: " + e.getMessage());
      return String.valueOf(e.getMessage());
    }
  }
}
