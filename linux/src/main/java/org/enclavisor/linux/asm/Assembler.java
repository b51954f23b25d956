package org.enclavisor.linux.asm;

import java.util.Arrays;

/**
 * Emits x86-64 instructions, one method an instruction, at a known address. Operand order is Intel's: destination
 * first. Jumps always take the 32-bit form, so that the length of code does not depend on where its labels
 * lie. Confined to one thread.
 *
 * <p>Encodings: Intel SDM volume 2, chapters 2 to 5.
 */
public final class Assembler {
  private final long origin;
  private byte[] code = new byte[1024];
  private int length;

  /** Code that will run at {@code origin}. */
  public Assembler(long origin) {
    this.origin = origin;
  }

  /** The address of the next instruction. */
  public long here() {
    return origin + length;
  }

  /** The bytes so far; every label used must have been bound. */
  public byte[] toBytes() {
    return Arrays.copyOf(code, length);
  }

  /** Fills with INT3 up to an offset from the origin. */
  public Assembler padTo(int offset) {
    if (length > offset) {
      throw new IllegalStateException("code is %d bytes long: expected at most %d".formatted(length, offset));
    }
    while (length < offset) {
      put(0xCC);
    }
    return this;
  }

  /** Binds a label to the next instruction. */
  public Assembler bind(Label label) {
    if (label.offset != Label.UNBOUND) {
      throw new IllegalStateException("label bound twice, at offset %d and %d".formatted(label.offset, length));
    }
    label.offset = length;
    for (int fixup : label.fixups) {
      patch32(fixup, length - (fixup + 4));
    }
    return this;
  }

  /** The address of a bound label. */
  public long addressOf(Label label) {
    if (label.offset == Label.UNBOUND) {
      throw new IllegalStateException("label is not bound");
    }
    return origin + label.offset;
  }

  /** Raw bytes, for what has no method. */
  public Assembler bytes(int... values) {
    for (int value : values) {
      put(value);
    }
    return this;
  }

  // ---- moves

  public Assembler mov(Reg to, Reg from) {
    return rr(0x89, true, from, to);
  }

  public Assembler mov32(Reg to, Reg from) {
    return rr(0x89, false, from, to);
  }

  public Assembler mov(Reg to, Mem from) {
    return rm(true, to, from, 0, 0x8B);
  }

  public Assembler mov32(Reg to, Mem from) {
    return rm(false, to, from, 0, 0x8B);
  }

  public Assembler mov(Mem to, Reg from) {
    return rm(true, from, to, 0, 0x89);
  }

  public Assembler mov32(Mem to, Reg from) {
    return rm(false, from, to, 0, 0x89);
  }

  /** Stores a 32-bit immediate, four bytes wide. */
  public Assembler movImm32(Mem to, int value) {
    rm(false, Reg.RAX, to, 4, 0xC7);
    return imm32(value);
  }

  /** {@code mov r32, imm32}: clears the upper half and touches no flag. */
  public Assembler mov32(Reg to, int value) {
    rexIfNeeded(0, 0, to.high());
    put(0xB8 + to.low());
    return imm32(value);
  }

  /** {@code movabs r64, imm64}. */
  public Assembler mov64(Reg to, long value) {
    put(0x48 | to.high());
    put(0xB8 + to.low());
    imm32((int) value);
    return imm32((int) (value >>> 32));
  }

  public Assembler lea(Reg to, Mem from) {
    return rm(true, to, from, 0, 0x8D);
  }

  public Assembler push(Reg reg) {
    rexIfNeeded(0, 0, reg.high());
    return bytes(0x50 + reg.low());
  }

  public Assembler pop(Reg reg) {
    rexIfNeeded(0, 0, reg.high());
    return bytes(0x58 + reg.low());
  }

  /** Pushes a sign-extended 32-bit immediate as eight bytes. */
  public Assembler push(int value) {
    put(0x68);
    return imm32(value);
  }

  /** Pushes eight bytes of memory. */
  public Assembler push(Mem from) {
    return rm(false, Reg.RSI, from, 0, 0xFF);
  }

  /** {@code xchg [mem], r32}: always locked. */
  public Assembler xchg32(Mem to, Reg reg) {
    return rm(false, reg, to, 0, 0x87);
  }

  /** {@code lock cmpxchg [mem], r32}: compares with EAX. */
  public Assembler lockCmpxchg32(Mem to, Reg reg) {
    put(0xF0);
    return rm(false, reg, to, 0, 0x0F, 0xB1);
  }

  // ---- arithmetic

  public Assembler xor32(Reg to, Reg from) {
    return rr(0x31, false, from, to);
  }

  public Assembler or(Reg to, Reg from) {
    return rr(0x09, true, from, to);
  }

  public Assembler sub(Reg to, Reg from) {
    return rr(0x29, true, from, to);
  }

  public Assembler add(Reg to, int value) {
    return group1(0, true, to, value);
  }

  public Assembler and(Reg to, int signExtended) {
    return group1(4, true, to, signExtended);
  }

  public Assembler and32(Reg to, int value) {
    return group1(4, false, to, value);
  }

  public Assembler cmp32(Reg reg, int value) {
    return group1(7, false, reg, value);
  }

  public Assembler cmp(Reg reg, int signExtended) {
    return group1(7, true, reg, signExtended);
  }

  public Assembler cmp(Reg left, Reg right) {
    return rr(0x39, true, right, left);
  }

  public Assembler cmp(Reg left, Mem right) {
    return rm(true, left, right, 0, 0x3B);
  }

  public Assembler cmp32(Reg left, Mem right) {
    return rm(false, left, right, 0, 0x3B);
  }

  public Assembler test(Reg left, Reg right) {
    return rr(0x85, true, right, left);
  }

  public Assembler test32(Reg left, Reg right) {
    return rr(0x85, false, right, left);
  }

  public Assembler shl(Reg reg, int count) {
    rex(true, 0, 0, reg.high());
    return bytes(0xC1, 0xE0 | reg.low(), count);
  }

  public Assembler inc32(Mem mem) {
    return rm(false, Reg.RAX, mem, 0, 0xFF);
  }

  // ---- control

  public Assembler jmp(Label target) {
    put(0xE9);
    return rel32(target);
  }

  /** A jump to an address within 2 GiB. */
  public Assembler jmp(long address) {
    put(0xE9);
    return imm32(displacement(address, 4));
  }

  public Assembler jmp(Reg reg) {
    rexIfNeeded(0, 0, reg.high());
    return bytes(0xFF, 0xE0 | reg.low());
  }

  /** A jump to the address that memory holds. */
  public Assembler jmp(Mem target) {
    return rm(false, Reg.RSP, target, 0, 0xFF);
  }

  public Assembler jcc(Condition condition, Label target) {
    bytes(0x0F, 0x80 | condition.code);
    return rel32(target);
  }

  public Assembler jcc(Condition condition, long address) {
    bytes(0x0F, 0x80 | condition.code);
    return imm32(displacement(address, 4));
  }

  public Assembler ret() {
    return bytes(0xC3);
  }

  public Assembler iretq() {
    return bytes(0x48, 0xCF);
  }

  public Assembler syscall() {
    return bytes(0x0F, 0x05);
  }

  public Assembler ud2() {
    return bytes(0x0F, 0x0B);
  }

  public Assembler pause() {
    return bytes(0xF3, 0x90);
  }

  // ---- flags, clocks, state

  public Assembler pushfq() {
    return bytes(0x9C);
  }

  public Assembler popfq() {
    return bytes(0x9D);
  }

  /** AH = the arithmetic flags but OF. */
  public Assembler lahf() {
    return bytes(0x9F);
  }

  /** AL = OF. */
  public Assembler setoAl() {
    return bytes(0x0F, 0x90, 0xC0);
  }

  public Assembler rdtsc() {
    return bytes(0x0F, 0x31);
  }

  public Assembler cpuid() {
    return bytes(0x0F, 0xA2);
  }

  public Assembler xgetbv() {
    return bytes(0x0F, 0x01, 0xD0);
  }

  /** {@code xrstor64 [reg]}, components named by EDX:EAX. */
  public Assembler xrstor64(Reg base) {
    return rm(true, Reg.RBP, Mem.at(base, 0), 0, 0x0F, 0xAE);
  }

  public Assembler rdfsbase(Reg reg) {
    return fsgsbase(0, reg);
  }

  public Assembler rdgsbase(Reg reg) {
    return fsgsbase(1, reg);
  }

  public Assembler wrfsbase(Reg reg) {
    return fsgsbase(2, reg);
  }

  public Assembler wrgsbase(Reg reg) {
    return fsgsbase(3, reg);
  }

  // ---- encoding

  private Assembler fsgsbase(int operation, Reg reg) {
    put(0xF3);
    rex(true, 0, 0, reg.high());
    return bytes(0x0F, 0xAE, 0xC0 | operation << 3 | reg.low());
  }

  private Assembler group1(int operation, boolean wide, Reg reg, int value) {
    rex(wide, 0, 0, reg.high());
    bytes(0x81, 0xC0 | operation << 3 | reg.low());
    return imm32(value);
  }

  private Assembler rr(int opcode, boolean wide, Reg reg, Reg rm) {
    rex(wide, reg.high(), 0, rm.high());
    return bytes(opcode, 0xC0 | reg.low() << 3 | rm.low());
  }

  /** @param trailing how many bytes of immediate follow the operand: RIP-relative operands count from their end */
  private Assembler rm(boolean wide, Reg reg, Mem mem, int trailing, int... opcode) {
    switch (mem) {
      case Mem.Based(Reg base, int disp) -> {
        rex(wide, reg.high(), 0, base.high());
        bytes(opcode);
        put(0x80 | reg.low() << 3 | base.low());
        if (base.low() == Reg.RSP.low()) {
          put(0x24);
        }
        imm32(disp);
      }
      case Mem.Absolute(long address) -> {
        rex(wide, reg.high(), 0, 0);
        bytes(opcode);
        put(reg.low() << 3 | 5);
        imm32(displacement(address, 4 + trailing));
      }
    }
    return this;
  }

  private void rex(boolean wide, int r, int x, int b) {
    if (wide) {
      put(0x48 | r << 2 | x << 1 | b);
    } else {
      rexIfNeeded(r, x, b);
    }
  }

  private void rexIfNeeded(int r, int x, int b) {
    if ((r | x | b) != 0) {
      put(0x40 | r << 2 | x << 1 | b);
    }
  }

  private Assembler rel32(Label target) {
    if (target.offset == Label.UNBOUND) {
      target.fixups.add(length);
      return imm32(0);
    }
    return imm32(target.offset - (length + 4));
  }

  private int displacement(long address, int bytesToEnd) {
    return Math.toIntExact(address - (here() + bytesToEnd));
  }

  private Assembler imm32(int value) {
    put(value);
    put(value >> 8);
    put(value >> 16);
    put(value >> 24);
    return this;
  }

  private void patch32(int at, int value) {
    for (int i = 0; i < 4; i++) {
      code[at + i] = (byte) (value >> 8 * i);
    }
  }

  private void put(int value) {
    if (length == code.length) {
      code = Arrays.copyOf(code, 2 * length);
    }
    code[length++] = (byte) value;
  }
}
