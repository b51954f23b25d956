package org.enclavisor.isa;

import java.util.Optional;

/** The processor's exceptions (SDM 3A, “Protected-Mode Exceptions and Interrupts”; 28 to 30 by AMD's APM 2, 8.2). */
public enum Vector {
  /** Divide error. */
  DE(0),
  /** Debug. */
  DB(1),
  /** Non-maskable interrupt. */
  NMI(2),
  /** Breakpoint. */
  BP(3),
  /** Overflow. */
  OF(4),
  /** Bound range exceeded. */
  BR(5),
  /** Invalid opcode. */
  UD(6),
  /** Device not available. */
  NM(7),
  /** Double fault. */
  DF(8),
  /** Invalid TSS. */
  TS(10),
  /** Segment not present. */
  NP(11),
  /** Stack fault. */
  SS(12),
  /** General protection. */
  GP(13),
  /** Page fault. */
  PF(14),
  /** Floating-point error. */
  MF(16),
  /** Alignment check. */
  AC(17),
  /** Machine check. */
  MC(18),
  /** SIMD floating-point exception. */
  XM(19),
  /** Virtualization exception. */
  VE(20),
  /** Control protection. */
  CP(21),
  /** Hypervisor injection. */
  HV(28),
  /** VMM communication. */
  VC(29),
  /** Security. */
  SX(30);

  private static final Vector[] BY_NUMBER = new Vector[32];

  static {
    for (Vector vector : values()) {
      BY_NUMBER[vector.number] = vector;
    }
  }

  private final int number;

  Vector(int number) {
    this.number = number;
  }

  /** The vector's number, 0 to 31. */
  public int number() {
    return number;
  }

  /** By number; empty where that is reserved or an interrupt's. */
  public static Optional<Vector> of(int number) {
    return number >= 0 && number < BY_NUMBER.length ? Optional.ofNullable(BY_NUMBER[number]) : Optional.empty();
  }

  /** As the manuals write it, such as {@code #PF}. */
  @Override
  public String toString() {
    return "#" + name();
  }
}
