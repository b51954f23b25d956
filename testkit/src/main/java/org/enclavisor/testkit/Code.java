package org.enclavisor.testkit;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Writes small x86-64 programs for tests: just the instructions that the tests need, which are also just those that
 * {@link FakePlatform} understands. A program is written for one address, so that it can name memory by its linear
 * address. Confined to one thread.
 *
 * <p>Memory operands have two forms only: relative to RIP (for the ELRANGE, which is near) and a base register with a
 * 32-bit displacement (for everything else).
 */
public final class Code {
  private final long origin;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final List<Fixup> fixups = new ArrayList<>();

  private record Fixup(int at, Label target) {}

  /** A place in a program, to jump to. */
  public static final class Label {
    private int position = -1;

    private Label() {}
  }

  private Code(long origin) {
    this.origin = origin;
  }

  /** A program whose first instruction will lie at a linear address. */
  public static Code at(long linearAddress) {
    return new Code(linearAddress);
  }

  /** The linear address of the next instruction. */
  public long here() {
    return origin + bytes.size();
  }

  /** The program. */
  public byte[] bytes() {
    byte[] all = bytes.toByteArray();
    for (Fixup f : fixups) {
      if (f.target.position < 0) {
        throw new IllegalStateException("a jump at " + f.at + " has no target");
      }
      int displacement = f.target.position - (f.at + 4);
      for (int i = 0; i < 4; i++) {
        all[f.at + i] = (byte) (displacement >> (8 * i));
      }
    }
    return all;
  }

  /** A label that is not placed yet. */
  public Label label() {
    return new Label();
  }

  /** Places a label here. */
  public Code bind(Label label) {
    label.position = bytes.size();
    return this;
  }

  /** Bytes as they are. */
  public Code raw(int... values) {
    Arrays.stream(values).forEach(bytes::write);
    return this;
  }

  /** Fills with NOP up to an offset from the program's start. */
  public Code padTo(int offset) {
    while (bytes.size() < offset) {
      nop();
    }
    return this;
  }

  public Code nop() {
    return raw(0x90);
  }

  public Code pause() {
    return raw(0xf3, 0x90);
  }

  /** {@code enclu}: ENCLU[RAX]. */
  public Code enclu() {
    return raw(0x0f, 0x01, 0xd7);
  }

  /** {@code mov eax, leaf; enclu}: as compilers write it, and as a platform may want to patch it. */
  public Code enclu(int leaf) {
    return raw(0xb8).imm32(leaf).enclu();
  }

  public Code int3() {
    return raw(0xcc);
  }

  /** {@code int n}, two bytes. */
  public Code interrupt(int vector) {
    return raw(0xcd, vector);
  }

  public Code ud2() {
    return raw(0x0f, 0x0b);
  }

  /** {@code hlt}, which is privileged. */
  public Code hlt() {
    return raw(0xf4);
  }

  public Code syscall() {
    return raw(0x0f, 0x05);
  }

  public Code pushfq() {
    return raw(0x9c);
  }

  public Code popfq() {
    return raw(0x9d);
  }

  public Code push(Reg r) {
    return r.ordinal() < 8 ? raw(0x50 + r.ordinal()) : raw(0x41, 0x50 + r.ordinal() - 8);
  }

  public Code pop(Reg r) {
    return r.ordinal() < 8 ? raw(0x58 + r.ordinal()) : raw(0x41, 0x58 + r.ordinal() - 8);
  }

  /** {@code mov to, imm64}. */
  public Code mov(Reg to, long value) {
    raw(rexW(0, to.ordinal()), 0xb8 + (to.ordinal() & 7));
    for (int i = 0; i < 8; i++) {
      raw((int) (value >>> (8 * i)) & 0xff);
    }
    return this;
  }

  /** {@code mov to, from}. */
  public Code mov(Reg to, Reg from) {
    return raw(rexW(from.ordinal(), to.ordinal()), 0x89, modrm(3, from.ordinal(), to.ordinal()));
  }

  /** {@code mov to, [rip + …]}. */
  public Code load(Reg to, long linearAddress) {
    return raw(rexW(to.ordinal(), 0), 0x8b).ripRelative(to.ordinal(), linearAddress);
  }

  /** {@code mov [rip + …], from}. */
  public Code store(long linearAddress, Reg from) {
    return raw(rexW(from.ordinal(), 0), 0x89).ripRelative(from.ordinal(), linearAddress);
  }

  /** {@code mov to, [base + displacement]}. */
  public Code load(Reg to, Reg base, int displacement) {
    return raw(rexW(to.ordinal(), base.ordinal()), 0x8b).based(to.ordinal(), base, displacement);
  }

  /** {@code mov [base + displacement], from}. */
  public Code store(Reg base, int displacement, Reg from) {
    return raw(rexW(from.ordinal(), base.ordinal()), 0x89).based(from.ordinal(), base, displacement);
  }

  /** {@code mov to, fs:[displacement]}. */
  public Code loadFs(Reg to, int displacement) {
    return raw(0x64, rexW(to.ordinal(), 0), 0x8b, modrm(0, to.ordinal(), 4), 0x25).imm32(displacement);
  }

  /** {@code mov to, gs:[displacement]}. */
  public Code loadGs(Reg to, int displacement) {
    return raw(0x65, rexW(to.ordinal(), 0), 0x8b, modrm(0, to.ordinal(), 4), 0x25).imm32(displacement);
  }

  /** {@code lock inc qword [base + displacement]}. */
  public Code lockInc(Reg base, int displacement) {
    return raw(0xf0, rexW(0, base.ordinal()), 0xff).based(0, base, displacement);
  }

  /** {@code add to, imm32}. */
  public Code add(Reg to, int value) {
    return raw(rexW(0, to.ordinal()), 0x81, modrm(3, 0, to.ordinal())).imm32(value);
  }

  /** {@code sub from, imm32}. */
  public Code sub(Reg from, int value) {
    return raw(rexW(0, from.ordinal()), 0x81, modrm(3, 5, from.ordinal())).imm32(value);
  }

  /** {@code cmp left, imm32}. */
  public Code cmp(Reg left, int value) {
    return raw(rexW(0, left.ordinal()), 0x81, modrm(3, 7, left.ordinal())).imm32(value);
  }

  /** {@code cmp left, right}. */
  public Code cmp(Reg left, Reg right) {
    return raw(rexW(right.ordinal(), left.ordinal()), 0x39, modrm(3, right.ordinal(), left.ordinal()));
  }

  /** {@code div divisor}: RDX:RAX by a register. */
  public Code div(Reg divisor) {
    return raw(rexW(0, divisor.ordinal()), 0xf7, modrm(3, 6, divisor.ordinal()));
  }

  public Code jmp(Label target) {
    return raw(0xe9).target(target);
  }

  /** {@code jmp to}: to the address in a register. */
  public Code jmp(Reg to) {
    return to.ordinal() < 8
        ? raw(0xff, modrm(3, 4, to.ordinal()))
        : raw(0x41, 0xff, modrm(3, 4, to.ordinal()));
  }

  public Code jz(Label target) {
    return raw(0x0f, 0x84).target(target);
  }

  public Code jnz(Label target) {
    return raw(0x0f, 0x85).target(target);
  }

  public Code rdfsbase(Reg to) {
    return segmentBase(0, to);
  }

  public Code rdgsbase(Reg to) {
    return segmentBase(1, to);
  }

  public Code wrfsbase(Reg from) {
    return segmentBase(2, from);
  }

  public Code wrgsbase(Reg from) {
    return segmentBase(3, from);
  }

  /** {@code vmovdqu ymm, [rip + …]}, register 0 to 7. */
  public Code vload(int ymm, long linearAddress) {
    return raw(0xc5, 0xfe, 0x6f).ripRelative(ymm, linearAddress);
  }

  /** {@code vmovdqu [rip + …], ymm}, register 0 to 7. */
  public Code vstore(long linearAddress, int ymm) {
    return raw(0xc5, 0xfe, 0x7f).ripRelative(ymm, linearAddress);
  }

  /** {@code divsd to, from}: XMM registers 0 to 7. */
  public Code divsd(int to, int from) {
    return raw(0xf2, 0x0f, 0x5e, modrm(3, to, from));
  }

  public Code ldmxcsr(long linearAddress) {
    return raw(0x0f, 0xae).ripRelative(2, linearAddress);
  }

  public Code stmxcsr(long linearAddress) {
    return raw(0x0f, 0xae).ripRelative(3, linearAddress);
  }

  public Code fldcw(long linearAddress) {
    return raw(0xd9).ripRelative(5, linearAddress);
  }

  public Code fnstcw(long linearAddress) {
    return raw(0xd9).ripRelative(7, linearAddress);
  }

  private Code segmentBase(int extension, Reg r) {
    return raw(0xf3, rexW(0, r.ordinal()), 0x0f, 0xae, modrm(3, extension, r.ordinal()));
  }

  private Code imm32(int value) {
    return raw(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
  }

  private Code target(Label label) {
    fixups.add(new Fixup(bytes.size(), label));
    return imm32(0);
  }

  /** The displacement counts from the end of the instruction, which has no immediate behind it. */
  private Code ripRelative(int register, long linearAddress) {
    raw(modrm(0, register, 5));
    return imm32(Math.toIntExact(linearAddress - (here() + 4)));
  }

  private Code based(int register, Reg base, int displacement) {
    if ((base.ordinal() & 7) == 4) {
      throw new IllegalArgumentException(base + " as a base would need a SIB byte");
    }
    return raw(modrm(2, register, base.ordinal())).imm32(displacement);
  }

  private static int rexW(int register, int base) {
    return 0x48 | (register >> 3) << 2 | base >> 3;
  }

  private static int modrm(int mod, int register, int rm) {
    return mod << 6 | (register & 7) << 3 | (rm & 7);
  }
}
