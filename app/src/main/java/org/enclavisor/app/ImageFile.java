package org.enclavisor.app;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.ImageOptions;
import org.enclavisor.image.Images;

/** Reading the image that a command was pointed at. */
final class ImageFile {
  private ImageFile() {}

  /**
   * @param path an image, or a folder that describes one
   * @throws Failure if it cannot be read; a malformed image is thrown as the image module's own exception
   */
  static EnclaveImage read(Path path) {
    try {
      Path image = EnclaveFolder.of(path, Optional.empty()).image();
      return Images.read(image, ImageOptions.DEFAULT.withDynamicMemory(true));
    } catch (UncheckedIOException e) {
      throw new Failure(ExitCode.BAD_INPUT, e.getCause().getMessage() + " cannot be read", "");
    }
  }
}
