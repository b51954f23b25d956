package org.enclavisor.host.debug;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A debugger on a socket, with a program that is none. */
@Timeout(60)
class DebugConnectionTest {
  private final FakeTarget target = new FakeTarget();
  private ServerSocketChannel listening;
  private Socket debugger;
  private InputStream in;
  private Thread server;

  @BeforeEach
  void connect() throws IOException {
    listening = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    var address = (InetSocketAddress) listening.getLocalAddress();
    debugger = new Socket(address.getAddress(), address.getPort());
    debugger.setSoTimeout(10_000);
    in = debugger.getInputStream();
    var connection = new DebugConnection(listening.accept(), target, new ProgramFile(Optional.empty(), 0));
    server = Thread.ofPlatform().daemon().start(connection::serve);
  }

  @AfterEach
  void close() throws IOException {
    debugger.close();
    listening.close();
  }

  private void send(String bytes) throws IOException {
    debugger.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
  }

  private void expect(String bytes) throws IOException {
    assertThat(new String(in.readNBytes(bytes.length()), StandardCharsets.ISO_8859_1)).isEqualTo(bytes);
  }

  /** The end of the session, which has to come, and after which nothing of the debugger's is left. */
  private void expectEnd() throws InterruptedException {
    server.join(10_000);
    assertThat(server.isAlive()).isFalse();
    assertThat(target.heard("attach", "detach")).isTrue();
  }

  @Test
  void packetsAreAcknowledgedUntilThatIsTurnedOff() throws Exception {
    send("$qsThreadInfo#c8");
    expect("+$l#6c");
    send("+$qsThreadInfo#00");
    expect("-");
    send("-");
    expect("$l#6c");
    send("+$QStartNoAckMode#b0");
    expect("+$OK#9a");
    send("+$qsThreadInfo#c8");
    expect("$l#6c");
    send("$qsThreadInfo#00$qsThreadInfo#c8");
    expect("$l#6c");
    send("$D#44");
    expect("$OK#9a");
    expectEnd();
    assertThat(in.read()).isEqualTo(-1);
  }

  @Test
  void aQuestionThatNothingAnswersMakesTheProgramStop() throws Exception {
    send("$?#3f");
    expect("+$T02thread:1;#d4");
    assertThat(target.heard("halt", "settle")).isTrue();
  }

  @Test
  void theProgramRunsUntilControlC() throws Exception {
    send("$?#3f");
    expect("+$T02thread:1;#d4");
    send("+$vCont;c#a8");
    expect("+");
    send("\u0003");
    expect("$T02thread:1;#d4");
    debugger.close();
    expectEnd();
  }

  @Test
  void theEndIsSaidAndIsTheEnd() throws Exception {
    send("$?#3f");
    expect("+$T02thread:1;#d4");
    send("$vCont;c#a8");
    expect("+");
    target.listener.accept(new DebugEvent.Finished(5));
    expect("$W05#bc");
    expectEnd();
  }

  @Test
  void whoeverComesAndWhateverHeSaysTheSessionEndsWhenHeGoes() throws Exception {
    Seeded seeded = Seeded.named("DebugConnectionTest");
    Thread reader = Thread.ofPlatform().daemon().start(() -> {
      try {
        in.transferTo(java.io.OutputStream.nullOutputStream());
      } catch (IOException e) {
        // The test has closed it.
      }
    });
    try {
      for (int i = 0; i < 2_000; i++) {
        byte[] packet = PacketReader.frame(seeded.oneOf(java.util.List.of("g", "?", "m100000000000,1000", "vCont;c",
            "qXfer:threads:read::0,100", "Z0,100000000000,1", "X100000000000,3:abc")));
        byte[] sent = seeded.chance(0.7) ? packet : seeded.chance(0.5) ? seeded.flipBit(packet) : seeded.bytes(40);
        debugger.getOutputStream().write(sent);
      }
    } catch (IOException e) {
      // Among the noise there was a packet that said goodbye.
    }
    debugger.close();
    reader.join(10_000);
    expectEnd();
  }
}
