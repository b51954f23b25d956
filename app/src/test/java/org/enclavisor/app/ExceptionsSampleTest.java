package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.time.Duration;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.HostException;
import org.enclavisor.host.Ref;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.isa.Permissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults inside, handled by the enclave and not: examples/exceptions. */
@ParameterizedClass
@EnumSource(Way.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ExceptionsSampleTest {
  private static final int UNDEFINED = 6;
  private static final int PROTECTION = 13;
  private static final int PAGE_FAULT = 14;
  private static final int X87 = 16;
  private static final int SIMD = 19;
  private static final int WRITE = 2;
  private static final int USER = 4;

  interface Exceptions {
    int handle(int on);

    int divide(int a, int b);

    int peek(long address);

    int poke(long address, int value);

    int fail(int which);

    int failTwice();

    int reportFromHandler();

    int exhaustStack(int depth);

    void giveUp();

    void last(Ref<Integer> vector, Ref<Integer> errorCode, Ref<Long> address);
  }

  @Parameter private Way way;
  private Hosting hosting;
  private Enclave enclave;
  private Exceptions exceptions;

  @BeforeEach
  void load() {
    hosting = Hosting.on(way);
    enclave = hosting.load("exceptions", HostConfig.defaults().withPatience(Duration.ofMillis(200)));
    exceptions = enclave.bind(Exceptions.class);
  }

  @AfterEach
  void close() {
    hosting.close();
  }

  private void lastWas(int vector, int errorBits, long address) {
    Ref<Integer> foundVector = Ref.empty();
    Ref<Integer> errorCode = Ref.empty();
    Ref<Long> foundAddress = Ref.empty();
    exceptions.last(foundVector, errorCode, foundAddress);
    assertThat(foundVector.get()).as("vector").isEqualTo(vector);
    assertThat(errorCode.get() & errorBits).as("error code 0x%x", errorCode.get()).isEqualTo(errorBits);
    assertThat(foundAddress.get()).as("address 0x%x", foundAddress.get()).isEqualTo(address);
  }

  /** An address of a page that is there, with these permissions. */
  private long pageWith(Permissions permissions) {
    long base = hosting.monitor().secs(enclave.id()).baseAddr();
    return enclave.image().pages().stream()
        .filter(run -> run.secinfo().permissions().equals(permissions))
        .mapToLong(run -> base + run.offset())
        .findFirst()
        .orElseThrow();
  }

  @Test
  void handledFaultsNameTheirVector() {
    assertThat(exceptions.handle(1)).isZero();
    assertThat(exceptions.fail(0)).isEqualTo(UNDEFINED);
    assertThat(exceptions.fail(1)).as("INT3 is no instruction after an opt-out entry").isEqualTo(UNDEFINED);
    assertThat(exceptions.fail(2)).isEqualTo(PROTECTION);
    assertThat(exceptions.fail(3)).isEqualTo(PAGE_FAULT);
    assertThat(exceptions.fail(4)).isEqualTo(PAGE_FAULT);
    assertThat(exceptions.fail(5)).isEqualTo(SIMD);
    assertThat(exceptions.fail(6)).isEqualTo(X87);
    assertThat(exceptions.fail(7)).as("nothing").isEqualTo(-1);
    assertThat(exceptions.handle(0)).isEqualTo(1);
  }

  @Test
  void divisions() {
    assertThat(exceptions.divide(-7, 2)).isEqualTo(-3500);
    exceptions.handle(1);
    for (int i = 0; i < 200; i++) {
      assertThat(exceptions.divide(i, 0)).isEqualTo(-1);
      assertThat(exceptions.divide(i, 3)).isEqualTo(1000 * i / 3);
    }
    lastWas(0, 0, 0);
  }

  @Test
  void pageFaultsTellTheEnclaveWhereAndWhy() {
    exceptions.handle(1);
    long code = pageWith(Permissions.RX);
    int before = exceptions.peek(code + 1);
    assertThat(before).as("a byte of code").isBetween(0, 255);
    assertThat(exceptions.poke(code + 1, before ^ 1)).isEqualTo(-1);
    lastWas(PAGE_FAULT, WRITE | USER, code + 1);
    assertThat(exceptions.peek(code + 1)).isEqualTo(before);

    long hole = hosting.monitor().secs(enclave.id()).baseAddr() + enclave.image().secs().size() - 4096 + 123;
    assertThat(exceptions.peek(hole)).isEqualTo(-1);
    lastWas(PAGE_FAULT, USER, hole);
    assertThat(exceptions.poke(0x1234, 1)).as("nothing is mapped there").isEqualTo(-1);
    lastWas(PAGE_FAULT, WRITE | USER, 0x1234);
    assertThat(exceptions.peek(1L << 63)).isEqualTo(-1);
    lastWas(PROTECTION, 0, 0);
  }

  @Test
  void sharedMemoryCanBeReadAndWrittenInside() {
    try (var shared = enclave.buffer(16)) {
      assertThat(exceptions.poke(shared.address() + 3, 77)).isEqualTo(1);
      assertThat(shared.segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 3)).isEqualTo((byte) 77);
      assertThat(exceptions.peek(shared.address() + 3)).isEqualTo(77);
    }
  }

  @Test
  void handlersMayFailAndMayLeave() {
    exceptions.handle(1);
    assertThat(exceptions.failTwice()).isEqualTo(1);
    assertThat(exceptions.reportFromHandler()).isEqualTo(1);
    assertThat(hosting.printed()).isEqualTo("exception 6, said from its handler\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
  void anUnhandledFaultEndsTheCallAndSaysWhy(int which) {
    HostException failure = catchThrowableOfType(HostException.class, () -> exceptions.fail(which));
    assertThat(failure).isInstanceOf(EnclaveException.class);
    // The second is INT3, which is no instruction inside after an opt-out entry.
    String name = new String[] {"#UD", "#UD", "#GP", "#PF", "#PF", "#XM", "#MF"}[which];
    assertThat(failure).hasMessageContaining("fail").hasMessageContaining(name);
    assertOthersLive();
  }

  @Test
  void givingUpEndsTheEnclave() {
    assertThatThrownBy(() -> exceptions.giveUp()).isInstanceOf(EnclaveException.class);
    assertThatThrownBy(() -> exceptions.divide(4, 2))
        .isInstanceOfSatisfying(
            EnclaveException.class,
            e -> assertThat(e.status()).isEqualTo(SgxStatus.SGX_ERROR_ENCLAVE_CRASHED.code()));
    assertOthersLive();
  }

  @Test
  void aStackThatRunsOverEndsTheCall() {
    exceptions.handle(1);
    assertThatThrownBy(() -> exceptions.exhaustStack(0))
        .isInstanceOfSatisfying(
            EnclaveException.class,
            e -> assertThat(e.status()).isEqualTo(SgxStatus.SGX_ERROR_STACK_OVERRUN.code()));
    assertOthersLive();
  }

  private void assertOthersLive() {
    try (Enclave other = hosting.load("exceptions")) {
      assertThat(other.call("divide", 9, 2).value()).isEqualTo(4500);
    }
  }
}
