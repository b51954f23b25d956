package org.enclavisor.app;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.enclavisor.app.bench.Times;
import org.enclavisor.host.CallResult;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.OcallContext;
import org.jspecify.annotations.Nullable;

/** Calls an enclave as the command line does, and shows each call, what it printed, and what came of it. One thread. */
final class Session {
  /** So many OCALLs that nobody serves are named for each call; what is printed is printed whole. */
  private static final int MOST_UNSERVED = 20;

  private final Output output;
  private final List<Map<String, Object>> calls = new ArrayList<>();
  private List<String> printed = new ArrayList<>();
  private boolean asExpected = true;
  private String last = "";
  private int repetitions;
  private int unserved;

  Session(Output output) {
    this.output = output;
  }

  /** Serves every OCALL that has no Java method: text is printed, anything else is named and answered with zero. */
  @Nullable Object ocall(OcallContext context, Map<String, @Nullable Object> arguments) {
    List<Object> values = arguments.values().stream().filter(value -> value != null).map(Object.class::cast).toList();
    if (values.size() == 1 && values.getFirst() instanceof String only) {
      show(only.stripTrailing());
    } else if (++unserved <= MOST_UNSERVED) {
      show(
          "OCALL %s(%s)"
              .formatted(context.name(), values.stream().map(Session::shown).collect(Collectors.joining(", "))));
    }
    return null;
  }

  private void show(String text) {
    printed.add(text);
    if (text.equals(last)) {
      repetitions++;
    } else {
      showRepetitions();
      text.lines().forEach(line -> output.line("  | %s", line));
      last = text;
    }
  }

  /** A thousand times the same line says no more than once and how often. */
  private void showRepetitions() {
    if (repetitions > 0) {
      output.line("  | … the same %d times more", repetitions);
    }
    repetitions = 0;
    last = "";
  }

  private void showUnserved() {
    if (unserved > MOST_UNSERVED) {
      output.line("  | … %d more OCALLs that nobody serves", unserved - MOST_UNSERVED);
    }
    unserved = 0;
  }

  private static String shown(Object value) {
    return value.getClass().isArray() ? value.getClass().getComponentType() + "[]" : value.toString();
  }

  void call(Enclave enclave, EnclaveFolder.Call call) {
    printed = new ArrayList<>();
    output.line("");
    String often = call.times() > 1 ? " × " + call.times() : "";
    output.line("%s(%s)%s", call.ecall(), String.join(", ", call.arguments()), often);
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("ecall", call.ecall());
    tree.put("args", call.arguments());
    calls.add(tree);
    tree.put("printed", printed);
    long start = System.nanoTime();
    CallResult result;
    long nanos;
    try {
      for (int i = 1; i < call.times(); i++) {
        enclave.callText(call.ecall(), call.arguments());
      }
      result = enclave.callText(call.ecall(), call.arguments());
      nanos = System.nanoTime() - start;
    } finally {
      showRepetitions();
      showUnserved();
    }
    tree.put("result", result.text());
    Map<String, String> outputs = new LinkedHashMap<>();
    result.outputs().keySet().forEach(name -> outputs.put(name, result.text(name)));
    tree.put("outputs", outputs);
    tree.put("times", call.times());
    tree.put("nanos", nanos);
    outputs.forEach((name, text) -> output.line("  %s = %s", name, text));
    output.line("  -> %s   (%s)", result.text().isEmpty() ? "done" : result.text(), Times.text(nanos));
    call.expect().filter(expected -> !expected.equals(result.text())).ifPresent(expected -> differs(tree, expected));
  }

  private void differs(Map<String, Object> tree, String expected) {
    asExpected = false;
    tree.put("expected", expected);
    output.line("  expected %s", expected);
  }

  /** Whether every call with an {@code expect} returned it. */
  boolean asExpected() {
    return asExpected;
  }

  /** For {@code --json}. */
  List<Map<String, Object>> calls() {
    return calls;
  }
}
