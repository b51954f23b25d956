package org.enclavisor.host;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.enclavisor.host.sdk.RuntimeState;

/**
 * The host's side of a paused enclave: what it keeps in the shared memory, and where its calls stand. Beside the
 * enclave's own state, which the monitor writes, it is what another process needs to let the calls go on. It holds
 * nothing that the host did not have anyway. Immutable.
 */
public final class HostSnapshot {
  private final RuntimeState state;

  HostSnapshot(RuntimeState state) {
    this.state = state;
  }

  RuntimeState state() {
    return state;
  }

  /** How many calls were under way. */
  public int calls() {
    return (int) state.threads().stream().filter(thread -> thread.call() != null).count();
  }

  /** Writes it; the stream stays open. */
  public void write(OutputStream to) throws IOException {
    var out = new DataOutputStream(to);
    state.write(out);
    out.flush();
  }

  /**
   * Reads one.
   *
   * @throws IOException if it is something else; the message says where
   */
  public static HostSnapshot read(InputStream from) throws IOException {
    return new HostSnapshot(RuntimeState.read(new DataInputStream(from)));
  }
}
