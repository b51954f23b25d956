package org.enclavisor.monitor.spi;

/** What was asked needs the process of an address space, and that is gone. The message says how it ended. */
public class ProcessDiedException extends PlatformException {
  private static final long serialVersionUID = 1;

  public ProcessDiedException(String message) {
    super(message);
  }

  public ProcessDiedException(String message, Throwable cause) {
    super(message, cause);
  }
}
