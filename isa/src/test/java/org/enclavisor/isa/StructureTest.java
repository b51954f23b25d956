package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds of every structure. */
@ParameterizedClass
@MethodSource("structures")
class StructureTest<T> {
  private final StructureCase<T> structure;

  StructureTest(StructureCase<T> structure) {
    this.structure = structure;
  }

  static List<StructureCase<?>> structures() {
    return Structures.all();
  }

  @Test
  void hasTheManualsBytes() {
    assertThat(structure.write(structure.value())).isEqualTo(structure.golden());
    assertThat(structure.read(structure.golden())).isEqualTo(structure.value());
  }

  @Test
  void hasTheSizeOfItsLayout() {
    assertThat(structure.layout().byteSize()).isEqualTo(structure.size()).isEqualTo(structure.golden().length);
  }

  @Test
  void refusesEveryOtherSize() {
    for (int size : new int[] {0, structure.size() - 1, structure.size() + 1, 2 * structure.size()}) {
      assertThatThrownBy(() -> structure.read(Arrays.copyOf(structure.golden(), size)))
          .isInstanceOfSatisfying(
              MalformedStructureException.class,
              e -> {
                assertThat(e.structure()).isEqualTo(structure.name());
                assertThat(e.expected()).isEqualTo(structure.size() + " bytes");
                assertThat(e.found()).isEqualTo(size + " bytes");
              });
    }
  }

  @Test
  void overwritesWhateverWasThere() {
    byte[] bytes = new byte[structure.size() + 8];
    Arrays.fill(bytes, (byte) 0xa5);
    structure.write().accept(structure.value(), MemorySegment.ofArray(bytes));
    assertThat(Arrays.copyOf(bytes, structure.size())).isEqualTo(structure.golden());
    assertThat(Arrays.copyOfRange(bytes, structure.size(), bytes.length)).containsOnly(0xa5);
  }

  /** The corrupted twins: no bit is overlooked, it is either part of the value or refused by the name of its place. */
  @Test
  void everyBitCounts() {
    for (int bit = 0; bit < 8 * structure.size(); bit++) {
      byte[] twin = structure.golden().clone();
      twin[bit / 8] ^= (byte) (1 << bit % 8);
      checkTwin(twin, bit / 8);
    }
  }

  private void checkTwin(byte[] twin, int changed) {
    MemoryLayout member = memberAt(changed);
    boolean reserved = member.name().orElseThrow().startsWith("reserved");
    boolean refused = false;
    try {
      T value = structure.read(twin);
      assertThat(value).as("byte %d", changed).isNotEqualTo(structure.value());
      assertThat(structure.write(value)).as("byte %d", changed).isEqualTo(twin);
    } catch (MalformedStructureException e) {
      refused = true;
      assertThat(e.offset()).as("offset of %s", e.getMessage()).isBetween(offsetOf(member), (long) changed);
      assertThat(e.structure()).isEqualTo(structure.name());
      assertThat(e.field()).startsWith(member.name().orElseThrow());
      assertThat(e.getMessage()).contains(e.structure(), e.field(), e.expected(), e.found());
    }
    if (reserved) {
      assertThat(refused).as("reserved byte %d is refused", changed).isTrue();
    }
    assertThat(structure.hasReservedBits().test(MemorySegment.ofArray(twin)))
        .as("hasReservedBits with byte %d changed", changed)
        .isEqualTo(refused);
  }

  private MemoryLayout memberAt(long offset) {
    long end = 0;
    for (MemoryLayout member : structure.layout().memberLayouts()) {
      end += member.byteSize();
      if (offset < end) {
        return member;
      }
    }
    throw new AssertionError(offset);
  }

  private long offsetOf(MemoryLayout member) {
    return structure.layout().byteOffset(MemoryLayout.PathElement.groupElement(member.name().orElseThrow()));
  }
}
