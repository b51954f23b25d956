package org.enclavisor.host;

/** What stands between the host program and the monitor. Evidence carries it. */
public enum Isolation {
  /** Nothing: both are in one process. For development. */
  NONE("host-isolation: none");

  private final String text;

  Isolation(String text) {
    this.text = text;
  }

  /** As evidence carries it. */
  public String text() {
    return text;
  }

  @Override
  public String toString() {
    return text;
  }
}
