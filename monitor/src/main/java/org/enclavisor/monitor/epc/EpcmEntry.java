package org.enclavisor.monitor.epc;

import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;

/**
 * One entry of the EPCM (SDM 3D, “Enclave Page Cache Map”) as a value. The table keeps the same in 11 bits, by the
 * constants here; whose enclave the page is and its linear address follow from where in which table it stands.
 *
 * @param valid VALID
 * @param type PT
 * @param permissions R, W, X
 * @param pending PENDING: waits for EACCEPT after EAUG
 * @param modified MODIFIED: waits for EACCEPT after EMODT
 * @param pr PR: waits for EACCEPT after EMODPR
 * @param blocked BLOCKED: on its way to eviction
 * @param enclaveAddress ENCLAVEADDRESS, 0 for a SECS
 */
public record EpcmEntry(
    boolean valid,
    PageType type,
    Permissions permissions,
    boolean pending,
    boolean modified,
    boolean pr,
    boolean blocked,
    long enclaveAddress) {

  static final int VALID = 1;
  static final int READ = 1 << 1;
  static final int WRITE = 1 << 2;
  static final int EXECUTE = 1 << 3;
  static final int PERMISSIONS_SHIFT = 1;

  /** R, W and X, as a mask for {@link EpcmTable#update}. */
  public static final int PERMISSIONS = 7 << PERMISSIONS_SHIFT;

  static final int TYPE_SHIFT = 4;
  static final int TYPE = 7 << TYPE_SHIFT;
  static final int PENDING = 1 << 7;
  static final int MODIFIED = 1 << 8;
  static final int PR = 1 << 9;
  static final int BLOCKED = 1 << 10;

  /** The bits of a page that EAUG has added. */
  public static final int AUGMENTED = VALID | READ | WRITE | PageType.REG.code() << TYPE_SHIFT | PENDING;

  /** What a page can wait for, PENDING, MODIFIED and PR, as a mask for {@link EpcmTable#update}. */
  public static final int WAITING = PENDING | MODIFIED | PR;

  /** What EMODPR changes, as a mask. */
  public static final int RESTRICTION = PERMISSIONS | PR;

  /** What EMODT changes, as a mask. */
  public static final int CHANGE_OF_TYPE = TYPE | PERMISSIONS | MODIFIED | PR;

  /** What EACCEPTCOPY changes, as a mask. */
  public static final int COPY = PERMISSIONS | PENDING;

  /** Where SECINFO.FLAGS has the type. */
  private static final int FLAGS_TYPE_SHIFT = 8;

  private static final PageType[] TYPES = PageType.values();

  /** The bits of a valid page of this kind that waits for nothing. */
  public static int bits(PageType type, Permissions permissions) {
    return VALID | permissions.bits() << PERMISSIONS_SHIFT | type.code() << TYPE_SHIFT;
  }

  /** The bits of a valid page that SECINFO.FLAGS describe, whose type is a known one. */
  public static int ofFlags(long flags) {
    int type = (int) (flags >>> FLAGS_TYPE_SHIFT) & 7;
    return VALID
        | (int) (flags & 7) << PERMISSIONS_SHIFT
        | type << TYPE_SHIFT
        | ((flags & Secinfo.PENDING) != 0 ? PENDING : 0)
        | ((flags & Secinfo.MODIFIED) != 0 ? MODIFIED : 0)
        | ((flags & Secinfo.PR) != 0 ? PR : 0);
  }

  /** SECINFO.FLAGS of an entry's bits. */
  public static long flags(int bits) {
    return permissions(bits)
        | (long) ((bits & TYPE) >>> TYPE_SHIFT) << FLAGS_TYPE_SHIFT
        | (pending(bits) ? Secinfo.PENDING : 0)
        | (modified(bits) ? Secinfo.MODIFIED : 0)
        | (pr(bits) ? Secinfo.PR : 0);
  }

  /** Whether a page of this type belongs to an enclave that has a SECS: REG, TCS or TRIM. */
  public static boolean child(int bits) {
    int type = (bits & TYPE) >>> TYPE_SHIFT;
    return type == PageType.REG.code() || type == PageType.TCS.code() || type == PageType.TRIM.code();
  }

  /** VALID of an entry's bits. */
  public static boolean valid(int bits) {
    return (bits & VALID) != 0;
  }

  /** BLOCKED of an entry's bits. */
  public static boolean blocked(int bits) {
    return (bits & BLOCKED) != 0;
  }

  /** PENDING of an entry's bits. */
  public static boolean pending(int bits) {
    return (bits & PENDING) != 0;
  }

  /** MODIFIED of an entry's bits. */
  public static boolean modified(int bits) {
    return (bits & MODIFIED) != 0;
  }

  /** PR of an entry's bits. */
  public static boolean pr(int bits) {
    return (bits & PR) != 0;
  }

  /** PT of an entry's bits; of an invalid entry it means nothing. */
  public static PageType type(int bits) {
    return TYPES[(bits & TYPE) >>> TYPE_SHIFT];
  }

  /** R, W, X of an entry's bits: 1 read, 2 write, 4 execute. */
  public static int permissions(int bits) {
    return (bits & PERMISSIONS) >>> PERMISSIONS_SHIFT;
  }

  /** The same entry with BLOCKED set. */
  public static int block(int bits) {
    return bits | BLOCKED;
  }

  /** What EMODPR makes of an entry, of the bits of {@link #RESTRICTION}. */
  public static int restricted(int bits, Permissions permissions) {
    return bits & permissions.bits() << PERMISSIONS_SHIFT | PR;
  }

  /** What EMODT makes of an entry, of the bits of {@link #CHANGE_OF_TYPE}. */
  public static int changed(PageType type) {
    return type.code() << TYPE_SHIFT | MODIFIED;
  }

  /** What EMODPE makes of an entry, of the bits of {@link #PERMISSIONS}. */
  public static int extended(int bits, Permissions permissions) {
    return bits & PERMISSIONS | permissions.bits() << PERMISSIONS_SHIFT;
  }

  /** What EACCEPTCOPY makes of an entry, of the bits of {@link #COPY}. */
  public static int copied(Permissions permissions) {
    return permissions.bits() << PERMISSIONS_SHIFT;
  }

  /** Whether PENDING or MODIFIED is set in an entry's bits. */
  public static boolean pendingOrModified(int bits) {
    return (bits & (PENDING | MODIFIED)) != 0;
  }

  /** Whether the PT of an entry's bits is this. */
  public static boolean is(int bits, PageType type) {
    return (bits & TYPE) >>> TYPE_SHIFT == type.code();
  }

  /** R of an entry's bits. */
  public static boolean readable(int bits) {
    return (bits & READ) != 0;
  }

  /** W of an entry's bits. */
  public static boolean writable(int bits) {
    return (bits & WRITE) != 0;
  }

  /** What enclave code may do with the page: nothing unless it is a valid regular page that waits for nothing. */
  public static int access(int bits) {
    boolean usable =
        (bits & (VALID | PENDING | MODIFIED | BLOCKED | TYPE)) == (VALID | PageType.REG.code() << TYPE_SHIFT);
    return usable ? (bits & PERMISSIONS) >>> PERMISSIONS_SHIFT : 0;
  }

  /** The bits of an entry. */
  public int bits() {
    return (valid ? VALID : 0)
        | permissions.bits() << PERMISSIONS_SHIFT
        | type.code() << TYPE_SHIFT
        | (pending ? PENDING : 0)
        | (modified ? MODIFIED : 0)
        | (pr ? PR : 0)
        | (blocked ? BLOCKED : 0);
  }

  static EpcmEntry of(int bits, long enclaveAddress) {
    return new EpcmEntry(
        valid(bits),
        TYPES[(bits & TYPE) >>> TYPE_SHIFT],
        Permissions.of((bits & PERMISSIONS) >>> PERMISSIONS_SHIFT),
        (bits & PENDING) != 0,
        (bits & MODIFIED) != 0,
        (bits & PR) != 0,
        blocked(bits),
        enclaveAddress);
  }

  /** The SECINFO that describes the page, as it is measured. */
  public Secinfo secinfo() {
    return new Secinfo(type, permissions, pending, modified, pr);
  }
}
