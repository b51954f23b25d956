package org.enclavisor.monitor.leaf;

/** The instruction itself. */
public final class EncluInstruction {
  /** Its length: 0F 01 D7. */
  public static final int BYTES = 3;

  private EncluInstruction() {}
}
