package org.enclavisor.conformance.probe;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.enclavisor.conformance.LeafResult;

/**
 * One thing that the probe does inside, and the block in ordinary memory through which it is told.
 *
 * @param kind what
 * @param rax the leaf, or the value to write
 * @param rbx an operand, or the address to touch
 */
public record Command(Kind kind, long rax, long rbx, long rcx, long rdx) {
  /** Bytes of a block, with the probe's stack at its end. */
  public static final int BLOCK = 4096;

  /** Where the number of the command is; the probe clears it when it is done. */
  public static final int TURN = 0;
  static final int RAX = 8;
  static final int RBX = 16;
  static final int RCX = 24;
  static final int RDX = 32;
  static final int OUT_RAX = 40;
  static final int OUT_RBX = 48;
  static final int OUT_RCX = 56;
  static final int OUT_RDX = 64;
  static final int OUT_FLAGS = 72;
  private static final int BYTES = 80;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What the probe can do; the number is the ordinal + 1. */
  public enum Kind {
    /** ENCLU with RAX to RDX, with all status flags set before. */
    ENCLU,
    /** RAX from the eight bytes at RBX. */
    READ,
    /** RAX to the eight bytes at RBX. */
    WRITE,
    /** A jump to RBX; what is there has to jump to R15. */
    EXECUTE,
    /** UD2. */
    UD2,
    /** A division by zero. */
    DIVIDE,
    /** INT3. */
    INT3,
    /** HLT, a privileged instruction. */
    HLT,
    /** Values in all registers and flags, then UD2. */
    PATTERN,
    /** FS base in RAX, GS base in RBX. */
    BASES,
    /** RSP, RBP, RCX as they were at the last entry, in RAX, RBX, RCX, and what RAX was in RDX. */
    ENTRY
  }

  /** What the probe left in the block. */
  public record Results(long rax, long rbx, long rcx, long rdx, long flags) {
    /** As a leaf's result. */
    public LeafResult.Done done() {
      return new LeafResult.Done(rax, rbx, flags & LeafResult.STATUS);
    }
  }

  /** ENCLU. */
  public static Command enclu(int leaf, long rbx, long rcx, long rdx) {
    return new Command(Kind.ENCLU, leaf, rbx, rcx, rdx);
  }

  /** A read. */
  public static Command read(long address) {
    return new Command(Kind.READ, 0, address, 0, 0);
  }

  /** A write. */
  public static Command write(long address, long value) {
    return new Command(Kind.WRITE, value, address, 0, 0);
  }

  /** A jump to code that comes back to an address. */
  public static Command execute(long address, long back) {
    return new Command(Kind.EXECUTE, 0, address, back, 0);
  }

  /** One without operands. */
  public static Command of(Kind kind) {
    return new Command(kind, 0, 0, 0, 0);
  }

  /** The first bytes of a block that holds this command. The number is to be written last, if the probe runs. */
  public byte[] operands() {
    byte[] bytes = new byte[32];
    MemorySegment block = MemorySegment.ofArray(bytes);
    block.set(U64, 0, rax);
    block.set(U64, 8, rbx);
    block.set(U64, 16, rcx);
    block.set(U64, 24, rdx);
    return bytes;
  }

  /** Where {@link #operands} go. */
  public static int operandsOffset() {
    return RAX;
  }

  /** What goes to {@link #TURN}. */
  public byte[] turn() {
    byte[] bytes = new byte[8];
    bytes[0] = (byte) (kind.ordinal() + 1);
    return bytes;
  }

  /** Bytes of a block to read for {@link #results}. */
  public static int resultBytes() {
    return BYTES;
  }

  /** From the block's first bytes. */
  public static Results results(byte[] bytes) {
    MemorySegment block = MemorySegment.ofArray(bytes);
    return new Results(
        block.get(U64, OUT_RAX), block.get(U64, OUT_RBX), block.get(U64, OUT_RCX), block.get(U64, OUT_RDX),
        block.get(U64, OUT_FLAGS));
  }
}
