package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;
import org.enclavisor.host.Enclave;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The computing kernels give what the JDK and plain Java give. */
class KernelsSampleTest {
  private static final int LINES = 32 << 20 >> 6;
  private static final int NUMBERS = 65536;
  private static final int SIDE = 96;

  interface Kernels {
    long prepare();

    long sha256(long n);

    long aes(long n);

    long sort(long n);

    long matrix(long n);

    long chase(long n);

    long stream(long n);
  }

  @ParameterizedTest
  @EnumSource
  void everyKernelComputesWhatJavaComputes(Way way) throws GeneralSecurityException {
    try (var hosting = Hosting.on(way);
        Enclave enclave = hosting.load("kernels")) {
      Kernels kernels = enclave.bind(Kernels.class);
      assertThat(kernels.sha256(3)).isEqualTo(sha256(3));
      int[] next = new int[LINES];
      assertThat(kernels.prepare()).isEqualTo(prepare(next));
      assertThat(kernels.sha256(50)).isEqualTo(sha256(50));
      assertThat(kernels.aes(4)).isEqualTo(aes(4));
      assertThat(kernels.sort(2)).isEqualTo(sort(2));
      assertThat(kernels.matrix(5)).isEqualTo(matrix(5));
      assertThat(kernels.chase(3)).isEqualTo(chase(3, next));
      assertThat(kernels.stream(7)).isEqualTo(stream(7));
    }
  }

  @ParameterizedTest
  @CsvSource({"sha256,20", "aes,5", "sort,1", "matrix,9", "chase,2", "stream,3"})
  void theSameCodeOutsideGivesTheSame(String kernel, String rounds) throws IOException, InterruptedException {
    String program = Hosting.EXAMPLES.resolve("kernels/kernels.native").toString();
    Process process = new ProcessBuilder(program, kernel, rounds).start();
    String[] words = new String(process.getInputStream().readAllBytes()).split(" ");
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = hosting.load("kernels")) {
      assertThat(enclave.call(kernel, Long.parseLong(rounds)).text()).isEqualTo(words[2]);
    }
  }

  @Test
  void theJavaSideIsRightAboutAes() throws GeneralSecurityException {
    // FIPS 197, appendix C.1: the first block of the chain.
    byte[] block = HexFormat.of().parseHex("00112233445566778899aabbccddeeff");
    assertThat(HexFormat.of().formatHex(cipher().doFinal(block))).isEqualTo("69c4e0d86a7b0430d8cdb78070b4c55a");
  }

  private static long random(long state) {
    state ^= state << 13;
    state ^= state >>> 7;
    return state ^ state << 17;
  }

  private static long sha256(int rounds) throws GeneralSecurityException {
    var page = ByteBuffer.allocate(4096);
    for (int i = 0; i < 1024; i++) {
      page.putInt(i);
    }
    byte[] digest = {};
    for (int i = 0; i < rounds; i++) {
      digest = MessageDigest.getInstance("SHA-256").digest(page.array());
      page.put(0, digest);
    }
    return ByteBuffer.wrap(digest).getLong();
  }

  private static Cipher cipher() throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/ECB/NoPadding");
    byte[] key = HexFormat.of().parseHex("000102030405060708090a0b0c0d0e0f");
    cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"));
    return cipher;
  }

  private static long aes(int rounds) throws GeneralSecurityException {
    Cipher cipher = cipher();
    byte[] block = HexFormat.of().parseHex("00112233445566778899aabbccddeeff");
    for (int i = 0; i < 256 * rounds; i++) {
      block = cipher.doFinal(block);
    }
    ByteBuffer halves = ByteBuffer.wrap(block);
    return halves.getLong(0) ^ halves.getLong(8);
  }

  private static long prepare(int[] next) {
    Arrays.setAll(next, i -> i);
    long random = 88172645463325252L;
    long sum = 0;
    for (int i = LINES - 1; i > 0; i--) {
      random = random(random);
      int k = (int) Long.remainderUnsigned(random, i);
      int line = next[i];
      next[i] = next[k];
      next[k] = line;
      sum = sum * 31 + line;
    }
    return sum;
  }

  private static long chase(int rounds, int[] next) {
    int at = 0;
    long sum = 0;
    for (int round = 0; round < rounds; round++) {
      for (int i = 0; i < 65536; i++) {
        at = next[at];
      }
      sum = sum * 31 + at;
    }
    return sum;
  }

  private static long sort(int rounds) {
    long random = 2463534242L;
    long sum = 0;
    for (int round = 0; round < rounds; round++) {
      long[] numbers = new long[NUMBERS];
      for (int i = 0; i < NUMBERS; i++) {
        random = random(random);
        numbers[i] = random & 0xffff_ffffL;
      }
      Arrays.sort(numbers);
      for (int i = 0; i < NUMBERS; i += 1000) {
        sum = sum * 31 + numbers[i];
      }
    }
    return sum;
  }

  private static long matrix(int rounds) {
    double trace = 0;
    for (int round = 0; round < rounds; round++) {
      int row = round % SIDE;
      for (int k = 0; k < SIDE; k++) {
        trace += ((row * SIDE + k) % 7) * ((k * SIDE + row) % 11);
      }
    }
    return (long) trace;
  }

  private static long stream(int rounds) {
    double sum = 0;
    for (int round = 0; round < rounds; round++) {
      sum += round + 3 + round % 5;
    }
    return (long) sum;
  }
}
