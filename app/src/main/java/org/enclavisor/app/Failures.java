package org.enclavisor.app;

import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.LoadException;
import org.enclavisor.host.OcallFailedException;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.MalformedEdlException;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.monitor.spi.PlatformException;

/** Maps what the parts throw to one cause, one next step and one exit status. The only place that does. */
final class Failures {
  private Failures() {}

  static Failure of(Exception exception) {
    return switch (exception) {
      case Failure failure -> failure;
      case MalformedImageException e -> new Failure(ExitCode.BAD_INPUT, e.getMessage(), "");
      case MalformedEdlException e -> new Failure(ExitCode.BAD_INPUT, e.getMessage(), "");
      case LoadException e ->
          new Failure(
              e.getCause() instanceof MalformedImageException ? ExitCode.BAD_INPUT : ExitCode.REFUSED,
              "%s: expected %s, found %s".formatted(e.what(), e.expected(), e.found()),
              e.nextStep());
      case WrongUseException e -> new Failure(ExitCode.USAGE, e.getMessage(), "");
      case EnclaveLostException e ->
          new Failure(ExitCode.LOST, e.getMessage(), "See what led there: enclavisor trace …");
      case EnclaveException e -> new Failure(ExitCode.NO, e.getMessage(), "");
      case OcallFailedException e -> new Failure(ExitCode.NO, e.getMessage(), "");
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
