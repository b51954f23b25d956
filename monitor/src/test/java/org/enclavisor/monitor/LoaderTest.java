package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.epc.EnclaveMemory;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.RecordedTranslations;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.leaf.Eadd;
import org.enclavisor.monitor.leaf.Eextend;
import org.enclavisor.monitor.leaf.Operands;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoaderTest {
  private static final long BASE = 0x10_0000_0000L;
  private static final long SIZE = 8 << 20;
  private static final int PAGE = 4096;

  /** One call of the loader. */
  private record Run(long page, Secinfo secinfo, byte[] bytes, boolean zero, boolean measured) {}

  private final Epc epc = new Epc();

  private SecsPage create(MemorySegment memory) {
    return create(memory, memory.byteSize());
  }

  private SecsPage create(MemorySegment memory, long size) {
    Secs secs =
        Secs.of(size, 1, MiscSelect.NONE, new Attributes(Attributes.MODE64BIT, 3)).withBaseAddr(BASE);
    LooseFrame extent = epc.reserve();
    SecsPage page = new SecsPage(1, secs, 576);
    extent.put(page);
    page.attach(epc.reserveElrange(page), new EnclaveMemory(BASE, memory), new RecordedTranslations(memory));
    return page;
  }

  private SecsPage create() {
    return create(MemorySegment.ofArray(new byte[(int) SIZE]));
  }

  /** The same with EADD and EEXTEND, page by page and chunk by chunk. */
  private Outcome single(SecsPage secs, Run run) {
    for (int at = 0; at < run.bytes.length; at += PAGE) {
      long offset = run.page * PAGE + at;
      // Outside the ELRANGE there is no frame to name, so that of some free page is.
      long place = offset < SIZE ? offset : 1999 * PAGE;
      long frame = Epc.address(secs.elrange().firstFrame()) + place;
      byte[] page = new byte[PAGE];
      System.arraycopy(run.bytes, at, page, 0, PAGE);
      Operands operands =
          new Operands()
              .map(0x1000, MemorySegment.ofArray(new Pageinfo(BASE + offset, 0x3000, 0x2000, secs.address()).toBytes()))
              .map(0x2000, MemorySegment.ofArray(run.secinfo.toBytes()))
              .map(0x3000, MemorySegment.ofArray(page));
      Outcome outcome = Eadd.execute(epc, operands, 0x1000, frame);
      for (int chunk = 0; outcome.ok() && run.measured && chunk < PAGE; chunk += 256) {
        outcome = Eextend.execute(epc, secs.address(), frame + chunk);
      }
      if (!outcome.ok()) {
        return outcome;
      }
    }
    return Outcome.success();
  }

  private static Outcome fused(SecsPage secs, Run run) {
    return Loader.add(
            secs,
            run.page * PAGE,
            run.secinfo,
            run.zero ? null : MemorySegment.ofArray(run.bytes),
            run.bytes.length,
            run.measured)
        .outcome();
  }

  private static void assertSame(SecsPage one, SecsPage other) {
    assertThat(one.measurement().mrEnclave()).isEqualTo(other.measurement().mrEnclave());
    for (long page = 0; page < one.pages().pages(); page++) {
      assertThat(one.pages().bits(page)).as("EPCM of page %d", page).isEqualTo(other.pages().bits(page));
    }
    assertThat(one.pages().validCount()).isEqualTo(other.pages().validCount());
    assertThat(one.memory().segment().mismatch(other.memory().segment())).as("memory").isEqualTo(-1);
    assertThat(one.threads().all()).hasSameSizeAs(other.threads().all());
    for (TcsPage tcs : one.threads().all()) {
      TcsPage twin = other.threads().get(tcs.page);
      assertThat(twin).isNotNull();
      assertThat(tcs.bytes()).isEqualTo(twin.bytes());
    }
  }

  private static List<Run> plan(long seed) {
    Random random = new Random(seed);
    List<Run> runs = new ArrayList<>();
    long page = 0;
    Permissions[] choices = {Permissions.R, Permissions.RW, Permissions.RX, Permissions.RWX, Permissions.NONE};
    while (page < SIZE / PAGE - 200) {
      int count = 1 + random.nextInt(random.nextInt(4) == 0 ? 180 : 5);
      boolean tcs = random.nextInt(4) == 0;
      boolean zero = random.nextInt(3) == 0;
      byte[] bytes = new byte[(tcs ? 1 + count % 3 : count) * PAGE];
      for (int at = 0; at < bytes.length && !zero; at += PAGE) {
        if (tcs) {
          byte[] one = TestEnclaves.tcs(random.nextInt(9) * 4096L).toBytes();
          one[8] = (byte) random.nextInt(4);
          one[24] = (byte) random.nextInt(4);
          System.arraycopy(one, 0, bytes, at, PAGE);
        } else if (random.nextBoolean()) {
          bytes[at + random.nextInt(PAGE)] = (byte) random.nextInt();
        }
      }
      Permissions permissions = choices[random.nextInt(choices.length)];
      Secinfo secinfo = tcs ? new Secinfo(PageType.TCS, permissions) : Secinfo.reg(permissions);
      runs.add(new Run(page, secinfo, bytes, zero, random.nextBoolean()));
      page += bytes.length / PAGE + random.nextInt(3);
    }
    return runs;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void loadingIsTheSingleLeaves(long seed) {
    SecsPage one = create();
    SecsPage other = create();
    for (Run run : plan(seed)) {
      assertThat(fused(one, run)).isEqualTo(Outcome.success());
      assertThat(single(other, run)).isEqualTo(Outcome.success());
    }
    assertSame(one, other);
    one.measurement().close();
  }

  @Test
  void refusalsAreThoseOfTheSingleLeaves() {
    byte[] three = new byte[3 * PAGE];
    byte[] badTcs = TestEnclaves.tcs(0x4000).toBytes();
    byte[] tcsThenBad = new byte[2 * PAGE];
    System.arraycopy(badTcs, 0, tcsThenBad, 0, PAGE);
    System.arraycopy(badTcs, 0, tcsThenBad, PAGE, PAGE);
    tcsThenBad[PAGE + 100] = 1;
    List<Run> refused =
        List.of(
            new Run(8, Secinfo.reg(Permissions.RW), three, false, true),
            new Run(9, Secinfo.reg(Permissions.RW), three, true, false),
            new Run(10, Secinfo.reg(Permissions.of(2)), three, false, true),
            new Run(20, Secinfo.reg(Permissions.of(2)), three, false, true),
            new Run(SIZE / PAGE - 2, Secinfo.reg(Permissions.RW), three, false, true),
            new Run(SIZE / PAGE, Secinfo.reg(Permissions.RW), three, true, true),
            new Run(SIZE / PAGE, Secinfo.tcs(), new byte[PAGE], true, true),
            new Run(1L << 40, Secinfo.reg(Permissions.RW), three, false, true),
            new Run(8, Secinfo.tcs(), three, true, true),
            new Run(30, Secinfo.tcs(), tcsThenBad, false, true),
            new Run(40, new Secinfo(PageType.VA, Permissions.NONE), three, false, true),
            new Run(40, new Secinfo(PageType.REG, Permissions.RW, true, false, false), three, false, true));
    for (Run run : refused) {
      SecsPage one = create();
      SecsPage other = create();
      Run taken = new Run(10, Secinfo.reg(Permissions.R), new byte[PAGE], true, true);
      fused(one, taken);
      single(other, taken);
      Outcome fused = fused(one, run);
      if (run.page > SIZE / PAGE) {
        assertThat(fused).isInstanceOf(Outcome.Fault.class);
        continue;
      }
      Outcome single = single(other, run);
      assertThat(kind(fused)).as("%s at page %d", run.secinfo, run.page).isEqualTo(kind(single));
      assertThat(fused.ok()).isFalse();
      assertSame(one, other);
    }
  }

  /** The device names pages by linear address, the leaf by frame. */
  private static String kind(Outcome outcome) {
    return outcome instanceof Outcome.Fault fault ? fault.vector() + "" : outcome.toString();
  }

  @Test
  void wholePagesOnly() {
    SecsPage secs = create();
    Secinfo secinfo = Secinfo.reg(Permissions.RW);
    assertThat(Loader.add(secs, 8, secinfo, null, PAGE, true).outcome().ok()).isFalse();
    assertThat(Loader.add(secs, 0, secinfo, null, PAGE + 1, true).outcome().ok()).isFalse();
    assertThat(Loader.add(secs, 0, secinfo, null, 0, true).outcome().ok()).isFalse();
    assertThat(Loader.add(secs, 0, secinfo, null, -PAGE, true).outcome().ok()).isFalse();
    assertThat(Loader.add(secs, -PAGE, secinfo, null, PAGE, true).outcome().ok()).isFalse();
    assertThat(Loader.add(secs, Long.MIN_VALUE, secinfo, null, PAGE, true).outcome().ok()).isFalse();
    assertThat(Loader.add(secs, 0x7FFF_FFFF_FFFF_F000L, secinfo, null, PAGE, true).outcome().ok()).isFalse();
    Loader.Progress progress = Loader.add(secs, 0, secinfo, null, 0x7FFF_FFFF_FFFF_F000L, false);
    assertThat(progress.pages()).isEqualTo(SIZE / PAGE);
    assertThat(progress.outcome()).isInstanceOf(Outcome.Fault.class);
  }

  @Test
  void pagesOfZeroesAreNeverTouched() {
    Arena arena = Arena.ofShared();
    MemorySegment memory = arena.allocate(SIZE, PAGE);
    // Whoever reads or writes this memory gets an exception.
    arena.close();
    SecsPage secs = create(memory);
    Secinfo secinfo = Secinfo.reg(Permissions.RW);
    byte[] zeroes = new byte[300 * PAGE];
    assertThat(Loader.add(secs, 0, secinfo, null, 500 * PAGE, true).outcome().ok()).isTrue();
    assertThat(Loader.add(secs, 500 * PAGE, secinfo, MemorySegment.ofArray(zeroes), 300 * PAGE, true).outcome().ok())
        .isTrue();
    assertThat(Loader.add(secs, 800 * PAGE, Secinfo.tcs(), null, PAGE, true).outcome().ok()).isTrue();
    Measurement expected = Measurement.ecreate(1, SIZE);
    MemorySegment zero = MemorySegment.ofArray(new byte[PAGE]);
    for (long page = 0; page < 800; page++) {
      expected.page(page * PAGE, secinfo, zero);
    }
    expected.page(800 * PAGE, Secinfo.tcs(), zero);
    assertThat(secs.measurement().mrEnclave()).isEqualTo(expected.mrEnclave());
    secs.measurement().close();
  }

  @Test
  void anEnclaveOfSixteenGibibytes() {
    // There is no memory behind it at all.
    long before = Allocation.bytes();
    SecsPage secs = create(MemorySegment.NULL, 16L << 30);
    long pages = 2_100_000;
    assertThat(Loader.add(secs, PAGE, Secinfo.reg(Permissions.RW), null, pages * PAGE, false).outcome().ok()).isTrue();
    assertThat(secs.measurement().mrEnclave()).isNotNull();
    secs.measurement().close();
    assertThat(secs.pages().validCount()).isEqualTo(pages);
    assertThat(Allocation.bytes() - before).as("bytes of Java heap").isLessThan(2 << 20);
  }

  @Test
  void whatIsMeasuredIsWhatIsThereWhateverTheHostDoesMeanwhile() throws InterruptedException {
    try (Arena arena = Arena.ofShared()) {
      int bytes = 1000 * PAGE;
      MemorySegment source = arena.allocate(bytes, PAGE);
      AtomicBoolean stop = new AtomicBoolean();
      Thread host =
          Thread.ofPlatform()
              .start(
                  () -> {
                    Random random = new Random(7);
                    while (!stop.get()) {
                      for (int i = 0; i < 1000; i++) {
                        source.set(
                            ValueLayout.JAVA_BYTE, random.nextInt(bytes), (byte) random.nextInt(2));
                      }
                      Thread.onSpinWait();
                    }
                  });
      for (int round = 0; round < 5; round++) {
        SecsPage secs = create();
        Secinfo secinfo = Secinfo.reg(Permissions.RW);
        assertThat(Loader.add(secs, 0, secinfo, source, bytes, true).outcome().ok()).isTrue();
        Measurement expected = Measurement.ecreate(1, SIZE);
        for (long at = 0; at < bytes; at += PAGE) {
          expected.page(at, secinfo, secs.memory().segment().asSlice(at, PAGE));
        }
        assertThat(secs.measurement().mrEnclave()).isEqualTo(expected.mrEnclave());
        secs.measurement().close();
      }
      stop.set(true);
      host.join();
    }
  }
}
