package org.enclavisor.host.debug;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.enclavisor.host.debug.DebugTarget.ThreadInfo;
import org.enclavisor.host.debug.Requests.Range;

/**
 * The packets that begin with {@code q}: questions that change nothing (GDB manual, “General Query Packets”). Confined
 * to one thread.
 */
final class Queries {
  private static final String UNKNOWN = "";
  private static final String BAD_REQUEST = "E01";
  private static final String NO_SUCH_ANNEX = "E00";

  private final DebugTarget target;
  private final ProgramFile file;
  private final String description;

  Queries(DebugTarget target, ProgramFile file) {
    this.target = target;
    this.file = file;
    description = TargetDescription.of(target.registers());
  }

  /**
   * Answers one.
   *
   * @param current the thread that is looked at
   */
  String answer(String packet, int current) {
    int colon = packet.indexOf(':');
    int comma = packet.indexOf(',');
    int end = Math.min(colon < 0 ? packet.length() : colon, comma < 0 ? packet.length() : comma);
    String rest = packet.substring(Math.min(end + 1, packet.length()));
    return switch (packet.substring(0, end)) {
      case "qSupported" ->
          "PacketSize=%x;QStartNoAckMode+;swbreak+;vContSupported+;qXfer:features:read+;qXfer:threads:read+%s"
              .formatted(PacketReader.LARGEST, file.path().isPresent() ? ";qXfer:exec-file:read+" : "");
      case "qXfer" -> transfer(rest);
      case "qAttached" -> "1";
      case "qC" -> "QC%x".formatted(current);
      case "qfThreadInfo" ->
          target.threads().stream()
              .map(info -> Integer.toHexString(info.id()))
              .collect(Collectors.joining(",", "m", ""));
      case "qsThreadInfo" -> "l";
      case "qThreadExtraInfo" -> extraInfo(rest);
      case "qOffsets" -> "TextSeg=%x".formatted(target.base() + file.offset());
      case "qSymbol" -> "OK";
      case "qRcmd" -> command(rest);
      default -> UNKNOWN;
    };
  }

  private String extraInfo(String rest) {
    OptionalInt id = Requests.thread(rest);
    return target.threads().stream()
        .filter(info -> id.isPresent() && info.id() == id.getAsInt())
        .findFirst()
        .map(info -> Requests.hexText(info.name() + ", " + info.state()))
        .orElse(BAD_REQUEST);
  }

  /** {@code monitor} in GDB. */
  private String command(String rest) {
    String command =
        Requests.bytes(rest).map(bytes -> new String(bytes, StandardCharsets.UTF_8).strip()).orElse("");
    return Requests.hexText(command.equals("enclave") ? target.describe() : "Known is: monitor enclave\n");
  }

  /** {@code object:read:annex:offset,length}. */
  private String transfer(String rest) {
    String[] parts = rest.split(":", 4);
    if (parts.length < 4 || !parts[1].equals("read")) {
      return UNKNOWN;
    }
    return switch (parts[0]) {
      case "features" -> parts[2].equals("target.xml") ? chunk(description, parts[3]) : NO_SUCH_ANNEX;
      case "threads" -> chunk(threadsXml(), parts[3]);
      case "exec-file" -> file.path().map(path -> chunk(path, parts[3])).orElse(UNKNOWN);
      default -> UNKNOWN;
    };
  }

  private static String chunk(String content, String where) {
    byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
    Optional<Range> range = Requests.range(where);
    if (range.isEmpty() || range.get().address() < 0 || range.get().address() > bytes.length) {
      return BAD_REQUEST;
    }
    int from = (int) range.get().address();
    int to = Math.min(bytes.length, from + range.get().length());
    return (to == bytes.length ? "l" : "m") + new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
  }

  private String threadsXml() {
    var xml = new StringBuilder("<?xml version=\"1.0\"?><threads>");
    for (ThreadInfo info : target.threads()) {
      xml.append("<thread id=\"%x\" name=\"%s\">%s</thread>".formatted(info.id(), info.name(), info.state()));
    }
    return xml.append("</threads>").toString();
  }
}
