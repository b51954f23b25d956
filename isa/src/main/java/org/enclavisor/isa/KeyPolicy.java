package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.requireU16;

/**
 * KEYPOLICY: what a derived key is bound to (SDM 3D, “Key Request Policy Structure”). Which reserved bits are an error
 * is for EGETKEY to decide, since the bits from 2 on need KSS.
 *
 * @param bits 16 bits
 */
public record KeyPolicy(int bits) {
  /** Bit 0: bound to MRENCLAVE. */
  public static final int MRENCLAVE = 1;

  /** Bit 1: bound to MRSIGNER. */
  public static final int MRSIGNER = 1 << 1;

  /** Bit 2: not bound to ISVPRODID. */
  public static final int NOISVPRODID = 1 << 2;

  /** Bit 3: bound to CONFIGID. */
  public static final int CONFIGID = 1 << 3;

  /** Bit 4: bound to ISVFAMILYID. */
  public static final int ISVFAMILYID = 1 << 4;

  /** Bit 5: bound to ISVEXTPRODID. */
  public static final int ISVEXTPRODID = 1 << 5;

  /** The bits that only an enclave with the KSS attribute may ask for. */
  public static final int KSS_BITS = NOISVPRODID | CONFIGID | ISVFAMILYID | ISVEXTPRODID;

  /** All bits that have a name. */
  public static final int KNOWN_BITS = MRENCLAVE | MRSIGNER | KSS_BITS;

  public KeyPolicy {
    requireU16("keyPolicy", bits);
  }

  /** Whether all these bits are set. */
  public boolean has(int mask) {
    return (bits & mask) == mask;
  }
}
