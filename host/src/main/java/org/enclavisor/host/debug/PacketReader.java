package org.enclavisor.host.debug;

import java.io.IOException;
import java.io.InputStream;

/**
 * Takes apart what a debugger sends: {@code $payload#checksum}, single characters between packets, and anything that a
 * stranger may send instead. Never keeps more than the largest packet. Confined to one thread.
 */
final class PacketReader {
  /** Bytes of the largest payload that is taken, and that is promised as PacketSize. */
  static final int LARGEST = 0x4000;

  private static final int BREAK = 3;
  private static final int ESCAPE = '}';
  private static final int FLIP = 0x20;

  private final InputStream in;

  PacketReader(InputStream in) {
    this.in = in;
  }

  /** Waits for the next thing that means something. After {@link Incoming.Closed} there is nothing more. */
  Incoming next() throws IOException {
    while (true) {
      switch (in.read()) {
        case -1 -> {
          return new Incoming.Closed();
        }
        case BREAK -> {
          return new Incoming.Break();
        }
        case '+' -> {
          return new Incoming.Ack();
        }
        case '-' -> {
          return new Incoming.Nak();
        }
        case '$' -> {
          return packet();
        }
        default -> {
          // Between packets anything else is noise.
        }
      }
    }
  }

  private Incoming packet() throws IOException {
    var payload = new StringBuilder();
    int sum = 0;
    boolean escaped = false;
    boolean tooLong = false;
    while (true) {
      int b = in.read();
      switch (b) {
        case -1 -> {
          return new Incoming.Closed();
        }
        case '#' -> {
          int high = in.read();
          int low = high < 0 ? -1 : in.read();
          if (low < 0) {
            return new Incoming.Closed();
          }
          boolean right = Character.digit(high, 16) >= 0 && Character.digit(low, 16) >= 0
              && Character.digit(high, 16) << 4 == (sum & 0xF0) && Character.digit(low, 16) == (sum & 0xF);
          return right && !tooLong && !escaped ? new Incoming.Packet(payload.toString()) : new Incoming.Malformed();
        }
        case '$' -> { // the rest of the packet before has been lost; this is a new one
          payload.setLength(0);
          sum = 0;
          escaped = false;
          tooLong = false;
        }
        default -> {
          sum += b;
          if (b == ESCAPE && !escaped) {
            escaped = true;
          } else if (payload.length() == LARGEST) {
            tooLong = true;
            escaped = false;
          } else {
            payload.append((char) (escaped ? b ^ FLIP : b));
            escaped = false;
          }
        }
      }
    }
  }

  /** A payload as it goes over the wire. Its characters are bytes. */
  static byte[] frame(String payload) {
    var framed = new StringBuilder(payload.length() + 4).append('$');
    for (int i = 0; i < payload.length(); i++) {
      char c = payload.charAt(i);
      switch (c) {
        case '#', '$', '}', '*' -> framed.append((char) ESCAPE).append((char) (c ^ FLIP));
        default -> framed.append(c);
      }
    }
    int sum = 0;
    for (int i = 1; i < framed.length(); i++) {
      sum += framed.charAt(i);
    }
    framed.append('#').append(Character.forDigit(sum >> 4 & 0xF, 16)).append(Character.forDigit(sum & 0xF, 16));
    return framed.toString().getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
  }
}
