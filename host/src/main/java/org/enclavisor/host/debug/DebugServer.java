package org.enclavisor.host.debug;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.Semaphore;
import org.enclavisor.host.WrongUseException;
import org.jspecify.annotations.Nullable;

/**
 * Waits for GDB and lets it at the enclave of a {@link DebuggedDevice}. One debugger at a time: another one is turned
 * away until the first has left. Whoever can connect can read and change all of the enclave and of the memory that it
 * shares with its host, so listen on loopback or on a Unix socket.
 *
 * <p>Has threads of its own: one that waits, two for a debugger that is there. {@link #close} may be called by any.
 */
public final class DebugServer implements AutoCloseable {
  private final ServerSocketChannel listening;
  private final EnclaveTarget target;
  private final ProgramFile file;
  private final Semaphore free = new Semaphore(1);
  private final Thread acceptor;
  private volatile @Nullable DebugConnection current;
  private volatile boolean closed;

  private DebugServer(ServerSocketChannel listening, EnclaveTarget target, ProgramFile file) {
    this.listening = listening;
    this.target = target;
    this.file = file;
    acceptor = Thread.ofPlatform().daemon().name("debug-accept").unstarted(this::accept);
  }

  /**
   * Listens. The enclave has to be created, and is still to be entered or running.
   *
   * @param address an {@link InetSocketAddress}, whose port may be 0 for a free one, or a
   *     {@link UnixDomainSocketAddress} at which there is no file yet
   * @param file where the debugger finds the enclave's symbols
   * @throws WrongUseException if there is no enclave, or it is none for debugging
   * @throws UncheckedIOException if the address cannot be had
   */
  public static DebugServer listen(DebuggedDevice device, SocketAddress address, ProgramFile file) {
    EnclaveTarget target =
        device.target().orElseThrow(() -> new WrongUseException("debug: expected an enclave, found none"));
    if (!target.debuggable()) {
      throw new WrongUseException(
          "debug: expected an enclave with ATTRIBUTES.DEBUG, found one without: EDBGRD and EDBGWR refuse its pages");
    }
    try {
      boolean unix = address instanceof UnixDomainSocketAddress;
      ServerSocketChannel channel = ServerSocketChannel.open(unix ? StandardProtocolFamily.UNIX
          : ((InetSocketAddress) address).getAddress() instanceof java.net.Inet6Address ? StandardProtocolFamily.INET6
              : StandardProtocolFamily.INET);
      bind(channel, address);
      var server = new DebugServer(channel, target, file);
      server.acceptor.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot listen at %s: %s".formatted(address, e.getMessage()), e);
    }
  }

  private static void bind(ServerSocketChannel channel, SocketAddress address) throws IOException {
    boolean done = false;
    try {
      if (address instanceof UnixDomainSocketAddress unix) {
        channel.bind(address, 1);
        Files.setPosixFilePermissions(unix.getPath(), PosixFilePermissions.fromString("rw-------"));
      } else {
        channel.setOption(StandardSocketOptions.SO_REUSEADDR, true).bind(address, 1);
      }
      done = true;
    } finally {
      if (!done) {
        channel.close();
      }
    }
  }

  /** Where it listens, with the port that it got. */
  public SocketAddress address() {
    try {
      return listening.getLocalAddress();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What to type to come here, but for the file. */
  public String gdbTarget() {
    return switch (address()) {
      case InetSocketAddress inet when inet.getAddress() instanceof java.net.Inet6Address v6 ->
          "tcp6:[%s]:%d".formatted(v6.getHostAddress(), inet.getPort());
      case InetSocketAddress inet -> "%s:%d".formatted(inet.getAddress().getHostAddress(), inet.getPort());
      case UnixDomainSocketAddress unix -> unix.getPath().toString();
      case SocketAddress other -> other.toString();
    };
  }

  private void accept() {
    while (!closed) {
      try {
        SocketChannel channel = listening.accept();
        if (!free.tryAcquire()) {
          channel.close();
          continue;
        }
        boolean started = false;
        try {
          start(channel);
          started = true;
        } finally {
          if (!started) { // it has hung up already
            channel.close();
            free.release();
          }
        }
      } catch (IOException e) {
        // The socket was closed, or a debugger left before it came. Of the former there is nothing more to be had.
        if (!listening.isOpen()) {
          return;
        }
      }
    }
  }

  /** Serves a debugger on a thread of its own, which gives the place free when it has left. */
  private void start(SocketChannel channel) throws IOException {
    if (address() instanceof InetSocketAddress) {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }
    var connection = new DebugConnection(channel, target, file);
    current = connection;
    Thread.ofPlatform()
        .daemon()
        .name("debug-session")
        .start(
            () -> {
              try {
                connection.serve();
              } finally {
                free.release();
              }
            });
  }

  /**
   * Tells a debugger that the program is over, and waits until it knows, or a second has passed.
   *
   * @param status the program's exit status
   */
  public void finished(int status) {
    target.gate().finished(status);
    DebugConnection connection = current;
    if (connection != null) {
      connection.awaitEnd();
    }
  }

  /** Lets everybody go and listens no more. Idempotent. */
  @Override
  public void close() {
    closed = true;
    target.gate().stopHolding();
    try {
      SocketAddress address = address();
      listening.close();
      if (address instanceof UnixDomainSocketAddress unix) {
        Files.deleteIfExists(unix.getPath());
      }
      DebugConnection connection = current;
      if (connection != null) {
        connection.close();
      }
    } catch (UncheckedIOException | IOException e) {
      // It was closed already.
    }
  }
}
