package org.enclavisor.app;

import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How enclave code is run. Mixed into every command that runs some. */
final class PlatformOptions {

  /** The platforms by the names that users choose. */
  enum Kind {
    /** Native speed: hands over through shared memory. */
    STUB,
    /** Strict: no code of ours beside the enclave's, every stop through the kernel's tracing. */
    PTRACE
  }

  @Option(
      names = "--platform",
      defaultValue = "STUB",
      paramLabel = "NAME",
      description = "stub (native speed, the default) or ptrace (slower, never changes code).")
  private Kind kind;

  @Option(
      names = "--wait",
      paramLabel = "POLICY",
      description = "How the stub waits: auto (the default), spin (two free cores) or same_core (one).")
  private @Nullable WaitPolicy wait;

  @Option(names = "--strict", description = "Never change enclave code in memory to leave it faster.")
  private boolean strict;

  Platform open() {
    return open(WaitPolicy.AUTO);
  }

  /**
   * @param unlessTold how the stub waits if the user does not say
   */
  Platform open(WaitPolicy unlessTold) {
    return switch (kind) {
      case STUB ->
          StubPlatform.open(StubOptions.DEFAULT.waiting(wait == null ? unlessTold : wait).strict(strict));
      case PTRACE -> {
        if (wait != null || strict) {
          throw new Failure(
              ExitCode.USAGE, "--wait and --strict are the stub's: ptrace knows one way", "Leave them out.");
        }
        yield PtracePlatform.open();
      }
    };
  }
}
