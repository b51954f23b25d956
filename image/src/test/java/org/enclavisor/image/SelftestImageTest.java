package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SelftestImageTest {
  private static EnclaveImage read(byte[] file, ImageOptions options) {
    return Images.read(MemorySegment.ofArray(file), "t.elf", options);
  }

  /** load.c maps whole pages of the file, so what stands behind a segment in the file is part of its last page. */
  @Test
  void measuresThePagesThatTheHarnessAdds() {
    byte[] file = TinyEnclaves.selftest();
    var manual = new ManualMeasurement(1, 0x8000)
        .measure(0, ManualMeasurement.TCS, Arrays.copyOfRange(file, 0x1000, 0x2000))
        .measure(0x1000, ManualMeasurement.RX, Arrays.copyOfRange(file, 0x2000, 0x3000))
        .measure(0x2000, ManualMeasurement.RW, Arrays.copyOfRange(file, 0x3000, 0x4000))
        .measure(0x3000, ManualMeasurement.RW, Arrays.copyOfRange(file, 0x4000, file.length))
        .add(0x4000, ManualMeasurement.RW);

    EnclaveImage image = read(file, ImageOptions.DEFAULT);

    assertThat(file.length).isLessThan(0x5000);
    assertThat(image.mrEnclave().hex()).isEqualTo(manual.mrEnclave());
    assertThat(image.threads()).extracting(ThreadSlot::offset).containsExactly(0L);
    assertThat(image.launch(MachineCapabilities.withXcr0(7), false)).isInstanceOfSatisfying(LaunchDecision.Ready.class,
        ready -> assertThat(ready.secs().attributes().xfrm()).isEqualTo(3));
  }

  @Test
  void theHarnessSaysHowMuchHeapThereIs() {
    EnclaveImage image = read(TinyEnclaves.selftest(), ImageOptions.DEFAULT.withSelftestHeap(64L << 30));

    assertThat(image.secs().size()).isEqualTo(128L << 30);
    assertThat(image.pageCount()).isEqualTo(4 + (64L << 30) / 4096);
  }

  @Test
  void aTcsWithReservedBitsIsRefused() {
    ByteBuffer file = ByteBuffer.wrap(TinyEnclaves.selftest()).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0x1000 + 100, (byte) 1);

    assertThatThrownBy(() -> read(file.array(), ImageOptions.DEFAULT)).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("TCS");
  }

  @Test
  void anOrdinaryProgramIsNoEnclave() {
    ByteBuffer file = ByteBuffer.wrap(TinyEnclaves.selftest()).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0x1000 + 28, 0);

    assertThatThrownBy(() -> read(file.array(), ImageOptions.DEFAULT)).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining(".note.sgxmeta").hasMessageContaining(".oeinfo").hasMessageContaining("TCS");
  }
}
