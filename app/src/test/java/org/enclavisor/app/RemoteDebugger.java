package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** The least of a debugger that can be: sends packets, and waits for their answers. Confined to one thread. */
final class RemoteDebugger implements AutoCloseable {
  /** The number of RSI. */
  static final int RSI = 4;

  /** The number of RIP. */
  static final int RIP = 16;

  private static final HexFormat HEX = HexFormat.of();

  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  RemoteDebugger(InetSocketAddress address) {
    try {
      socket = new Socket(address.getAddress(), address.getPort());
      socket.setSoTimeout(30_000);
      socket.setTcpNoDelay(true);
      in = new BufferedInputStream(socket.getInputStream());
      out = socket.getOutputStream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sends bytes as they are. */
  void raw(String bytes) {
    try {
      out.write(bytes.getBytes(StandardCharsets.ISO_8859_1));
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void send(String payload) {
    int sum = payload.chars().sum() & 0xFF;
    raw("$" + payload + "#%02x".formatted(sum));
  }

  /** The next packet; empty at the end of the connection. */
  String receive() {
    try {
      int b;
      do {
        b = in.read();
      } while (b >= 0 && b != '$');
      var payload = new StringBuilder();
      for (b = in.read(); b >= 0 && b != '#'; b = in.read()) {
        payload.append((char) (b == '}' ? in.read() ^ 0x20 : b));
      }
      in.read();
      in.read();
      raw("+");
      return payload.toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The next packet, or nothing if the other side hangs up instead. */
  String receiveOrEnd() {
    try {
      return receive();
    } catch (UncheckedIOException e) {
      return "";
    }
  }

  /** Whether something arrives in so many milliseconds. */
  boolean repliedWithin(int millis) {
    try {
      long deadline = System.nanoTime() + millis * 1_000_000L;
      while (in.available() == 0) {
        if (System.nanoTime() - deadline > 0) {
          return false;
        }
        Thread.onSpinWait();
      }
      return true;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the other side has hung up. */
  boolean hungUp() {
    try {
      return in.read() < 0;
    } catch (IOException e) {
      return true; // reset
    }
  }

  String ask(String payload) {
    send(payload);
    return receive();
  }

  void tell(String payload) {
    assertThat(ask(payload)).as(payload).isEqualTo("OK");
  }

  /** Presses Ctrl-C. */
  void interrupt() {
    raw("\u0003");
  }

  long register(int thread, int number) {
    tell("Hg" + Integer.toHexString(thread));
    return register(number);
  }

  /** Of the thread that is looked at. */
  long register(int number) {
    return word(ask("p" + Integer.toHexString(number)));
  }

  void register(int thread, int number, long value) {
    tell("Hg" + Integer.toHexString(thread));
    tell("P%x=%s".formatted(number, hex(value)));
  }

  long read(long address) {
    return word(ask("m%x,8".formatted(address)));
  }

  void write(long address, int value) {
    byte[] bytes = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
    tell("M%x,4:%s".formatted(address, HEX.formatHex(bytes)));
  }

  private static String hex(long value) {
    return HEX.formatHex(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
  }

  private static long word(String hex) {
    assertThat(hex).matches("[0-9a-f]{16}");
    return ByteBuffer.wrap(HEX.parseHex(hex)).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  /** The thread of a stop reply. */
  static int thread(String reply) {
    assertThat(reply).matches("T[0-9a-f]{2}thread:[0-9a-f]+;.*");
    return Integer.parseInt(reply.replaceFirst(".*thread:([0-9a-f]+);.*", "$1"), 16);
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
