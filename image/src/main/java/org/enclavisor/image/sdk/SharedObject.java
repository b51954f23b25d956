package org.enclavisor.image.sdk;

/**
 * A shared object behind the enclave in the same file, loaded with it: the OpenSSL FIPS provider
 * ({@code extend_entry_shared_object_t}).
 *
 * @param fileOffset where it begins in the file
 * @param memoryOffset where its address 0 lies, from the image's first byte
 * @param size in bytes
 */
public record SharedObject(long fileOffset, long memoryOffset, long size) {
  public static final int BYTES = 32;
}
