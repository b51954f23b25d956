package org.enclavisor.image;

/**
 * What a reader cannot see in the file.
 *
 * @param dynamicMemory whether the platform adds and removes pages while an enclave runs (SGX2, "EDMM"). An SDK
 *     enclave with several metadata blocks is then read from the one for such platforms
 * @param selftestHeapBytes what the Linux selftests' harness appends, unmeasured, behind the last segment: the harness,
 *     not the file, says how much
 */
public record ImageOptions(boolean dynamicMemory, long selftestHeapBytes) {
  /** No dynamic memory; one page of heap for a selftest enclave, as its harness takes by default. */
  public static final ImageOptions DEFAULT = new ImageOptions(false, 4096);

  public ImageOptions {
    if (selftestHeapBytes < 0 || selftestHeapBytes % PageRun.PAGE != 0) {
      throw new IllegalArgumentException("selftestHeapBytes=" + selftestHeapBytes + ": whole pages needed");
    }
  }

  /** The same for a platform with or without dynamic memory. */
  public ImageOptions withDynamicMemory(boolean has) {
    return new ImageOptions(has, selftestHeapBytes);
  }

  /** The same with another heap for selftest enclaves. */
  public ImageOptions withSelftestHeap(long bytes) {
    return new ImageOptions(dynamicMemory, bytes);
  }
}
