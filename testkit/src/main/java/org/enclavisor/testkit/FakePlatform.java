package org.enclavisor.testkit;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * A platform in memory, for tests: no process, no native call. It keeps every promise of {@link PlatformContract}, and
 * interprets just the instructions that {@link Code} writes; any other byte makes {@code enter} throw
 * {@link UnsupportedOperationException}, so that no test takes a hole of the fake for a #UD. Where a test wants enclave
 * code that does more, or an exit that is hard to come by, it {@link #script}s it in Java.
 *
 * <p>What it does not have: AF, x87 arithmetic, AVX-512. Thread-safe.
 */
public final class FakePlatform implements Platform {
  private final Map<Long, Scripted> scripts = new ConcurrentHashMap<>();
  private final Set<FakeAddressSpace> open = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  private FakePlatform() {}

  /** A platform of its own. */
  public static FakePlatform open() {
    return new FakePlatform();
  }

  /**
   * Puts Java in place of the instruction at an offset of the ELRANGE, in all address spaces of this platform. The page
   * still has to be executable.
   */
  public FakePlatform script(long offset, Scripted body) {
    scripts.put(offset, body);
    return this;
  }

  /** Kills the process that an address space pretends to have, as the machine's own out-of-memory killer would. */
  public static void kill(AddressSpace space, String reason) {
    ((FakeAddressSpace) space).die(reason);
  }

  @Override
  public String name() {
    return "fake";
  }

  @Override
  public Machine machine() {
    return FakeMachine.INSTANCE;
  }

  @Override
  public AddressSpace create(AddressSpaceLayout layout) {
    if (closed) {
      throw new IllegalStateException("the platform is closed");
    }
    if (layout.enclaveBase() > FakeAddressSpace.LAST_USER_ADDRESS - layout.enclaveSize()) {
      throw new PlatformException(
          "enclaveBase=0x%x, enclaveSize=0x%x: not within the addresses that Linux gives to programs"
              .formatted(layout.enclaveBase(), layout.enclaveSize()));
    }
    if (layout.untrustedBase() > FakeAddressSpace.LAST_USER_ADDRESS - layout.untrustedSize()) {
      throw new PlatformException(
          "untrustedBase=0x%x, untrustedSize=0x%x: not within the addresses that Linux gives to programs"
              .formatted(layout.untrustedBase(), layout.untrustedSize()));
    }
    var space = new FakeAddressSpace(layout, scripts, open::remove);
    open.add(space);
    return space;
  }

  @Override
  public void close() {
    closed = true;
    open.forEach(FakeAddressSpace::close);
  }
}
