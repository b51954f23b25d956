package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.enclavisor.image.sgxs.SgxsWriter;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * Measures other people's signed enclaves, which cannot be part of this project: every MRENCLAVE has to be the one in
 * the SIGSTRUCT. Runs where {@code -Denclavisor.corpus=DIRECTORY} says where they are.
 */
@EnabledIfSystemProperty(named = "enclavisor.corpus", matches = ".+")
class ForeignCorpusTest {
  @Test
  void everySignedEnclaveMeasuresToItsSigstruct() throws IOException, GeneralSecurityException {
    List<Path> files;
    try (Stream<Path> walk = Files.walk(Path.of(System.getProperty("enclavisor.corpus")))) {
      files = walk.filter(Files::isRegularFile)
          .filter(file -> file.toString().matches(".*\\.(signed\\.so.*|signed|sgxs)"))
          .filter(file -> !file.toString().matches(".*\\.(txt|sigstruct)")).sorted().toList();
    }
    int measured = 0;
    for (Path file : files) {
      EnclaveImage image;
      try {
        image = Images.read(file);
      } catch (MalformedImageException e) {
        System.out.println("refused: " + e.getMessage());
        continue;
      }
      if (image.sigstruct().isPresent()) {
        Sigstruct sigstruct = image.sigstruct().get();
        assertThat(image.mrEnclave()).as(file.toString()).isEqualTo(sigstruct.enclaveHash());
        assertThat(sigstruct.verify()).as(file.toString()).isInstanceOf(SignatureCheck.Valid.class);
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        if (image.measuredBytes() < 512 << 20) {
          SgxsWriter.writeMeasured(image, stream);
          assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(stream.toByteArray())))
              .isEqualTo(sigstruct.enclaveHash().hex());
        }
        measured++;
      }
    }
    System.out.println(measured + " enclaves measured to their SIGSTRUCT, of " + files.size() + " files");
    assertThat(measured).isPositive();
  }
}
