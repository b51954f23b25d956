package org.enclavisor.host;

import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How an enclave is hosted. Shared memory costs only what is touched.
 *
 * @param debug whether to ask for a debug enclave
 * @param stackBytes of untrusted stack for each TCS; holds the buffers of OCALLs. Whole pages, at least 64 KiB
 * @param heapBytes of shared memory for large and lasting buffers. Whole pages
 * @param patience how long a thread waits for a free TCS, if the enclave's threads are not bound; then the call ends
 *     with {@link SgxStatus#SGX_ERROR_OUT_OF_TCS}. Enclaves with bound threads are refused at once, as in the SDK
 * @param progress told how loading gets on, or null
 * @param observer told of every call, or null
 * @param dynamicMemory whether enclaves of the SDK that can grow and shrink while they run (SGX2) do so
 */
public record HostConfig(
    boolean debug,
    long stackBytes,
    long heapBytes,
    Duration patience,
    @Nullable Consumer<LoadProgress> progress,
    @Nullable CallObserver observer,
    boolean dynamicMemory) {
  private static final int PAGE = 4096;

  public HostConfig {
    if (stackBytes < 64 << 10 || stackBytes % PAGE != 0) {
      throw new IllegalArgumentException("stackBytes=" + stackBytes + ": expected whole pages, at least 65536 bytes");
    }
    if (heapBytes < 0 || heapBytes % PAGE != 0) {
      throw new IllegalArgumentException("heapBytes=" + heapBytes + ": expected whole pages");
    }
    if (patience.isNegative()) {
      throw new IllegalArgumentException("patience=" + patience + ": expected zero or more");
    }
  }

  /** No debug enclave, 8 MiB of stack a thread, 256 MiB of heap, ten seconds of patience. */
  public static HostConfig defaults() {
    return new HostConfig(false, 8 << 20, 256 << 20, Duration.ofSeconds(10), null, null, true);
  }

  /** The same, asking for a debug enclave or not. */
  public HostConfig withDebug(boolean asked) {
    return new HostConfig(asked, stackBytes, heapBytes, patience, progress, observer, dynamicMemory);
  }

  /** The same with other stacks. */
  public HostConfig withStackBytes(long bytes) {
    return new HostConfig(debug, bytes, heapBytes, patience, progress, observer, dynamicMemory);
  }

  /** The same with another heap. */
  public HostConfig withHeapBytes(long bytes) {
    return new HostConfig(debug, stackBytes, bytes, patience, progress, observer, dynamicMemory);
  }

  /** The same with other patience. */
  public HostConfig withPatience(Duration time) {
    return new HostConfig(debug, stackBytes, heapBytes, time, progress, observer, dynamicMemory);
  }

  /** The same, telling somebody how loading gets on. */
  public HostConfig withProgress(Consumer<LoadProgress> listener) {
    return new HostConfig(debug, stackBytes, heapBytes, patience, listener, observer, dynamicMemory);
  }

  /** The same, telling somebody of every call. */
  public HostConfig withObserver(CallObserver told) {
    return new HostConfig(debug, stackBytes, heapBytes, patience, progress, told, dynamicMemory);
  }

  /** The same, with enclaves that change their pages while they run, or not. */
  public HostConfig withDynamicMemory(boolean allowed) {
    return new HostConfig(debug, stackBytes, heapBytes, patience, progress, observer, allowed);
  }
}
