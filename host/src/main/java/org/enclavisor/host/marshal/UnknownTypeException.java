package org.enclavisor.host.marshal;

/** A type whose size nothing tells: it comes from a C header that was not found or is too involved, or is absurd. */
public final class UnknownTypeException extends RuntimeException {
  private static final long serialVersionUID = 1;

  UnknownTypeException(String type) {
    super(
        "type '"
            + type
            + "': its size is not known; put the header that defines it (a plain typedef or structure) beside the EDL"
            + " file or on its search path");
  }
}
