package org.enclavisor.host.sdk;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What the host of an enclave has to remember of it while it is paused, as a value.
 *
 * @param untrustedBase where the shared memory lies
 * @param untrustedBytes how much there is
 * @param stackBytes of each thread
 * @param memory the bytes in it that mean something
 * @param heap pieces that are handed out, by address
 * @param threads all of them, by their order in the image
 */
public record RuntimeState(
    long untrustedBase,
    long untrustedBytes,
    long stackBytes,
    List<Piece> memory,
    Map<Long, Long> heap,
    List<HostThread> threads) {
  private static final long MAGIC = 0x454E434C484F5354L; // ENCLHOST
  private static final int VERSION = 1;
  private static final int MAX_COUNT = 1 << 20;
  private static final int MAX_FRAMES = 1 << 10;

  public RuntimeState {
    memory = List.copyOf(memory);
    heap = Map.copyOf(heap);
    threads = List.copyOf(threads);
  }

  /** Bytes of shared memory. */
  public record Piece(long address, byte[] bytes) {}

  /**
   * A TCS as its host sees it.
   *
   * @param tcs its linear address
   * @param events wake-ups that wait for it
   * @param broken whether it can never be entered again
   * @param made whether the enclave has it already
   * @param call what is under way on it, or null
   * @param position where that stands, or null
   */
  public record HostThread(
      long tcs,
      int events,
      boolean broken,
      boolean made,
      @Nullable CallRecord call,
      @Nullable CallPosition position) {}

  /** Writes it. */
  public void write(DataOutputStream out) throws IOException {
    out.writeLong(MAGIC);
    out.writeInt(VERSION);
    out.writeLong(untrustedBase);
    out.writeLong(untrustedBytes);
    out.writeLong(stackBytes);
    out.writeInt(memory.size());
    for (Piece piece : memory) {
      out.writeLong(piece.address);
      out.writeInt(piece.bytes.length);
      out.write(piece.bytes);
    }
    out.writeInt(heap.size());
    for (Map.Entry<Long, Long> piece : new TreeMap<>(heap).entrySet()) {
      out.writeLong(piece.getKey());
      out.writeLong(piece.getValue());
    }
    out.writeInt(threads.size());
    for (HostThread thread : threads) {
      out.writeLong(thread.tcs);
      out.writeInt(thread.events);
      out.writeBoolean(thread.broken);
      out.writeBoolean(thread.made);
      CallRecord call = thread.call;
      CallPosition position = thread.position;
      out.writeBoolean(call != null && position != null);
      if (call != null && position != null) {
        write(out, call, position);
      }
    }
  }

  private static void write(DataOutputStream out, CallRecord call, CallPosition position) throws IOException {
    out.writeInt(call.index());
    out.writeLong(call.ms());
    out.writeInt(call.buffers().size());
    for (CallRecord.Buffer buffer : call.buffers()) {
      out.writeLong(buffer.address());
      out.writeLong(buffer.bytes());
    }
    out.writeInt(call.pieces().size());
    for (long piece : call.pieces()) {
      out.writeLong(piece);
    }
    out.writeInt(position.frames().size());
    for (CallPosition.Frame frame : position.frames()) {
      out.writeInt(frame.command());
      out.writeLong(frame.stackPointer());
    }
    out.writeInt(position.next().ordinal());
    out.writeLong(position.rdi());
    out.writeLong(position.rsi());
    out.writeLong(position.rsp());
    out.writeLong(position.rbp());
  }

  /**
   * Reads what {@link #write} has written.
   *
   * @throws IOException if it is something else; the message says where
   */
  public static RuntimeState read(DataInputStream in) throws IOException {
    expect("magic", MAGIC, in.readLong());
    expect("version", VERSION, in.readInt());
    long base = in.readLong();
    long bytes = in.readLong();
    long stack = in.readLong();
    var memory = new ArrayList<Piece>();
    for (int left = count(in, "memory", MAX_COUNT); left > 0; left--) {
      long address = in.readLong();
      int length = in.readInt();
      byte[] content = length < 0 ? new byte[0] : in.readNBytes(length);
      expect("bytes of memory", length, content.length);
      memory.add(new Piece(address, content));
    }
    var heap = new TreeMap<Long, Long>();
    for (int left = count(in, "heap", MAX_COUNT); left > 0; left--) {
      heap.put(in.readLong(), in.readLong());
    }
    var threads = new ArrayList<HostThread>();
    for (int left = count(in, "threads", MAX_COUNT); left > 0; left--) {
      long tcs = in.readLong();
      int events = in.readInt();
      boolean broken = in.readBoolean();
      boolean made = in.readBoolean();
      boolean busy = in.readBoolean();
      CallRecord call = busy ? call(in) : null;
      CallPosition position = busy ? position(in) : null;
      threads.add(new HostThread(tcs, events, broken, made, call, position));
    }
    return new RuntimeState(base, bytes, stack, memory, heap, threads);
  }

  private static CallRecord call(DataInputStream in) throws IOException {
    int index = in.readInt();
    long ms = in.readLong();
    var buffers = new ArrayList<CallRecord.Buffer>();
    for (int left = count(in, "buffers", MAX_COUNT); left > 0; left--) {
      buffers.add(new CallRecord.Buffer(in.readLong(), in.readLong()));
    }
    var pieces = new ArrayList<Long>();
    for (int left = count(in, "pieces", MAX_COUNT); left > 0; left--) {
      pieces.add(in.readLong());
    }
    return new CallRecord(index, ms, buffers, pieces);
  }

  private static CallPosition position(DataInputStream in) throws IOException {
    var frames = new ArrayList<CallPosition.Frame>();
    int count = count(in, "frames", MAX_FRAMES);
    if (count == 0) {
      throw new IOException("host snapshot, frames: expected at least 1, found 0");
    }
    for (int left = count; left > 0; left--) {
      frames.add(new CallPosition.Frame(in.readInt(), in.readLong()));
    }
    CallPosition.Next[] choices = CallPosition.Next.values();
    CallPosition.Next next = choices[count(in, "next", choices.length - 1)];
    return new CallPosition(
        frames, next, in.readLong(), in.readLong(), in.readLong(), in.readLong());
  }

  private static int count(DataInputStream in, String what, int most) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > most) {
      throw new IOException("host snapshot, %s: expected up to %d, found %d".formatted(what, most, count));
    }
    return count;
  }

  private static void expect(String what, long expected, long found) throws IOException {
    if (expected != found) {
      throw new IOException("host snapshot, %s: expected 0x%x, found 0x%x".formatted(what, expected, found));
    }
  }
}
