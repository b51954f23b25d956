package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.OcallContext;
import org.enclavisor.host.OcallFailedException;
import org.enclavisor.host.Ref;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.host.WrongUseException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Every ECALL and OCALL of examples/calls, with a result that Java computes by itself. */
@ParameterizedClass
@EnumSource(Way.class)
class CallsSampleTest {
  record Point(int x, int y) {}

  record Blob(long length, byte[] bytes) {}

  enum Shape {
    CIRCLE,
    SQUARE,
    TRIANGLE
  }

  interface Calls {
    void nothing();

    int add(int a, int b);

    double scale(double value, float factor);

    long mix(
        byte c, byte i8, short u8, short i16, int u16, int i32, long u32, long i64, long u64, long size, long word,
        long distance);

    int corners(int shape);

    long reversedWord(byte[] word);

    int dot(Point a, Point b);

    long sum(int[] values, long n);

    void fill(byte[] buffer, long n, int value);

    void reverse(byte[] buffer, long n);

    void squares(byte[] buffer, long width, long n);

    long length(String text);

    void upper(Ref<String> text);

    void rotate(int[] values);

    void transpose(int[][] matrix, int[][] result);

    long look(long anywhere);

    void mirror(Ref<Point> p);

    void box(Point[] points, long n, Ref<Point> low, Ref<Point> high);

    long blobSum(Blob blob);

    int nest(int depth);

    int nestForbidden(int depth);

    int allOcalls();
  }

  /** A host that does what the OCALLs' names say. */
  public static final class Servant {
    private final Enclave enclave;
    private final List<Integer> depths = new ArrayList<>();

    Servant(Enclave enclave) {
      this.enclave = enclave;
    }

    public void ocallNothing() {}

    public int ocallAdd(int a, int b) {
      return a + b;
    }

    public int ocallNested(int depth) {
      depths.add(depth);
      return (int) enclave.call("inner", depth).value();
    }

    public int ocallNotNested(OcallContext context, int depth) {
      return (int) context.enclave().call("inner", depth).value();
    }

    public void ocallBuffers(byte[] in, byte[] out, byte[] both, long n) {
      for (int i = 0; i < n; i++) {
        out[i] = in[i];
        both[i] += in[i];
      }
    }

    public void ocallUpper(Ref<String> text) {
      text.set(text.get().toUpperCase(Locale.ROOT));
    }

    public void ocallPoint(Ref<Point> p) {
      p.set(new Point(p.get().y(), p.get().x()));
    }

    public long ocallLook(long anywhere) {
      return anywhere;
    }

    public int ocallFails(OcallContext context) {
      context.errno(5);
      return -1;
    }
  }

  @Parameter private Way way;
  private Hosting hosting;
  private Enclave enclave;
  private Servant servant;
  private Calls calls;

  @BeforeEach
  void load() {
    hosting = Hosting.on(way);
    enclave = hosting.load("calls");
    servant = new Servant(enclave);
    calls = enclave.bind(Calls.class, servant);
  }

  @AfterEach
  void close() {
    hosting.close();
  }

  @Test
  void values() {
    calls.nothing();
    assertThat(calls.add(Integer.MAX_VALUE, 1)).isEqualTo(Integer.MIN_VALUE);
    assertThat(calls.add(-40, -2)).isEqualTo(-42);
    assertThat(calls.scale(-1.25e300, 0.1f)).isEqualTo(-1.25e300 * 0.1f);
    assertThat(calls.scale(1, Float.NaN)).isNaN();
    long mixed =
        -1 + 2L * -128 + 3 * 255 + 4L * -32768 + 5 * 65535 + 6L * Integer.MIN_VALUE + 7 * 0xffff_ffffL
            + 8 * Long.MIN_VALUE + 9 * -1L + 10 * 123_456_789_012L + 11 * 0xffff_fffeL + 12 * -5L;
    assertThat(
            calls.mix(
                (byte) -1, (byte) -128, (short) 255, (short) -32768, 65535, Integer.MIN_VALUE, 0xffff_ffffL,
                Long.MIN_VALUE, -1, 123_456_789_012L, 0xffff_fffeL, -5))
        .isEqualTo(mixed);
    assertThat(calls.corners(0)).isZero();
    assertThat(calls.corners(5)).isEqualTo(4);
    assertThat(calls.corners(6)).isEqualTo(3);
    assertThat(enclave.callText("corners", List.of("SQUARE")).value()).isEqualTo(4);
    assertThat(calls.reversedWord(new byte[] {1, 2, 3, (byte) 0xf4})).isEqualTo(0x010203f4L);
    assertThat(calls.dot(new Point(3, -4), new Point(5, 6))).isEqualTo(3 * 5 - 4 * 6);
  }

  @Test
  void buffers() {
    var random = new Random(1);
    for (int n : new int[] {0, 1, 7, 1024, 5000}) {
      int[] values = random.ints(n).toArray();
      assertThat(calls.sum(values, n)).as("n=%d", n).isEqualTo(IntStream.of(values).asLongStream().sum());
      var filled = new byte[n];
      calls.fill(filled, n, 0xa5);
      for (byte one : filled) {
        assertThat(one).isEqualTo((byte) 0xa5);
      }
      var bytes = new byte[n];
      random.nextBytes(bytes);
      var reversed = bytes.clone();
      calls.reverse(reversed, n);
      for (int i = 0; i < n; i++) {
        assertThat(reversed[i]).isEqualTo(bytes[n - 1 - i]);
      }
    }
    assertThat(calls.sum(null, 3)).as("NULL").isZero();
    byte[] threes = {3, 0, 0, (byte) 0xff, 0, 0};
    calls.squares(threes, 3, 2);
    assertThat(threes).containsExactly(9, 0, 0, 0x01, (byte) 0xfe, 0);
  }

  @Test
  void whatDoesNotFitIntoTheEnclaveIsRefusedByIt() {
    // The heap of the enclave is 1 MiB.
    var bytes = new byte[8 << 20];
    assertThatThrownBy(() -> calls.reverse(bytes, bytes.length))
        .isInstanceOfSatisfying(
            EnclaveException.class,
            e -> assertThat(e.status()).isEqualTo(SgxStatus.SGX_ERROR_OUT_OF_MEMORY.code()));
    assertThat(calls.add(1, 2)).as("it goes on").isEqualTo(3);
    assertThatThrownBy(() -> calls.squares(new byte[8], Long.MAX_VALUE, 3)).isInstanceOf(WrongUseException.class);
  }

  @Test
  void textsAndArrays() {
    assertThat(calls.length("")).isZero();
    assertThat(calls.length("zażółć")).isEqualTo("zażółć".getBytes(java.nio.charset.StandardCharsets.UTF_8).length);
    assertThat(calls.length("x".repeat(100_000))).isEqualTo(100_000);
    Ref<String> text = Ref.of("shout! ä");
    calls.upper(text);
    assertThat(text.get()).isEqualTo("SHOUT! ä");
    int[] four = {1, 2, 3, 4};
    calls.rotate(four);
    assertThat(four).containsExactly(2, 3, 4, 1);
    int[][] matrix = {{1, 2, 3}, {4, 5, 6}};
    int[][] transposed = new int[3][2];
    calls.transpose(matrix, transposed);
    assertThat(transposed).isDeepEqualTo(new int[][] {{1, 4}, {2, 5}, {3, 6}});
    assertThat(matrix).isDeepEqualTo(new int[][] {{2, 3, 4}, {5, 6, 7}});
  }

  @Test
  void structures() {
    Ref<Point> p = Ref.of(new Point(3, -4));
    calls.mirror(p);
    assertThat(p.get()).isEqualTo(new Point(-4, 3));
    Ref<Point> low = Ref.empty();
    Ref<Point> high = Ref.empty();
    calls.box(new Point[] {new Point(3, 9), new Point(-1, 4), new Point(2, 12)}, 3, low, high);
    assertThat(low.get()).isEqualTo(new Point(-1, 4));
    assertThat(high.get()).isEqualTo(new Point(3, 12));
    var bytes = new byte[1000];
    new Random(2).nextBytes(bytes);
    long total = IntStream.range(0, 1000).map(i -> bytes[i] & 0xff).sum();
    assertThat(calls.blobSum(new Blob(bytes.length, bytes))).isEqualTo(total);
    assertThat(calls.blobSum(null)).isZero();
  }

  @Test
  void memoryThatHostAndEnclaveShare() {
    try (var shared = enclave.buffer(64)) {
      shared.segment().set(ValueLayout.JAVA_LONG, 8, 41);
      assertThat(calls.look(shared.address() + 8)).isEqualTo(41);
      assertThat(shared.segment().get(ValueLayout.JAVA_LONG, 8)).isEqualTo(42);
    }
    long inside = hosting.monitor().secs(enclave.id()).baseAddr();
    assertThat(calls.look(inside)).as("the enclave refuses an address of its own").isZero();
  }

  @Test
  void callsWithinCalls() {
    int depth = 20;
    assertThat(calls.nest(depth)).isEqualTo((int) LongStream.rangeClosed(0, depth).sum());
    assertThat(servant.depths)
        .containsExactlyElementsOf(IntStream.range(0, depth).mapToObj(i -> depth - 1 - i).toList());
    assertThat(calls.allOcalls()).as("0, or the number of the first OCALL that went wrong").isZero();
  }

  @Test
  void privateCallsAreOnlyForThoseWhoMay() {
    assertThatThrownBy(() -> enclave.call("inner", 1)).isInstanceOf(WrongUseException.class);
    assertThatThrownBy(() -> calls.nestForbidden(1))
        .isInstanceOf(OcallFailedException.class)
        .cause()
        .isInstanceOfSatisfying(
            EnclaveException.class,
            e -> assertThat(e.status()).isEqualTo(SgxStatus.SGX_ERROR_ECALL_NOT_ALLOWED.code()));
    assertThat(calls.nest(3)).as("it goes on").isEqualTo(6);
  }

  @Test
  void anExceptionInAnOcallReachesTheCallerAndTheEnclaveGoesOn() {
    enclave.serve(new Failing());
    assertThatThrownBy(() -> calls.allOcalls())
        .isInstanceOf(OcallFailedException.class)
        .hasMessageContaining("ocall_add")
        .cause()
        .isInstanceOf(ArithmeticException.class)
        .hasMessage("no sums today");
    enclave.serve(servant);
    assertThat(calls.allOcalls()).isZero();
  }

  /** Serves one OCALL, and that badly. */
  public static final class Failing {
    public int ocallAdd(int a, int b) {
      throw new ArithmeticException("no sums today");
    }
  }

  @Test
  void wrongUseIsSaidClearlyAndNothingIsCalled() {
    assertThatThrownBy(() -> enclave.call("ad", 1, 2))
        .isInstanceOf(WrongUseException.class)
        .hasMessageContaining("add");
    assertThatThrownBy(() -> enclave.call("add", 1)).isInstanceOf(WrongUseException.class);
    assertThatThrownBy(() -> enclave.call("add", "one", 2)).isInstanceOf(WrongUseException.class);
    assertThatThrownBy(() -> calls.sum(new int[2], 3)).isInstanceOf(WrongUseException.class);
    assertThatThrownBy(() -> enclave.bind(Unknown.class)).isInstanceOf(WrongUseException.class);
    enclave.close();
    enclave.close();
    assertThatThrownBy(() -> calls.add(1, 2)).isInstanceOf(WrongUseException.class).hasMessageContaining("closed");
  }

  interface Unknown {
    void noSuchCall();
  }
}
