package org.enclavisor.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.spi.Platform;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The signed samples, called from Java on this machine's platforms: what the tests of the whole leave out. */
@Timeout(120)
class SamplesTest {

  enum Machinery {
    STUB {
      @Override
      Platform open() {
        return StubPlatform.open();
      }
    },
    PTRACE {
      @Override
      Platform open() {
        return PtracePlatform.open();
      }
    };

    abstract Platform open();
  }

  private static Enclavisor open(Machinery machinery) {
    assumeTrue(System.getProperty("os.name").equals("Linux") && System.getProperty("os.arch").equals("amd64"));
    return Enclavisor.open(machinery.open());
  }

  private static Enclave load(Enclavisor enclavisor, String sample) {
    Path folder = Path.of("..", "examples", sample);
    return enclavisor.load(folder.resolve(sample + ".signed.so"), Edl.read(folder.resolve(sample + ".edl")));
  }

  public interface Hello {
    int hello(String name);
  }

  public static class Printed {
    final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();

    public void ocallPrintString(String text) {
      lines.add(text.strip());
    }
  }

  @ParameterizedTest
  @EnumSource
  void hello(Machinery machinery) {
    var printed = new Printed();
    try (var enclavisor = open(machinery);
        var enclave = load(enclavisor, "hello")) {
      Hello hello = enclave.bind(Hello.class, printed);
      assertThat(hello.hello("world")).isEqualTo(1);
      assertThat(hello.hello("grüße")).isEqualTo(2);
      assertThat(printed.lines).hasSize(2);
      assertThat(printed.lines.peek()).startsWith("Hello, world!");
      assertThat(enclave.isolation().text()).isEqualTo("host-isolation: none");
      assertThat(hello.toString()).contains("Hello");
      assertThat(hello).isEqualTo(hello).hasSameHashCodeAs(hello);
    }
  }

  public record Point(int x, int y) {}

  /** The sample's SQUARE is 5: its constants are found by name. */
  public enum Figure {
    CIRCLE,
    SQUARE,
    TRIANGLE
  }

  /** Some ECALLs of the sample calls, with other Java types than the test of the command line has for them. */
  public interface Calls {
    int add(int a, int b);

    long mix(
        byte c, byte i8, int u8, short i16, int u16, int i32, long u32, long i64, long u64, long size, int word,
        long distance);

    int corners(Figure shape);

    long sum(int[] values, long n);

    void fill(byte[] buffer, long n, int value);

    void reverse(byte[] buffer, long n);

    void squares(byte[] buffer, long width, long n);

    long look(UntrustedBuffer anywhere);

    int nest(int depth);

    int nestForbidden(int depth);

    int inner(int depth);

    int allOcalls();
  }

  public static class CallsOcalls {
    Calls calls;
    final List<String> seen = new ArrayList<>();

    public void ocall_print_string(String text) {
      seen.add(text);
    }

    public void ocall_nothing() {
      seen.add("nothing");
    }

    public int ocall_add(int a, int b) {
      return a + b;
    }

    public int ocall_nested(int depth) {
      return calls.inner(depth);
    }

    public int ocall_not_nested(int depth) {
      return calls.inner(depth);
    }

    public void ocall_buffers(byte[] in, byte[] out, byte[] both, long n) {
      for (int i = 0; i < n; i++) {
        out[i] = in[i];
        both[i] += in[i];
      }
    }

    public void ocall_upper(Ref<String> text) {
      text.set(text.get().toUpperCase());
    }

    public void ocall_point(Ref<Point> p) {
      p.set(new Point(p.get().y(), p.get().x()));
    }

    public long ocall_look(long anywhere) {
      return anywhere;
    }

    public int ocall_fails(OcallContext context) {
      context.errno(5);
      return -1;
    }
  }

  @ParameterizedTest
  @EnumSource
  void parametersOfManyTypes(Machinery machinery) {
    var servant = new CallsOcalls();
    try (var enclavisor = open(machinery);
        var enclave = load(enclavisor, "calls")) {
      Calls calls = enclave.bind(Calls.class, servant);
      servant.calls = calls;
      assertThat(calls.mix((byte) 'a', (byte) 1, 2, (short) 3, 4, 5, 6, 7, 8, 9, 10, 11))
          .isEqualTo(
              enclave
                  .callText("mix", List.of("'a'", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"))
                  .value());
      assertThat(calls.corners(Figure.SQUARE)).isEqualTo(4);
      assertThat(calls.corners(Figure.TRIANGLE)).isEqualTo(3);
      assertThat(calls.sum(new int[] {1, 2, 3}, 0)).isZero();
      byte[] buffer = new byte[5];
      calls.fill(buffer, 4, 171);
      assertThat(buffer).containsExactly(171, 171, 171, 171, 0);
      byte[] large = new byte[256 << 10];
      large[0] = 1;
      calls.reverse(large, large.length);
      assertThat(large[large.length - 1]).isEqualTo((byte) 1);
      byte[] squares = {1, 2, 3, 4};
      calls.squares(squares, 2, 2);
      // Two little-endian numbers of two bytes: 0x0201 and 0x0403, each squared and cut to its width.
      assertThat(squares).containsExactly(0x01, 0x04, 0x09, 0x18);
      try (var shared = enclave.buffer(8)) {
        shared.segment().set(ValueLayout.JAVA_LONG, 0, 77);
        assertThat(calls.look(shared)).isEqualTo(77);
      }
      assertThat(calls.allOcalls()).isZero();
      assertThat(servant.seen).contains("nothing");
    }
  }

  @ParameterizedTest
  @EnumSource
  void ocallsThatFailReachTheCaller(Machinery machinery) {
    var servant = new CallsOcalls();
    try (var enclavisor = open(machinery);
        var enclave = load(enclavisor, "calls")) {
      Calls calls = enclave.bind(Calls.class, servant);
      servant.calls = calls;
      // inner is not in ocall_not_nested's allow list: the enclave itself refuses, and that comes out as the cause.
      assertThatThrownBy(() -> calls.nestForbidden(1))
          .isInstanceOf(OcallFailedException.class)
          .hasMessageContaining("ocall_not_nested")
          .cause()
          .isInstanceOfSatisfying(
              EnclaveException.class,
              e -> assertThat(e.status()).isEqualTo(SgxStatus.SGX_ERROR_ECALL_NOT_ALLOWED.code()));
      assertThatThrownBy(() -> calls.inner(1)).isInstanceOf(WrongUseException.class).hasMessageContaining("private");

      enclave.serve(new Object() {
        @SuppressWarnings("unused") // called by name
        public int ocall_nested(int depth) {
          throw new IllegalStateException("no more");
        }
      });
      assertThatThrownBy(() -> calls.nest(2))
          .isInstanceOf(OcallFailedException.class)
          .hasRootCauseMessage("no more");
      assertThat(calls.add(1, 1)).as("the enclave goes on").isEqualTo(2);
    }
  }

  @ParameterizedTest
  @EnumSource
  void callsByName(Machinery machinery) {
    try (var enclavisor = open(machinery);
        var enclave = load(enclavisor, "calls")) {
      assertThat(enclave.callText("add", List.of("40", "0x2")).text()).isEqualTo("42");
      assertThat(enclave.callText("fill", List.of("3", "7")).text("buffer")).isEqualTo("hex:070707");
      assertThat(enclave.callText("dot", List.of("x=1,y=2", "x=3,y=4")).text()).isEqualTo("11");
      assertThat(enclave.callText("blob_sum", List.of("length=2,bytes=hex:0105")).text()).isEqualTo("6");
      assertThat(enclave.call("add", 1, 2).value()).isEqualTo(3);
      assertThatThrownBy(() -> enclave.call("ad", 1, 2))
          .isInstanceOf(WrongUseException.class)
          .hasMessageContaining("add");
      assertThatThrownBy(() -> enclave.call("add", 1))
          .isInstanceOf(WrongUseException.class)
          .hasMessage("int add(int a, int b): expected 2 arguments, found 1");
      assertThatThrownBy(() -> enclave.call("add", 1, "two")).isInstanceOf(WrongUseException.class);
      assertThatThrownBy(() -> enclave.call("add", 1, 1L << 33)).isInstanceOf(WrongUseException.class);
      assertThatThrownBy(() -> enclave.call("reverse", "text", 4)).hasMessageContaining("array, MemorySegment or Ref");
      assertThatThrownBy(() -> enclave.call("sum", new int[2], 3)).hasMessageContaining("at least 12 bytes");
      assertThatThrownBy(() -> enclave.call("sum", new long[2], 2)).hasMessageContaining("4-byte elements");
      assertThatThrownBy(() -> enclave.call("sum", new int[2], -1)).isInstanceOf(WrongUseException.class);
      enclave.close();
      assertThatThrownBy(() -> enclave.call("add", 1, 2))
          .isInstanceOf(WrongUseException.class)
          .hasMessageContaining("closed");
    }
  }

  @ParameterizedTest
  @EnumSource
  void anUnhandledExceptionIsToldWithItsStatusAndVector(Machinery machinery) {
    try (var enclavisor = open(machinery);
        var enclave = load(enclavisor, "exceptions")) {
      assertThatThrownBy(() -> enclave.call("divide", 1, 0))
          .isInstanceOf(EnclaveException.class)
          .hasMessageContaining("SGX_ERROR_ENCLAVE_CRASHED (0x1006)")
          .hasMessageContaining("#DE");
      assertThatThrownBy(() -> enclave.call("divide", 4, 2)).isInstanceOf(EnclaveException.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void virtualThreadsMayCall(Machinery machinery) throws Exception {
    try (var enclavisor = open(machinery);
        var enclave = load(enclavisor, "threads");
        var executor = Executors.newVirtualThreadPerTaskExecutor()) {
      enclave.serve(new Printed());
      var counts = new ArrayList<Future<?>>();
      for (int i = 0; i < 20; i++) {
        counts.add(executor.submit(() -> enclave.call("count_atomic", 50L)));
      }
      for (Future<?> count : counts) {
        count.get();
      }
      assertThat(enclave.call("counted").value()).isEqualTo(1000L);
    }
  }

  @ParameterizedTest
  @EnumSource
  void closingEndsCallsUnderWay(Machinery machinery) throws Exception {
    try (var enclavisor = open(machinery);
        var executor = Executors.newSingleThreadExecutor()) {
      Enclave enclave = load(enclavisor, "threads");
      enclave.serve(new Printed());
      // Two parties never meet: the thread spins inside.
      Future<CallResult> call = executor.submit(() -> enclave.call("meet", 2, Long.MAX_VALUE));
      Thread.sleep(200);
      assertThat(call.isDone()).isFalse();
      enclave.close();
      assertThatThrownBy(call::get).hasCauseInstanceOf(EnclaveLostException.class);
      enclave.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void changedImagesAreRefused(Machinery machinery) throws Exception {
    Path folder = Path.of("..", "examples", "hello");
    byte[] bytes = java.nio.file.Files.readAllBytes(folder.resolve("hello.signed.so"));
    bytes[0x1000] ^= 1;
    try (var enclavisor = open(machinery)) {
      var image =
          org.enclavisor.image.Images.read(java.lang.foreign.MemorySegment.ofArray(bytes), "changed.so");
      assertThatThrownBy(
              () -> enclavisor.load(image, Edl.read(folder.resolve("hello.edl")), HostConfig.defaults()))
          .isInstanceOf(LoadException.class)
          .hasMessageContaining("EINIT")
          .hasMessageContaining("MEASUREMENT")
          .hasMessageContaining("Next: ");
    }
  }
}
