package org.enclavisor.host.debug;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * One debugger's conversation with a program: each packet and its answer (GDB manual, “Packets”). Knows neither sockets
 * nor checksums. Whatever a packet says, the answer is a packet; what is not known is answered by an empty one, as the
 * protocol wants it. Confined to one thread.
 */
final class RemoteSession {
  private static final String OK = "OK";
  private static final String UNKNOWN = "";
  private static final String BAD_REQUEST = "E01";
  private static final String BAD_ADDRESS = "E0e";
  private static final HexFormat HEX = HexFormat.of();

  private final DebugTarget target;
  private final Queries queries;

  /** The thread that registers are asked of; 0 is that which stopped last. */
  private int thread;

  /** The thread that {@code c} and {@code s} mean; −1 is all. */
  private int goingThread = -1;

  private int stoppedThread;
  private boolean acknowledging = true;

  /** What to say when it is asked why the program has stopped; null while it runs. */
  private @Nullable String stopReply;

  /** Whether the debugger waits to hear of a stop. */
  private boolean awaited;

  private boolean over;

  RemoteSession(DebugTarget target, ProgramFile file) {
    this.target = target;
    queries = new Queries(target, file);
  }

  /** Whether packets are to be acknowledged. */
  boolean acknowledging() {
    return acknowledging;
  }

  /** Whether the debugger has been told of the end, or has said goodbye. */
  boolean over() {
    return over;
  }

  /** Whether the debugger waits to hear of a stop. */
  boolean awaited() {
    return awaited;
  }

  /** Something happened to the program. Answers what is to be sent now, if anything. */
  Optional<String> happened(DebugEvent event) {
    stopReply =
        switch (event) {
          case DebugEvent.Stopped(int stopped, Stop stop) -> {
            target.settle();
            stoppedThread = stopped;
            thread = stopped;
            String why =
                switch (stop.kind()) {
                  case BREAKPOINT -> "swbreak:;";
                  case WATCHPOINT -> "watch:%x;".formatted(stop.watched());
                  case STEP, HALT, OWN_TRAP, FAULT -> "";
                };
            yield "T%02xthread:%x;%s".formatted(stop.signal(), stopped, why);
          }
          case DebugEvent.Finished(int status) -> "W%02x".formatted(status & 0xFF);
          case DebugEvent.Lost _ -> "X%02x".formatted(Stop.KILL);
        };
    return awaited ? Optional.of(told()) : Optional.empty();
  }

  private String told() {
    awaited = false;
    String reply = stopReply == null ? UNKNOWN : stopReply;
    over |= reply.startsWith("W") || reply.startsWith("X");
    return reply;
  }

  /** The debugger wants the program to stop. */
  void interrupt() {
    if (stopReply == null) {
      target.halt();
    }
  }

  /** Answers a packet; empty where there is nothing to be said yet, or ever. */
  Optional<String> answer(String packet) {
    if (packet.isEmpty()) {
      return Optional.of(UNKNOWN);
    }
    String rest = packet.substring(1);
    return switch (packet.charAt(0)) {
      case '?' -> whyStopped();
      case 'g' -> Optional.of(readRegisters());
      case 'G' -> Optional.of(writeRegisters(rest));
      case 'p' -> Optional.of(readRegister(rest));
      case 'P' -> Optional.of(writeRegister(rest));
      case 'm' -> Optional.of(readMemory(rest));
      case 'M' -> Optional.of(writeMemory(rest, true));
      case 'X' -> Optional.of(writeMemory(rest, false));
      case 'Z' -> Optional.of(breakpoint(rest, true));
      case 'z' -> Optional.of(breakpoint(rest, false));
      case 'H' -> Optional.of(chooseThread(rest));
      case 'T' -> Optional.of(alive(rest));
      case 'c', 's', 'C', 'S' -> goOn(packet);
      case 'v' -> verbose(packet);
      case 'q' -> Optional.of(queries.answer(packet, current()));
      case 'Q' -> Optional.of(set(packet));
      case 'D' -> {
        over = true;
        target.detach();
        yield Optional.of(OK);
      }
      case 'k' -> {
        over = true;
        target.kill();
        yield Optional.empty();
      }
      default -> Optional.of(UNKNOWN);
    };
  }

  private Optional<String> whyStopped() {
    awaited = true;
    return stopReply == null ? Optional.empty() : Optional.of(told());
  }

  // Registers.

  private int current() {
    return thread > 0 ? thread : stoppedThread;
  }

  private String readRegisters() {
    Optional<RegisterValues> values = target.read(current());
    if (values.isEmpty()) {
      return BAD_REQUEST;
    }
    var text = new StringBuilder();
    for (Register register : target.registers().all()) {
      text.append(HEX.formatHex(values.get().get(register)));
    }
    return text.toString();
  }

  private String writeRegisters(String hex) {
    Optional<RegisterValues> values = target.read(current());
    Optional<byte[]> bytes = Requests.bytes(hex);
    int size = target.registers().all().stream().mapToInt(Register::bytes).sum();
    if (values.isEmpty() || bytes.isEmpty() || bytes.get().length != size) {
      return BAD_REQUEST;
    }
    int at = 0;
    for (Register register : target.registers().all()) {
      values.get().set(register, java.util.Arrays.copyOfRange(bytes.get(), at, at + register.bytes()));
      at += register.bytes();
    }
    return target.write(current(), values.get()) ? OK : BAD_REQUEST;
  }

  private Optional<Register> register(String hex) {
    OptionalLong number = Requests.number(hex);
    List<Register> all = target.registers().all();
    return number.isPresent() && number.getAsLong() >= 0 && number.getAsLong() < all.size()
        ? Optional.of(all.get((int) number.getAsLong()))
        : Optional.empty();
  }

  private String readRegister(String hex) {
    Optional<RegisterValues> values = target.read(current());
    return register(hex)
        .flatMap(register -> values.map(known -> HEX.formatHex(known.get(register))))
        .orElse(BAD_REQUEST);
  }

  private String writeRegister(String rest) {
    int equals = rest.indexOf('=');
    Optional<RegisterValues> values = target.read(current());
    if (equals < 0 || values.isEmpty()) {
      return BAD_REQUEST;
    }
    Optional<Register> register = register(rest.substring(0, equals));
    Optional<byte[]> bytes = Requests.bytes(rest.substring(equals + 1));
    if (register.isEmpty() || bytes.isEmpty() || bytes.get().length != register.get().bytes()) {
      return BAD_REQUEST;
    }
    values.get().set(register.get(), bytes.get());
    return target.write(current(), values.get()) ? OK : BAD_REQUEST;
  }

  // Memory.

  private String readMemory(String rest) {
    Optional<Requests.Range> range = Requests.range(rest);
    if (range.isEmpty()) {
      return BAD_REQUEST;
    }
    byte[] bytes = new byte[range.get().length()];
    int read = target.read(range.get().address(), bytes);
    return read == 0 && bytes.length > 0 ? BAD_ADDRESS : HEX.formatHex(bytes, 0, read);
  }

  private String writeMemory(String rest, boolean hex) {
    int colon = rest.indexOf(':');
    Optional<Requests.Range> range = colon < 0 ? Optional.empty() : Requests.range(rest.substring(0, colon));
    if (range.isEmpty()) {
      return BAD_REQUEST;
    }
    String content = rest.substring(colon + 1);
    Optional<byte[]> bytes = hex ? Requests.bytes(content) : Optional.of(content.getBytes(StandardCharsets.ISO_8859_1));
    if (bytes.isEmpty() || bytes.get().length != range.get().length()) {
      return BAD_REQUEST;
    }
    return bytes.get().length == 0 || target.write(range.get().address(), bytes.get()) ? OK : BAD_ADDRESS;
  }

  /** {@code type,address,kind}: of the types 0, a breakpoint, and 2, a watchpoint, whose kind is a length. */
  private String breakpoint(String rest, boolean insert) {
    String[] parts = rest.split("[,;]", 4);
    OptionalLong address = parts.length < 3 ? OptionalLong.empty() : Requests.number(parts[1]);
    OptionalLong kind = parts.length < 3 ? OptionalLong.empty() : Requests.number(parts[2]);
    if (address.isEmpty() || kind.isEmpty()) {
      return BAD_REQUEST;
    }
    long at = address.getAsLong();
    int length = Math.clamp(kind.getAsLong(), 0, Integer.MAX_VALUE);
    return switch (parts[0]) {
      case "0" -> (insert ? target.insertBreakpoint(at) : target.removeBreakpoint(at)) ? OK : BAD_ADDRESS;
      case "2" -> (insert ? target.watch(at, length) : target.unwatch(at, length)) ? OK : BAD_ADDRESS;
      default -> UNKNOWN;
    };
  }

  // Threads, stop and go.

  private boolean exists(int id) {
    return target.threads().stream().anyMatch(info -> info.id() == id);
  }

  private String chooseThread(String rest) {
    OptionalInt id = rest.isEmpty() ? OptionalInt.empty() : Requests.thread(rest.substring(1));
    if (id.isEmpty() || id.getAsInt() > 0 && !exists(id.getAsInt())) {
      return BAD_REQUEST;
    }
    switch (rest.charAt(0)) {
      case 'g' -> thread = id.getAsInt();
      case 'c' -> goingThread = id.getAsInt();
      default -> {
        return UNKNOWN;
      }
    }
    return OK;
  }

  private String alive(String rest) {
    OptionalInt id = Requests.thread(rest);
    return id.isPresent() && exists(id.getAsInt()) ? OK : BAD_REQUEST;
  }

  /** {@code c}, {@code s}, {@code Csignal}, {@code Ssignal}, each perhaps with an address to go on at. */
  private Optional<String> goOn(String packet) {
    char letter = packet.charAt(0);
    boolean withSignal = Character.isUpperCase(letter);
    String rest = packet.substring(1);
    int semicolon = withSignal ? rest.indexOf(';') : -1;
    String signal = !withSignal ? "0" : semicolon < 0 ? rest : rest.substring(0, semicolon);
    String address = withSignal ? semicolon < 0 ? "" : rest.substring(semicolon + 1) : rest;
    Optional<ResumePlan.Action> action = Requests.action(letter, signal);
    if (action.isEmpty() || !address.isEmpty() && !moveTo(address)) {
      return Optional.of(BAD_REQUEST);
    }
    boolean step = action.get().way() == ResumePlan.Way.STEP;
    int only = goingThread > 0 ? goingThread : step || goingThread == 0 ? current() : -1;
    return resume(
        only > 0
            ? new ResumePlan(
                Map.of(only, action.get()),
                goingThread > 0 ? ResumePlan.Action.HOLD : ResumePlan.Action.CONTINUE)
            : new ResumePlan(Map.of(stoppedThread, action.get()), ResumePlan.Action.CONTINUE));
  }

  private boolean moveTo(String hex) {
    OptionalLong address = Requests.number(hex);
    Optional<RegisterValues> values = target.read(current());
    if (address.isEmpty() || values.isEmpty()) {
      return false;
    }
    values.get().rip(address.getAsLong());
    return target.write(current(), values.get());
  }

  private Optional<String> verbose(String packet) {
    if (packet.equals("vCont?")) {
      return Optional.of("vCont;c;C;s;S");
    }
    if (packet.startsWith("vCont;")) {
      Optional<ResumePlan> plan = Requests.plan(packet.substring("vCont;".length()), current());
      return plan.isPresent() ? resume(plan.get()) : Optional.of(BAD_REQUEST);
    }
    if (packet.equals("vKill") || packet.startsWith("vKill;")) {
      over = true;
      target.kill();
      return Optional.of(OK);
    }
    return Optional.of(UNKNOWN);
  }

  private Optional<String> resume(ResumePlan plan) {
    if (stopReply == null) {
      return Optional.of(BAD_REQUEST);
    }
    awaited = true;
    if (!stopReply.startsWith("T")) {
      return Optional.of(told()); // the end came while the program was held
    }
    stopReply = null;
    thread = 0;
    target.resume(plan);
    return Optional.empty();
  }

  private String set(String packet) {
    if (packet.equals("QStartNoAckMode")) {
      acknowledging = false;
      return OK;
    }
    return UNKNOWN;
  }
}
