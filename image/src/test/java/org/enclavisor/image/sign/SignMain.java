package org.enclavisor.image.sign;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;

/**
 * Signs without the command line, for builds of samples: {@code SignMain ENCLAVE.so CONFIG.xml KEY.pem OUT.so [DATE]}.
 */
public final class SignMain {
  private SignMain() {}

  public static void main(String[] args) throws Exception {
    SigningOptions options = args.length > 4 ? SigningOptions.on(LocalDate.parse(args[4])) : SigningOptions.today();
    byte[] signed = EnclaveSigner.sign(Files.readAllBytes(Path.of(args[0])), args[0],
        SigningConfig.read(Path.of(args[1])), PemKeys.readPrivate(Path.of(args[2])), options);
    Path out = Path.of(args[3]);
    Files.write(out, signed);
    EnclaveImage image = Images.read(out);
    System.out.println("MRENCLAVE " + image.mrEnclave().hex());
    System.out.println("MRSIGNER  " + image.sigstruct().orElseThrow().mrSigner().hex());
  }
}
