package org.enclavisor.host.edl;

import java.util.Objects;

/**
 * Where something stands in an EDL file. Two positions are always equal: a declaration is the same wherever it was
 * read, and the linker compares declarations.
 */
public final class SourcePosition {
  private final String file;
  private final int line;
  private final int column;

  /**
   * A position.
   *
   * @param file as the user knows it
   * @param line from 1
   * @param column from 1, in characters
   */
  public SourcePosition(String file, int line, int column) {
    this.file = Objects.requireNonNull(file);
    this.line = line;
    this.column = column;
  }

  /** The file as the user knows it. */
  public String file() {
    return file;
  }

  /** From 1. */
  public int line() {
    return line;
  }

  /** From 1, in characters. */
  public int column() {
    return column;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SourcePosition;
  }

  @Override
  public int hashCode() {
    return 0;
  }

  @Override
  public String toString() {
    return file + ":" + line + ":" + column;
  }
}
