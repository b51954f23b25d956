package org.enclavisor.image.openenclave;

import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.elf.ElfFile;

/** Recognises enclaves of the Open Enclave SDK. Reading them is the next step. */
public final class OpenEnclaveReader {
  /** The section by which they are known. */
  public static final String SECTION = ".oeinfo";

  private OpenEnclaveReader() {}

  /** @throws org.enclavisor.image.MalformedImageException always, for now */
  public static EnclaveImage read(ElfFile elf) {
    throw elf.bytes().malformed(SECTION, -1, "an image kind that can be read", "Open Enclave, which cannot yet");
  }
}
