package org.enclavisor.monitor.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.security.MessageDigest;

/** Reads sections into one buffer and keeps the digest over them. Confined to one thread. */
final class StateInput {
  private final ReadableByteChannel channel;
  private final ByteBuffer buffer;
  private final MessageDigest digest = StateOutput.sha256();
  private long offset;

  /** @param buffer with room for any section; what is read is there until the next call */
  StateInput(ReadableByteChannel channel, ByteBuffer buffer) {
    this.channel = channel;
    this.buffer = buffer;
  }

  /** The next bytes, which are part of the digest. */
  StateCursor raw(Section section, int length) throws IOException {
    long at = offset;
    fill(section, length);
    digest.update(buffer.duplicate());
    return new StateCursor(section, at, buffer);
  }

  /** A section's head: which it is and how long. */
  record Head(Section section, int length, long offset) {}

  /** The head of the next section; the payload has to be read next. */
  Head head(Section after) throws IOException {
    long at = offset;
    StateCursor head = raw(after, StateFormat.SECTION_BYTES);
    int tag = head.u32("tag");
    Section section = Section.of(tag);
    if (section == null) {
      throw new MalformedStateException(after, "next section", at, "a tag of 1 to " + Section.END.tag(), "" + tag);
    }
    if (section.rank() < after.rank() || section == after && !section.repeats()) {
      throw new MalformedStateException(section, "tag", at, "a section after " + after, section.toString());
    }
    Section next = required(after);
    if (section.compareTo(next) > 0) {
      throw new MalformedStateException(next, "tag", at, next.toString(), section.toString());
    }
    int zero = head.u32("reserved");
    if (zero != 0) {
      throw new MalformedStateException(section, "reserved", at + 4, "0", "0x%x".formatted(zero));
    }
    long length = head.u64("length");
    if (length < 0 || length > Section.MAX_BYTES) {
      throw new MalformedStateException(
          section, "length", at + 8, "0 to " + Section.MAX_BYTES, Long.toUnsignedString(length));
    }
    return new Head(section, (int) length, at + StateFormat.SECTION_BYTES);
  }

  /** The first section behind one that cannot be left out. */
  private static Section required(Section after) {
    Section[] all = Section.values();
    int next = after.ordinal() + 1;
    while (next < all.length - 1 && all[next].repeats()) {
      next++;
    }
    return all[Math.min(next, all.length - 1)];
  }

  /** A section's payload. */
  StateCursor payload(Head head) throws IOException {
    return raw(head.section, head.length);
  }

  /** The digest over all so far, and then the one in the stream. */
  byte[][] digests(Head end) throws IOException {
    if (end.length != StateFormat.DIGEST_BYTES) {
      throw new MalformedStateException(
          Section.END, "length", end.offset - 8, "" + StateFormat.DIGEST_BYTES, "" + end.length);
    }
    byte[] computed = digest.digest();
    byte[] said = new byte[StateFormat.DIGEST_BYTES];
    fill(Section.END, said.length);
    buffer.get(said);
    return new byte[][] {computed, said};
  }

  private void fill(Section section, int length) throws IOException {
    buffer.clear().limit(length);
    while (buffer.hasRemaining()) {
      int count = channel.read(buffer);
      if (count < 0) {
        throw new MalformedStateException(
            section, "payload", offset + buffer.position(), length - buffer.position() + " bytes more",
            "the end of the stream");
      }
      if (count == 0) {
        Thread.onSpinWait();
      }
    }
    buffer.flip();
    offset += length;
  }
}
