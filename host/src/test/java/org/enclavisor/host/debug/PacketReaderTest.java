package org.enclavisor.host.debug;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The frames of the protocol, well-formed and not. */
@Timeout(60)
class PacketReaderTest {
  private static List<Incoming> all(byte[] bytes) throws IOException {
    var reader = new PacketReader(new ByteArrayInputStream(bytes));
    List<Incoming> all = new ArrayList<>();
    Incoming next;
    do {
      next = reader.next();
      all.add(next);
    } while (!(next instanceof Incoming.Closed));
    all.removeLast();
    return all;
  }

  private static List<Incoming> all(String text) throws IOException {
    return all(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void packetsAndSingleCharacters() throws IOException {
    assertThat(all("+$g#67-\u0003 noise $qC#b4"))
        .containsExactly(
            new Incoming.Ack(), new Incoming.Packet("g"), new Incoming.Nak(), new Incoming.Break(),
            new Incoming.Packet("qC"));
  }

  @Test
  void checksumsCount() throws IOException {
    assertThat(all("$g#68$g#6G$g#")).containsExactly(new Incoming.Malformed(), new Incoming.Malformed());
    assertThat(all("$g#67$g#67")).hasSize(2).containsOnly(new Incoming.Packet("g"));
  }

  @Test
  void aPacketThatBeginsAnewReplacesTheOneBefore() throws IOException {
    assertThat(all("$gggg$g#67")).containsExactly(new Incoming.Packet("g"));
  }

  @Test
  void whatIsEscapedComesBack() throws IOException {
    String payload = "X0,4:#$}*\u0003\u00ff\u0000";
    assertThat(all(PacketReader.frame(payload))).containsExactly(new Incoming.Packet(payload));
    assertThat(PacketReader.frame("#")).isEqualTo("$}\u0003#80".getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void theLargestPacketIsTakenAndALargerOneIsNot() throws IOException {
    String largest = "a".repeat(PacketReader.LARGEST);
    assertThat(all(PacketReader.frame(largest))).containsExactly(new Incoming.Packet(largest));
    assertThat(all(PacketReader.frame(largest + "a"))).containsExactly(new Incoming.Malformed());
    assertThat(all("$" + "a".repeat(10 * PacketReader.LARGEST) + "$g#67")).containsExactly(new Incoming.Packet("g"));
  }

  @Test
  void anEndInTheMiddleIsAnEnd() throws IOException {
    for (String cut : List.of("", "$", "$g", "$g#", "$g#6", "$}")) {
      assertThat(all(cut)).as(cut).isEmpty();
    }
  }

  @Test
  void everyPayloadGoesThereAndBack() throws IOException {
    Seeded seeded = Seeded.named("PacketReaderTest");
    for (int round = 0; round < 2_000; round++) {
      String payload = new String(seeded.bytes(seeded.below(300)), StandardCharsets.ISO_8859_1);
      assertThat(all(PacketReader.frame(payload))).containsExactly(new Incoming.Packet(payload));
    }
  }

  @Test
  void noiseIsTakenApartWithoutHarm() throws IOException {
    Seeded seeded = Seeded.named("PacketReaderTest.noise");
    int packets = 0;
    for (int round = 0; round < 5_000; round++) {
      byte[] bytes = PacketReader.frame("m1000,40");
      for (int i = seeded.below(4); i > 0; i--) {
        bytes = seeded.chance(0.2) ? seeded.truncated(bytes) : seeded.flipBit(bytes);
        if (bytes.length == 0) {
          break;
        }
      }
      packets += (int) all(bytes).stream().filter(Incoming.Packet.class::isInstance).count();
      all(seeded.bytes(200)).forEach(incoming -> assertThat(incoming).isNotInstanceOf(Incoming.Happened.class));
    }
    assertThat(packets).as("some came through").isBetween(100, 4_900);
  }
}
