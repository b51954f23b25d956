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
  private static final String TRACE = "See what led there: the same with enclavisor trace instead of run.";

  private Failures() {}

  private static String sentence(String text) {
    return text.isEmpty() ? text : Character.toUpperCase(text.charAt(0)) + text.substring(1) + ".";
  }

  static Failure of(Exception exception) {
    return switch (exception) {
      case Failure failure -> failure;
      case MalformedImageException e ->
          new Failure(
              ExitCode.BAD_INPUT,
              e.getMessage(),
              "Build or sign it again (enclavisor sign --help); docs/images.md says which kinds are read.");
      case MalformedEdlException e ->
          new Failure(
               ExitCode.BAD_INPUT, e.getMessage(), "Correct the EDL; --search-path FOLDER says where imports lie.");
      case LoadException e ->
          new Failure(
              e.getCause() instanceof MalformedImageException ? ExitCode.BAD_INPUT : ExitCode.REFUSED,
              "%s: expected %s, found %s".formatted(e.what(), e.expected(), e.found()),
              sentence(e.nextStep()));
      case WrongUseException e ->
          new Failure(
              ExitCode.USAGE,
              e.getMessage(),
              "The EDL says what can be called, and with what; enclavisor run --help, how to write it.");
      case EnclaveLostException e ->
          new Failure(ExitCode.LOST, e.getMessage(), TRACE);
      case EnclaveException e -> new Failure(ExitCode.NO, e.getMessage(), TRACE);
      case OcallFailedException e -> new Failure(ExitCode.NO, e.getMessage(), TRACE);
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
