package org.enclavisor.monitor.epc;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.junit.jupiter.api.Test;

class EpcTest {
  private final Epc epc = new Epc();

  private SecsPage enclave(long size) {
    LooseFrame extent = epc.reserve();
    Secs secs = Secs.of(size, 1, MiscSelect.NONE, new Attributes(Attributes.MODE64BIT, 3));
    SecsPage page = new SecsPage(1, secs, 576);
    extent.put(page);
    page.attach(epc.reserveElrange(page), new EnclaveMemory(0, MemorySegment.NULL), new RecordedTranslations(MemorySegment.NULL));
    return page;
  }

  @Test
  void framesHaveNumbersOfTheirOwn() {
    SecsPage one = enclave(0x4000);
    SecsPage two = enclave(1L << 46);
    SecsPage three = enclave(0x4000);
    assertThat(epc.resolve(one.address())).isSameAs(one.epcFrame());
    for (SecsPage page : new SecsPage[] {one, two, three}) {
      Epc.ElrangeExtent frames = page.elrange();
      long last = frames.frames() - 1;
      assertThat(epc.resolve(Epc.address(frames.firstFrame()))).isEqualTo(new ElrangePage(page, 0));
      assertThat(epc.resolve(Epc.address(frames.firstFrame() + last) + 4095)).isEqualTo(new ElrangePage(page, last));
      assertThat(epc.resolve(Epc.address(frames.firstFrame() + frames.frames())))
          .isNotEqualTo(new ElrangePage(page, last + 1));
    }
  }

  @Test
  void nothingElseResolves() {
    assertThat(epc.resolve(0)).isNull();
    assertThat(epc.resolve(4096)).isNull();
    assertThat(epc.resolve(-4096)).isNull();
    SecsPage page = enclave(0x4000);
    assertThat(epc.resolve(0)).isNull();
    assertThat(epc.resolve(Long.MAX_VALUE)).isNull();
    assertThat(epc.resolve(Long.MIN_VALUE)).isNull();
    epc.release(page.elrange());
    epc.release(page.epcFrame());
    assertThat(epc.resolve(page.address())).isNull();
    assertThat(epc.extents()).isZero();
    assertThat(enclave(0x4000).address()).as("a stale name finds nothing").isNotEqualTo(page.address());
  }

  @Test
  void backing() {
    SecsPage page = enclave(0x4000);
    Epc.Backing backing = Objects.requireNonNull(epc.backing(page.elrange().firstFrame() + 3));
    assertThat(backing.object()).isSameAs(page.memory());
    assertThat(backing.offset()).isEqualTo(0x3000);
    assertThat(epc.backing(page.epcFrame().frame())).as("a SECS is in the monitor").isNull();
    assertThat(epc.backing(0)).isNull();
  }
}
