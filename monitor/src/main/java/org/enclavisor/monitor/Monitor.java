package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;

/** Enclavisor on one platform. */
public final class Monitor implements SgxDevice {
  private final Platform platform;
  private final MonitorConfig config;

  /** Does not own the platform. */
  public Monitor(Platform platform, MonitorConfig config) {
    this.platform = platform;
    this.config = config;
  }

  @Override
  public CreateOutcome create(Secs secs, long untrustedSize, int maxThreads) {
    throw unfinished();
  }

  @Override
  public Outcome add(EnclaveId id, long offset, Secinfo secinfo, MemorySegment pages, boolean measured) {
    throw unfinished();
  }

  @Override
  public Outcome addZero(EnclaveId id, long offset, long length, Secinfo secinfo, boolean measured) {
    throw unfinished();
  }

  @Override
  public Outcome protect(EnclaveId id, long offset, long length, Permissions host) {
    throw unfinished();
  }

  @Override
  public Outcome init(EnclaveId id, Sigstruct sigstruct, Optional<Einittoken> token) {
    throw unfinished();
  }

  @Override
  public EnterOutcome enter(EnclaveId id, EnterCall call, Registers registers) {
    throw unfinished();
  }

  @Override
  public void interrupt(EnclaveId id, long tcs) {
    throw unfinished();
  }

  @Override
  public UntrustedMemory untrusted(EnclaveId id) {
    throw unfinished();
  }

  @Override
  public Outcome remove(EnclaveId id) {
    throw unfinished();
  }

  private UnsupportedOperationException unfinished() {
    return new UnsupportedOperationException("not yet: " + platform.name() + " " + config.provisioning());
  }

  @Override
  public void close() {}
}
