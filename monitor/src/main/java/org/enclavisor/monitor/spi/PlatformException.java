package org.enclavisor.monitor.spi;

/** The machine could not do what was asked. The message says which call failed, why, and what to do. */
public class PlatformException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public PlatformException(String message) {
    super(message);
  }

  public PlatformException(String message, Throwable cause) {
    super(message, cause);
  }
}
