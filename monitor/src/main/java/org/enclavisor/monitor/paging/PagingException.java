package org.enclavisor.monitor.paging;

import org.enclavisor.monitor.spi.PlatformException;

/**
 * A page cannot be brought in now, or no room be made for it: the swap store fails or is full, or all that could be
 * evicted is in use. Nothing is lost; what was asked for can be tried again.
 */
public final class PagingException extends PlatformException {
  private static final long serialVersionUID = 1L;

  PagingException(String message) {
    super(message);
  }

  PagingException(String message, Throwable cause) {
    super(message, cause);
  }
}
