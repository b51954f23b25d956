package org.enclavisor.testkit;

import java.util.concurrent.TimeUnit;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * Every promise of the SPI between monitor and machine, as tests that every platform has to pass. A platform's test
 * class extends this one, says how the platform is opened and how one of its enclave processes is killed from outside.
 *
 * <p>What the promises leave open, because processors or Linux leave it open, and what callers therefore may not use:
 *
 * <ul>
 *   <li>RCX and R11 after a system call: SYSCALL has changed them before anybody hears of it;
 *   <li>the P bit of a page fault's error code: a page that was never touched is not present, whatever it allows. Who
 *       needs it knows from the EPCM whether the page is there;
 *   <li>how many instructions run before an interrupt takes effect.
 * </ul>
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
public abstract class PlatformContract
    implements EntryContract,
        FaultContract,
        ExtendedStateContract,
        MemoryContract,
        ParallelContract,
        InterruptContract,
        QuiesceContract,
        WrittenContract,
        LifeContract {
  private Platform platform;
  private Leaks before;

  /** A platform that nobody else uses. */
  protected abstract Platform open();

  /** Kills the process behind an address space, as the kernel does when memory runs out. */
  @Override
  public abstract void kill(AddressSpace space);

  @BeforeAll
  void openPlatform() {
    // The first use opens what stays open for good, such as the JDK's own descriptors.
    try (var first = open(); var testbed = new Testbed(first, 1); var processor = testbed.processor()) {
      processor.interrupt();
    }
    before = Leaks.now();
    platform = open();
  }

  @AfterAll
  void leaveNothingBehind() {
    platform.close();
    before.assertNoneSince();
  }

  @Override
  public Platform platform() {
    return platform;
  }
}
