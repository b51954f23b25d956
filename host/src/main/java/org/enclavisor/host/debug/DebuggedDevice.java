package org.enclavisor.host.debug;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.RangeOutcome;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * A device whose first enclave can be debugged: it passes everything on, and every entry of that enclave goes through
 * the debugger's hands. A host that is not debugged uses the device itself, and pays nothing.
 *
 * <pre>{@code
 * var debugged = new DebuggedDevice(new Monitor(platform, config), platform.machine());
 * try (var enclavisor = Enclavisor.over(debugged, platform.machine(), Isolation.NONE);
 *      var enclave = enclavisor.load(file, edl, HostConfig.defaults().withDebug(true));
 *      var server = DebugServer.listen(debugged, address, new ProgramFile(Optional.of(path), 0))) {
 *   debugged.holdUntilAttached();
 *   enclave.call("hello", "world");
 * }
 * }</pre>
 *
 * <p>Thread-safe.
 */
public final class DebuggedDevice implements SgxDevice {
  private static final int PAGE = 4096;

  private final SgxDevice device;
  private final Machine machine;
  private final @Nullable Runnable initialised;
  private volatile @Nullable EnclaveTarget target;

  /** Closing it closes the device. */
  public DebuggedDevice(SgxDevice device, Machine machine) {
    this(device, machine, null);
  }

  /**
   * Closing it closes the device.
   *
   * @param initialised run after EINIT of the enclave that is to be debugged, before its first entry
   */
  public DebuggedDevice(SgxDevice device, Machine machine, @Nullable Runnable initialised) {
    this.device = device;
    this.machine = machine;
    this.initialised = initialised;
  }

  /** The enclave that is debugged; empty before it is created. */
  Optional<EnclaveTarget> target() {
    return Optional.ofNullable(target);
  }

  /** From now on nobody enters the enclave until a debugger has come. */
  public void holdUntilAttached() {
    target().ifPresent(known -> known.gate().holdUntilAttached());
  }

  private @Nullable EnclaveTarget of(EnclaveId id) {
    EnclaveTarget known = target;
    return known != null && known.is(id) ? known : null;
  }

  @Override
  public CreateOutcome create(Secs secs, long untrustedSize, int maxThreads) {
    CreateOutcome outcome = device.create(secs, untrustedSize, maxThreads);
    if (outcome instanceof CreateOutcome.Created(EnclaveId id, long base) && target == null) {
      RegisterTable registers = RegisterTable.of(secs.attributes().xfrm(), machine);
      target = new EnclaveTarget(device, id, secs.withBaseAddr(base), registers);
    }
    return outcome;
  }

  private void added(EnclaveId id, long offset, long bytes, Secinfo secinfo, Outcome outcome) {
    EnclaveTarget mine = of(id);
    if (mine != null && outcome.ok() && secinfo.type() == PageType.TCS) {
      for (long at = 0; at < bytes; at += PAGE) {
        mine.addThread(mine.base() + offset + at);
      }
    }
  }

  @Override
  public Outcome add(EnclaveId id, long offset, Secinfo secinfo, MemorySegment pages, boolean measured) {
    Outcome outcome = device.add(id, offset, secinfo, pages, measured);
    added(id, offset, pages.byteSize(), secinfo, outcome);
    return outcome;
  }

  @Override
  public Outcome addZero(EnclaveId id, long offset, long length, Secinfo secinfo, boolean measured) {
    Outcome outcome = device.addZero(id, offset, length, secinfo, measured);
    added(id, offset, length, secinfo, outcome);
    return outcome;
  }

  @Override
  public RangeOutcome restrictPermissions(EnclaveId id, long offset, long length, Permissions permissions) {
    return device.restrictPermissions(id, offset, length, permissions);
  }

  @Override
  public RangeOutcome modifyTypes(EnclaveId id, long offset, long length, PageType type) {
    return device.modifyTypes(id, offset, length, type);
  }

  @Override
  public RangeOutcome removePages(EnclaveId id, long offset, long length) {
    return device.removePages(id, offset, length);
  }

  @Override
  public Outcome protect(EnclaveId id, long offset, long length, Permissions host) {
    return device.protect(id, offset, length, host);
  }

  @Override
  public Outcome init(EnclaveId id, Sigstruct sigstruct, Optional<Einittoken> token) {
    Outcome outcome = device.init(id, sigstruct, token);
    if (outcome.ok() && of(id) != null && initialised != null) {
      initialised.run();
    }
    return outcome;
  }

  @Override
  public EnterOutcome enter(EnclaveId id, EnterCall call, Registers registers) {
    EnclaveTarget mine = of(id);
    return mine == null ? device.enter(id, call, registers) : mine.gate().enter(call, registers);
  }

  @Override
  public void interrupt(EnclaveId id, long tcs) {
    device.interrupt(id, tcs);
  }

  @Override
  public UntrustedMemory untrusted(EnclaveId id) {
    return device.untrusted(id);
  }

  @Override
  public Outcome debugRead(EnclaveId id, long address, MemorySegment into) {
    return device.debugRead(id, address, into);
  }

  @Override
  public Outcome debugWrite(EnclaveId id, long address, MemorySegment from) {
    return device.debugWrite(id, address, from);
  }

  @Override
  public Outcome remove(EnclaveId id) {
    EnclaveTarget mine = of(id);
    if (mine != null) {
      mine.gate().end();
    }
    return device.remove(id);
  }

  @Override
  public void close() {
    target().ifPresent(known -> known.gate().end());
    device.close();
  }
}
