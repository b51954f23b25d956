package org.enclavisor.host.debug;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A debugger that is there. One thread reads what it sends; the other, in {@link #serve}, takes that and what happens
 * to the program in turn, and answers.
 */
final class DebugConnection implements AutoCloseable {
  /** So much may wait to be answered; whoever sends more waits. */
  private static final int BACKLOG = 16;

  /** After so long without a stop the debugger is told something, before it believes that nobody is there. */
  private static final long FIRST_ANSWER_MILLIS = 1_000;

  private static final long END_MILLIS = 1_000;

  private final SocketChannel channel;
  private final DebugTarget target;
  private final RemoteSession session;
  private final BlockingQueue<Incoming> packets = new ArrayBlockingQueue<>(BACKLOG);

  /** Threads of the program put something here and never wait. */
  private final BlockingQueue<Incoming> events = new LinkedBlockingQueue<>();

  private final java.util.concurrent.Semaphore something = new java.util.concurrent.Semaphore(0);
  private final CountDownLatch over = new CountDownLatch(1);
  private byte[] last = {};
  private boolean answeredFirst;

  DebugConnection(SocketChannel channel, DebugTarget target, ProgramFile file) {
    this.channel = channel;
    this.target = target;
    session = new RemoteSession(target, file);
  }

  /** Serves the debugger until it leaves, is lost, or has been told of the end. */
  void serve() {
    Thread reader = Thread.ofPlatform().daemon().name("debug-read").start(this::read);
    try {
      target.attach(
          event -> {
            events.add(new Incoming.Happened(event));
            something.release();
          });
      while (!session.over() && handle(take())) {
        // One after the other.
      }
    } catch (IOException e) {
      // The debugger is gone: it is the same as if it had taken its leave.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      target.detach();
      close();
      over.countDown();
      reader.interrupt();
    }
  }

  private Incoming take() throws InterruptedException, IOException {
    while (true) {
      if (something.tryAcquire(FIRST_ANSWER_MILLIS, TimeUnit.MILLISECONDS)) {
        Incoming event = events.poll();
        Incoming next = event != null ? event : packets.poll();
        if (next != null) {
          return next;
        }
      } else if (session.awaited() && !answeredFirst) {
        target.halt();
      }
    }
  }

  private boolean handle(Incoming incoming) throws IOException {
    switch (incoming) {
      case Incoming.Closed _ -> {
        return false;
      }
      case Incoming.Break _ -> session.interrupt();
      case Incoming.Ack _ -> {
        // As it should be.
      }
      case Incoming.Nak _ -> send(last);
      case Incoming.Malformed _ -> acknowledge('-');
      case Incoming.Packet(String payload) -> {
        acknowledge('+');
        reply(session.answer(payload));
      }
      case Incoming.Happened(DebugEvent event) -> reply(session.happened(event));
    }
    return true;
  }

  private void acknowledge(char sign) throws IOException {
    if (session.acknowledging()) {
      send(new byte[] {(byte) sign});
    }
  }

  private void reply(Optional<String> payload) throws IOException {
    if (payload.isPresent()) {
      answeredFirst |= payload.get().startsWith("T");
      last = PacketReader.frame(payload.get());
      send(last);
    }
  }

  private void send(byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  private void read() {
    var reader = new PacketReader(new Bytes(channel));
    try {
      Incoming incoming;
      do {
        incoming = reader.next();
        put(incoming);
      } while (!(incoming instanceof Incoming.Closed));
    } catch (IOException e) {
      events.add(new Incoming.Closed());
      something.release();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void put(Incoming incoming) throws InterruptedException {
    packets.put(incoming);
    something.release();
  }

  /** Returns when the debugger has been told of the end, or a second has passed. */
  void awaitEnd() {
    try {
      over.await(END_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Hangs up. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // It is closed all the same.
    }
  }

  /** The channel's bytes, a buffer at a time. */
  private static final class Bytes extends InputStream {
    private final SocketChannel channel;
    private final ByteBuffer buffer = ByteBuffer.allocate(4096).flip();

    Bytes(SocketChannel channel) {
      this.channel = channel;
    }

    @Override
    public int read() throws IOException {
      while (!buffer.hasRemaining()) {
        buffer.clear();
        int count = channel.read(buffer);
        buffer.flip();
        if (count < 0) {
          return -1;
        }
      }
      return Byte.toUnsignedInt(buffer.get());
    }
  }
}
