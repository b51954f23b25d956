package org.enclavisor.app;

import org.enclavisor.image.MalformedImageException;
import org.enclavisor.monitor.spi.PlatformException;

/** Maps what the parts throw to one cause, one next step and one exit status. The only place that does. */
final class Failures {
  private Failures() {}

  static Failure of(Exception exception) {
    return switch (exception) {
      case Failure failure -> failure;
      case MalformedImageException e -> new Failure(ExitCode.BAD_INPUT, e.getMessage(), "");
      case PlatformException e ->
          new Failure(ExitCode.MACHINE, e.getMessage(), "Run: enclavisor doctor");
      default -> {
        Failure defect =
            new Failure(
                ExitCode.INTERNAL, "this is a defect of Enclavisor: " + exception, "Report it with what follows.");
        defect.initCause(exception);
        yield defect;
      }
    };
  }
}
