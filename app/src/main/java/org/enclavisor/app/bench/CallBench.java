package org.enclavisor.app.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.OcallContext;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Whole calls, from a Java interface through the EDL's marshalling into the enclave's own dispatcher and back. An
 * OCALL's cost is what each further one adds to an ECALL that makes many.
 */
final class CallBench {
  static final String GROUP = "calls";

  private static final int SAMPLES = 31;
  private static final int OCALLS = 100;

  private final Clock clock;
  private final Path examples;

  CallBench(Clock clock, Path examples) {
    this.clock = clock;
    this.examples = examples;
  }

  /** The ECALLs of examples/calls that are timed. */
  public interface Calls {
    void nothing();

    int add(int a, int b);

    long length(String text);

    void repeat_ocall(long n);
  }

  /**
   * @param platform is closed at the end
   * @param mode how the platform waits, for the rows' names
   * @param roundTrip what EENTER and EEXIT alone cost there
   */
  List<Row> run(Platform platform, String mode, Row roundTrip, int batch) throws Exception {
    List<Row> rows = new ArrayList<>();
    Path folder = examples.resolve("calls");
    try (Enclavisor enclavisor = Enclavisor.open(platform);
        Enclave enclave =
            enclavisor.load(folder.resolve("calls.signed.so"), Edl.read(folder.resolve("calls.edl")))) {
      Calls calls = enclave.bind(Calls.class, (OcallHandler) CallBench::nothing);
      for (int i = 0; i < 300 * batch; i++) {
        calls.nothing(); // compiles the way
        calls.add(i, 1);
      }
      Row ecall = clock.time(GROUP, "ECALL without arguments, " + mode, SAMPLES, batch, calls::nothing);
      rows.add(ecall.against(roundTrip));
      rows.add(clock.time(GROUP, "ECALL add(int, int), " + mode, SAMPLES, batch, () -> calls.add(40, 2)));
      rows.add(clock.time(GROUP, "ECALL length(string), " + mode, SAMPLES, batch, () -> calls.length("a text")));
      int fewer = Math.max(1, batch / OCALLS);
      for (int i = 0; i < 100 * fewer; i++) {
        calls.repeat_ocall(OCALLS);
      }
      Row many =
          clock.time(GROUP, "many OCALLs", SAMPLES, fewer, () -> calls.repeat_ocall(OCALLS));
      double one = (many.nanos() - ecall.nanos()) / OCALLS;
      rows.add(clock.row(GROUP, "OCALL without arguments, " + mode, one).against(roundTrip));
    }
    return rows;
  }

  private static @Nullable Object nothing(OcallContext context, Map<String, @Nullable Object> arguments) {
    return null;
  }
}
