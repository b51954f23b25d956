package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPublicKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.enclavisor.image.sign.PemKeys;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** {@code enclavisor sign} in one step and in two, on a sample that is signed anew. */
class SignCommandTest {
  private static final String IMAGE = "../examples/hello/hello.signed.so";
  private static final String CONFIG = "../examples/hello/enclave.xml";
  private static final String KEY = "../sdk/keys/sample-key.pem";

  @TempDir private Path folder;

  private CommandLineRun sign(int status, String... arguments) {
    List<String> all = new ArrayList<>(List.of("sign"));
    all.addAll(List.of(arguments));
    CommandLineRun run = CommandLineRun.of(all);
    assertThat(run.status()).as("%s%n%s", all, run).isEqualTo(status);
    return run;
  }

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  @Test
  void oneStepMakesTheCommittedFile() throws IOException {
    String out = file("hello.signed.so");
    JsonNode json =
        sign(
                ExitCode.OK, IMAGE, "--config", CONFIG, "--key", KEY, "--date", "2026-01-01", "--resign", "-o", out,
                "--json")
            .json();
    assertThat(Path.of(out)).hasSameBinaryContentAs(Path.of(IMAGE));
    assertThat(json.get("out").asString()).isEqualTo(out);
    assertThat(json.get("mrenclave").asString()).hasSize(64);
    assertThat(json.get("mrsigner").asString()).hasSize(64);
    assertThat(CommandLineRun.of("run", out, "--edl", "../examples/hello/hello.edl", "hello", "me").status()).isZero();
  }

  @Test
  void inTwoStepsTheKeyStaysElsewhere() throws IOException, GeneralSecurityException {
    sign(ExitCode.OK, "gendata", IMAGE, "--config", CONFIG, "--resign", "-o", file("material"));
    RSAPrivateCrtKey key = PemKeys.readPrivate(Path.of(KEY));
    Signature signature = Signature.getInstance("SHA256withRSA");
    signature.initSign(key);
    signature.update(Files.readAllBytes(folder.resolve("material")));
    Files.write(folder.resolve("signature"), signature.sign());
    PublicKey publicKey =
        KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(key.getModulus(), key.getPublicExponent()));
    String pem = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(publicKey.getEncoded());
    Files.writeString(
        folder.resolve("public.pem"), "-----BEGIN PUBLIC KEY-----\n" + pem + "\n-----END PUBLIC KEY-----\n");
    String[] catsig = {
      "catsig", IMAGE, "--config", CONFIG, "--resign", "--material", file("material"), "--public-key",
      file("public.pem"), "--signature", file("signature"), "-o", file("out.so")
    };
    sign(ExitCode.OK, catsig);
    CommandLineRun inspected = CommandLineRun.of("inspect", file("out.so"));
    assertThat(inspected.out()).contains("signature      valid", "equals MRENCLAVE");

    byte[] wrong = Files.readAllBytes(folder.resolve("signature"));
    wrong[10] ^= 1;
    Files.write(folder.resolve("signature"), wrong);
    assertThat(sign(ExitCode.BAD_INPUT, catsig).err()).contains("signature");
  }

  @Test
  void whatIsMissingOrWrongIsSaid() throws IOException {
    assertThat(sign(ExitCode.USAGE, IMAGE, "--resign", "-o", file("x")).err()).contains("--key");
    assertThat(sign(ExitCode.USAGE, IMAGE, "--resign", "--key", KEY).err()).contains("--out");
    assertThat(sign(ExitCode.BAD_INPUT, "nowhere.so", "--key", KEY, "-o", file("x")).err()).contains("nowhere.so");
    assertThat(sign(ExitCode.BAD_INPUT, IMAGE, "--key", "nokey.pem", "--resign", "-o", file("x")).err())
        .contains("nokey");
    assertThat(sign(ExitCode.BAD_INPUT, IMAGE, "--key", KEY, "-o", file("x")).err())
        .as("signed already")
        .contains("metadata");
    assertThat(sign(ExitCode.BAD_INPUT, IMAGE, "--key", IMAGE, "--resign", "-o", file("x")).err()).isNotBlank();
    Files.writeString(
        folder.resolve("bad.xml"), "<EnclaveConfiguration><HeapMaxSize>1</HeapMaxSize></EnclaveConfiguration>");
    assertThat(
            sign(ExitCode.BAD_INPUT, IMAGE, "--config", file("bad.xml"), "--key", KEY, "--resign", "-o", file("x"))
                .err())
        .contains("Heap");
    assertThat(folder.resolve("x")).doesNotExist();
  }
}
