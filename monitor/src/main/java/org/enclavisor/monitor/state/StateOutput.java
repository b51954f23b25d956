package org.enclavisor.monitor.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Writes sections and keeps the digest over them. Confined to one thread. */
final class StateOutput {
  private final WritableByteChannel channel;
  private final MessageDigest digest = sha256();
  private final ByteBuffer head = ByteBuffer.allocate(StateFormat.SECTION_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private long bytes;

  StateOutput(WritableByteChannel channel) {
    this.channel = channel;
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Bytes without a section, from position to limit. */
  void raw(ByteBuffer content) throws IOException {
    digest.update(content.duplicate());
    send(content);
  }

  /** A section; its payload goes from position to limit. */
  void section(Section section, ByteBuffer payload) throws IOException {
    header(section, payload.remaining());
    raw(payload);
  }

  private void header(Section section, int length) throws IOException {
    head.clear().putInt(section.tag()).putInt(0).putLong(length).flip();
    raw(head);
  }

  /** The last section. Returns the digest. */
  byte[] end() throws IOException {
    header(Section.END, StateFormat.DIGEST_BYTES);
    byte[] result = digest.digest();
    send(ByteBuffer.wrap(result));
    return result;
  }

  private void send(ByteBuffer content) throws IOException {
    bytes += content.remaining();
    while (content.hasRemaining()) {
      channel.write(content);
    }
  }

  /** Bytes written so far. */
  long bytes() {
    return bytes;
  }
}
