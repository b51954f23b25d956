package org.enclavisor.host.marshal;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.enclavisor.host.Ref;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.sdk.MalformedAddressException;
import org.enclavisor.host.sdk.SharedMemory;
import org.enclavisor.monitor.UntrustedMemory;
import org.junit.jupiter.api.Test;

/** OCALL parameters as an enclave, also a hostile one, may leave them in the shared memory. */
class OcallFrameTest {
  private static final long BASE = 0x7000_0000_0000L;
  private static final int MS = 0x100;
  private static final int DATA = 0x800;

  private final MemorySegment segment = Arena.ofAuto().allocate(4096, 4096);
  private final SharedMemory memory = new SharedMemory(new UntrustedMemory(BASE, segment));

  private OcallFrame frame(String declaration) {
    return frame(declaration, BASE + MS);
  }

  private OcallFrame frame(String declaration, long address) {
    Edl edl =
        Edl.parse(
            "t.edl",
            "enclave { struct deep { uint32_t n; [count=n] int16_t* values; }; trusted { public void e(); };"
                + " untrusted { " + declaration + "; }; };");
    return new OcallFrame(new FunctionPlan(edl.ocalls().getFirst(), 0, new TypeTable(edl)), address, memory);
  }

  private void slot(int offset, long value) {
    segment.set(JAVA_LONG_UNALIGNED, MS + offset, value);
  }

  @Test
  void readsStrings() {
    slot(0, BASE + DATA);
    segment.setString(DATA, "grüße");
    assertThat(frame("void f([in, string] const char* s)").argument(0, String.class, Object.class))
        .isEqualTo("grüße");
    slot(0, 0);
    assertThat(frame("void f([in, string] const char* s)").argument(0, String.class, Object.class)).isNull();
  }

  @Test
  void readsAndWritesBuffers() {
    slot(8, BASE + DATA);
    slot(16, 3);
    segment.setAtIndex(JAVA_INT_UNALIGNED, DATA / 4, 5);
    OcallFrame frame = frame("int f([in, out, count=n] int* p, size_t n)");
    int[] values = (int[]) frame.argument(0, int[].class, Object.class);
    assertThat(values).containsExactly(5, 0, 0);
    values[2] = 9;
    frame.finish(-7, 0);
    assertThat(segment.getAtIndex(JAVA_INT_UNALIGNED, DATA / 4 + 2)).isEqualTo(9);
    assertThat(segment.get(JAVA_INT_UNALIGNED, MS)).isEqualTo(-7);
  }

  @Test
  void handsErrnoBack() {
    OcallFrame frame = frame("void f() propagate_errno");
    frame.finish(null, 5);
    assertThat(segment.get(JAVA_INT_UNALIGNED, MS)).isEqualTo(5);
  }

  @Test
  void keepsTheValuesItCopiedFirst() {
    slot(0, BASE + DATA);
    slot(8, 2);
    OcallFrame frame = frame("void f([in, count=n] int* p, size_t n)");
    slot(8, 1 << 20);
    assertThat((int[]) frame.argument(0, int[].class, Object.class)).hasSize(2);
  }

  public record Deep(long n, short[] values) {}

  @Test
  void structuresAreCopiedDeeplyBothWaysAndStayInPlace() {
    slot(0, BASE + DATA);
    segment.set(JAVA_INT_UNALIGNED, DATA, 2);
    segment.set(JAVA_LONG_UNALIGNED, DATA + 8, BASE + DATA + 64);
    segment.set(JAVA_INT_UNALIGNED, DATA + 64, 0x0007_0006);
    OcallFrame frame = frame("void f([in, out] struct deep* d)");
    @SuppressWarnings("unchecked") // what was asked for
    var ref = (Ref<Deep>) frame.argument(0, Ref.class, Deep.class);
    assertThat(ref.get().values()).containsExactly(6, 7);
    ref.set(new Deep(2, new short[] {1, 2}));
    frame.finish(null, 0);
    assertThat(segment.get(JAVA_LONG_UNALIGNED, DATA + 8)).isEqualTo(BASE + DATA + 64);
    assertThat(segment.get(JAVA_INT_UNALIGNED, DATA + 64)).isEqualTo(0x0002_0001);
  }

  @Test
  void refusesAddressesOutsideTheSharedMemory() {
    assertThatThrownBy(() -> frame("void f(int a)", 0x1000)).isInstanceOf(MalformedAddressException.class);
    assertThatThrownBy(() -> frame("void f(int a)", BASE + 4094)).isInstanceOf(MalformedAddressException.class);
    assertThatThrownBy(() -> frame("void f(int a)", -1)).isInstanceOf(MalformedAddressException.class);
    assertThatThrownBy(() -> frame("void f(int a)", 0)).isInstanceOf(MalformedAddressException.class);
    assertThatThrownBy(() -> frame("void f()", BASE)).isInstanceOf(MalformedAddressException.class);
    assertThat(frame("void f()", 0).size()).isZero();
    for (long address : new long[] {0x1000, BASE - 1, BASE + 4096 - 7, -8, Long.MIN_VALUE, Long.MAX_VALUE}) {
      slot(0, address);
      OcallFrame frame = frame("void f([in] int64_t* p)");
      assertThatThrownBy(() -> frame.argument(0, long[].class, Object.class))
          .isInstanceOf(MalformedAddressException.class)
          .hasMessageContaining("OCALL f(p)");
    }
  }

  @Test
  void refusesLengthsBeyondTheSharedMemory() {
    slot(0, BASE + DATA);
    for (long count : new long[] {513, 1L << 40, Long.MAX_VALUE, -1}) {
      slot(8, count);
      OcallFrame frame = frame("void f([in, count=n] int64_t* p, size_t n)");
      assertThatThrownBy(() -> frame.argument(0, long[].class, Object.class))
          .isInstanceOfAny(MalformedAddressException.class, WrongUseException.class);
    }
  }

  @Test
  void refusesStringsWithoutEnd() {
    slot(0, BASE + DATA);
    segment.asSlice(DATA).fill((byte) 'x');
    OcallFrame frame = frame("void f([in, string] const char* s)");
    assertThatThrownBy(() -> frame.argument(0, String.class, Object.class))
        .isInstanceOf(MalformedAddressException.class)
        .hasMessageContaining("a zero at the end of the string");
  }

  @Test
  void refusesMembersThatPointOutside() {
    slot(0, BASE + DATA);
    segment.set(JAVA_INT_UNALIGNED, DATA, 2);
    segment.set(JAVA_LONG_UNALIGNED, DATA + 8, 0x1234);
    OcallFrame frame = frame("void f([in] struct deep* d)");
    assertThatThrownBy(() -> frame.argument(0, Map.class, Object.class)).isInstanceOf(MalformedAddressException.class);
  }

  @Test
  void uncheckedPointersAreNumbers() {
    slot(0, 0x1234);
    assertThat(frame("void f([user_check] void* p)").argument(0, long.class, Object.class)).isEqualTo(0x1234L);
    slot(0, BASE + 4000);
    assertThat(frame("void f([user_check] void* p)").argument(0, MemorySegment.class, Object.class))
        .isInstanceOfSatisfying(MemorySegment.class, s -> assertThat(s.byteSize()).isEqualTo(96));
  }

  @Test
  void refusesTypesThatCannotHoldAValue() {
    slot(0, 1L << 40);
    OcallFrame wide = frame("void f(uint64_t v)");
    assertThatThrownBy(() -> wide.argument(0, int.class, Object.class)).isInstanceOf(WrongUseException.class);
    assertThat(wide.argument(0, long.class, Object.class)).isEqualTo(1L << 40);
    slot(0, BASE + DATA);
    OcallFrame out = frame("void f([out] int64_t* v)");
    assertThatThrownBy(() -> out.argument(0, long.class, Object.class)).hasMessageContaining("Ref");
  }

  @Test
  void structuresAsMapsForThoseWhoHaveNoRecord() {
    slot(0, BASE + DATA);
    segment.set(JAVA_INT_UNALIGNED, DATA, 0);
    Object value = frame("void f([in] struct deep* d)").argument(0, Object.class, Object.class);
    assertThat(value).hasToString("{n=0, values=null}");
  }
}
