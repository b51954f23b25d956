package org.enclavisor.isa;

/** What may be done with an enclave page: the R, W and X bits of SECINFO.FLAGS (SDM 3D, “SECINFO.FLAGS”). */
public record Permissions(boolean read, boolean write, boolean execute) {
  public static final Permissions NONE = new Permissions(false, false, false);
  public static final Permissions R = new Permissions(true, false, false);
  public static final Permissions RW = new Permissions(true, true, false);
  public static final Permissions RX = new Permissions(true, false, true);
  public static final Permissions RWX = new Permissions(true, true, true);

  /** From the three low bits: 1 read, 2 write, 4 execute. */
  public static Permissions of(long bits) {
    return new Permissions((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0);
  }

  /** 1 read, 2 write, 4 execute. */
  public int bits() {
    return (read ? 1 : 0) | (write ? 2 : 0) | (execute ? 4 : 0);
  }

  /** What both allow. */
  public Permissions intersect(Permissions other) {
    return of(bits() & other.bits());
  }

  @Override
  public String toString() {
    return (read ? "r" : "-") + (write ? "w" : "-") + (execute ? "x" : "-");
  }
}
