package org.enclavisor.app;

import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.spi.Platform;

/** The ways of running enclave code that users can choose; what works on one has to work on all. */
enum Way {
  STUB,
  STUB_STRICT("--strict"),
  STUB_ONE_CORE("--wait", "same_core"),
  PTRACE("--platform", "ptrace");

  private final String[] options;

  Way(String... options) {
    this.options = options;
  }

  /** How the command line is told. */
  String[] options() {
    return options.clone();
  }

  Platform open() {
    return switch (this) {
      case STUB -> StubPlatform.open();
      case STUB_STRICT -> StubPlatform.open(StubOptions.DEFAULT.strict(true));
      case STUB_ONE_CORE -> StubPlatform.open(StubOptions.DEFAULT.waiting(WaitPolicy.SAME_CORE));
      case PTRACE -> PtracePlatform.open();
    };
  }
}
