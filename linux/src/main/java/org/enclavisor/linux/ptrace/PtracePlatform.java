package org.enclavisor.linux.ptrace;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.linux.LinuxMachine;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;

/**
 * The strict platform: enclave code runs in processes that contain no code of ours but one SYSCALL instruction, and is
 * watched by ptrace(2). No instruction of an enclave is ever changed. Slower than the stub platform by an order of
 * magnitude, and the one to compare it with. Thread-safe.
 *
 * <p>It needs Linux 5.9 or newer on x86-64 (close_range, FSGSBASE), and the right to trace its own children; where a
 * container's seccomp profile forbids that, {@link #create} throws what the kernel said.
 */
public final class PtracePlatform implements Platform {
  private final Set<PtraceAddressSpace> open = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  private PtracePlatform() {}

  /** Opens the platform; it holds nothing until address spaces are made. */
  public static PtracePlatform open() {
    return new PtracePlatform();
  }

  @Override
  public String name() {
    return "ptrace";
  }

  @Override
  public Machine machine() {
    return LinuxMachine.INSTANCE;
  }

  @Override
  public AddressSpace create(AddressSpaceLayout layout) {
    if (closed) {
      throw new IllegalStateException("the platform is closed");
    }
    var space = new PtraceAddressSpace(layout, open::remove);
    open.add(space);
    if (closed) {
      space.close();
      throw new IllegalStateException("the platform is closed");
    }
    return space;
  }

  @Override
  public void close() {
    closed = true;
    open.forEach(PtraceAddressSpace::close);
  }
}
