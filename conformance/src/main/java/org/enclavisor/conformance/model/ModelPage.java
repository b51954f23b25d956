package org.enclavisor.conformance.model;

import org.jspecify.annotations.Nullable;

/** An EPC page with its EPCM entry. Mutable, confined to one thread. */
final class ModelPage {
  static final int PT_SECS = 0;
  static final int PT_TCS = 1;
  static final int PT_REG = 2;
  static final int PT_VA = 3;
  static final int PT_TRIM = 4;
  /** A stamp that is always tracked. */
  static final long NO_STAMP = -1;

  final long address;
  boolean valid;
  int type;
  boolean r;
  boolean w;
  boolean x;
  boolean pending;
  boolean modified;
  boolean pr;
  boolean blocked;
  long linear;
  /** The SECS that it belongs to; of a SECS page, its own. */
  @Nullable ModelSecs secs;
  /** The enclave's epoch at the last EBLOCK, EMODPR or EMODT. */
  long stamp = NO_STAMP;
  byte[] content = new byte[4096];
  /** Whether the content cannot be foretold: a report, a key. */
  boolean opaque;
  @Nullable ModelThread thread;
  /** When access was last taken away, in the model's time, and what was allowed before. */
  long shrunkAt;
  int before;

  ModelPage(long address) {
    this.address = address;
  }

  boolean is(int wanted) {
    return valid && type == wanted;
  }

  /** PT_REG, PT_TCS or PT_TRIM: it has a SECS. */
  boolean child() {
    return valid && (type == PT_REG || type == PT_TCS || type == PT_TRIM);
  }

  ModelSecs secs() {
    if (secs == null) {
      throw new IllegalStateException("no SECS");
    }
    return secs;
  }

  /** SECINFO.FLAGS or RDINFO.FLAGS without BLOCKED. */
  long flags() {
    return (r ? 1 : 0) | (w ? 2 : 0) | (x ? 4 : 0) | (pending ? 8 : 0) | (modified ? 16 : 0) | (pr ? 32 : 0)
        | (long) type << 8;
  }

  void permissions(long flags) {
    r = (flags & 1) != 0;
    w = (flags & 2) != 0;
    x = (flags & 4) != 0;
  }

  /** Sets everything but the content. */
  void set(int newType, long flags, long linearAddress, @Nullable ModelSecs owner) {
    valid = true;
    type = newType;
    permissions(flags);
    pending = (flags & 8) != 0;
    modified = (flags & 16) != 0;
    pr = (flags & 32) != 0;
    blocked = false;
    linear = linearAddress;
    secs = owner;
    stamp = NO_STAMP;
    opaque = false;
    before = 0;
    thread = newType == PT_TCS ? new ModelThread(this) : null;
    if (owner != null && newType != PT_SECS) {
      owner.children.put(linearAddress, this);
    }
  }

  /** What enclave code may do now: 1 read, 2 write, 4 execute. */
  int access() {
    return is(PT_REG) && !pending && !modified && !blocked ? (r ? 1 : 0) | (w ? 2 : 0) | (x ? 4 : 0) : 0;
  }

  /** Called before access is taken away. */
  void shrink(long now) {
    shrunkAt = now;
    before |= access();
  }

  void invalidate() {
    valid = false;
    if (secs != null && type != PT_SECS) {
      secs.children.remove(linear, this);
    }
    secs = null;
    thread = null;
  }
}
