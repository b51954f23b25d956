package org.enclavisor.image.sdk;

/**
 * Where an enclave insists on being ({@code elrange_config_entry_t}).
 *
 * @param imageAddress linear address of the image's first byte
 * @param start linear address of the ELRANGE
 * @param size of the ELRANGE in bytes
 */
public record Elrange(long imageAddress, long start, long size) {
  public static final int BYTES = 24;

  /** Where the image lies in the ELRANGE. */
  public long imageOffset() {
    return imageAddress - start;
  }
}
