package org.enclavisor.conformance.probe;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The machine code of the probe. Position-independent, one page. RDI points to its block in ordinary memory, RSP to a
 * stack there; R8 and R9 are its own. It waits at {@link #waitOffset()} until the block's first word is not zero.
 *
 * <pre>
 *   entry:  RSP, RBP, RCX, RAX into the block (for ENTRY)
 *   wait:   pause (or what the machine takes instead)
 *           r8 = [rdi]; if zero, again
 *           one of the commands
 *   done:   RAX, RBX, RCX, RDX, RFLAGS into the block; [rdi] = 0; wait
 * </pre>
 */
public final class Probe {
  /** PAUSE, as two bytes. */
  public static final byte[] PAUSE = {(byte) 0xf3, (byte) 0x90};

  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RBX = 3;
  private static final int RSP = 4;
  private static final int RBP = 5;
  private static final int R8 = 8;
  private static final int R9 = 9;
  private static final int R15 = 15;
  private static final int ENTRY_AREA = 128;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final List<int[]> fixups = new ArrayList<>();
  private final int[] labels = new int[32];
  private int labelCount;
  private int waitAt;
  private int encluAt;
  private int doneAt;
  private final Map<Command.Kind, Integer> instructions = new EnumMap<>(Command.Kind.class);
  private final byte[] code;

  private Probe(byte[] pause) {
    emit(pause);
    byte[] bytes = out.toByteArray();
    for (int[] fixup : fixups) {
      int displacement = labels[fixup[1]] - (fixup[0] + 4);
      for (int i = 0; i < 4; i++) {
        bytes[fixup[0] + i] = (byte) (displacement >> (8 * i));
      }
    }
    code = bytes;
  }

  /** The probe that waits with PAUSE. */
  public static Probe standard() {
    return new Probe(PAUSE);
  }

  /**
   * A probe that waits with another instruction, for machines that can notice it and save the turning.
   *
   * @param pause two bytes, such as INT3 and NOP
   */
  public static Probe waitingWith(byte[] pause) {
    return new Probe(pause.clone());
  }

  /** The program. */
  public byte[] code() {
    return code.clone();
  }

  /** Where it waits: the offset of the pausing instruction from the program's start. */
  public int waitOffset() {
    return waitAt;
  }

  /** Where the ENCLU is. */
  public int encluOffset() {
    return encluAt;
  }

  /** Where a page that is executed has to come back to: its address belongs into R15. */
  public int backOffset() {
    return doneAt;
  }

  /** Where the instruction is that carries a command out, and that faults if it cannot. */
  public int instructionOffset(Command.Kind kind) {
    return kind == Command.Kind.ENCLU ? encluAt : instructions.get(kind);
  }

  /** What to put at the place that {@link Command.Kind#EXECUTE} jumps to: {@code jmp r15}. */
  public static byte[] comeBack() {
    return new byte[] {0x41, (byte) 0xff, (byte) 0xe7};
  }

  /** The values that {@link Command.Kind#PATTERN} leaves in the 16 registers, but for RSP (4) and RDI (7). */
  public static long pattern(int register) {
    return 0x1111_0000_0000_0000L | register * 0x0101_0101L;
  }

  private void emit(byte[] pause) {
    store(ENTRY_AREA, RSP);
    store(ENTRY_AREA + 8, RBP);
    store(ENTRY_AREA + 16, RCX);
    store(ENTRY_AREA + 24, RAX);
    int wait = label();
    bind(wait);
    waitAt = out.size();
    out.writeBytes(pause);
    load(R8, Command.TURN);
    compare(R8, 0);
    jump(0x84, wait);
    int done = label();
    int afterEnclu = label();
    for (Command.Kind kind : Command.Kind.values()) {
      int next = label();
      compare(R8, kind.ordinal() + 1);
      jump(0x85, next);
      command(kind, afterEnclu);
      jump(done);
      bind(next);
    }
    raw(0x0f, 0x0b);
    bind(done);
    doneAt = out.size();
    raw(0x9c, 0x41, 0x58); // pushfq; pop r8
    store(Command.OUT_FLAGS, R8);
    store(Command.OUT_RAX, RAX);
    store(Command.OUT_RBX, RBX);
    store(Command.OUT_RCX, RCX);
    store(Command.OUT_RDX, RDX);
    immediate(R8, 0);
    store(Command.TURN, R8);
    jump(wait);
  }

  private void operands() {
    load(RAX, Command.RAX);
    load(RBX, Command.RBX);
    load(RCX, Command.RCX);
    load(RDX, Command.RDX);
  }

  private void command(Command.Kind kind, int afterEnclu) {
    operands();
    switch (kind) {
      case ENCLU -> {
        immediate(R9, 0x8d7);
        raw(0x41, 0x51, 0x9d); // push r9; popfq
        encluAt = out.size();
        raw(0x0f, 0x01, 0xd7);
        bind(afterEnclu);
      }
      case READ -> {
        mark(kind);
        raw(0x48, 0x8b, 0x83, 0, 0, 0, 0); // mov rax, [rbx]
      }
      case WRITE -> {
        mark(kind);
        raw(0x48, 0x89, 0x83, 0, 0, 0, 0); // mov [rbx], rax
      }
      case EXECUTE -> {
        load(R15, Command.RCX);
        mark(kind);
        raw(0xff, 0xe3); // jmp rbx
      }
      case UD2 -> {
        mark(kind);
        raw(0x0f, 0x0b);
      }
      case DIVIDE -> {
        immediate(R9, 0);
        immediate(RDX, 0);
        mark(kind);
        raw(0x49, 0xf7, 0xf1); // div r9
      }
      case INT3 -> {
        mark(kind);
        raw(0xcc);
      }
      case HLT -> {
        mark(kind);
        raw(0xf4);
      }
      case PATTERN -> {
        for (int register = 0; register < 16; register++) {
          if (register != RSP && register != 7) {
            immediate(register, pattern(register));
          }
        }
        mark(kind);
        raw(0x0f, 0x0b);
      }
      case BASES -> {
        mark(kind);
        raw(0xf3, 0x48, 0x0f, 0xae, 0xc0); // rdfsbase rax
        raw(0xf3, 0x48, 0x0f, 0xae, 0xcb); // rdgsbase rbx
      }
      case ENTRY -> {
        mark(kind);
        load(RAX, ENTRY_AREA);
        load(RBX, ENTRY_AREA + 8);
        load(RCX, ENTRY_AREA + 16);
        load(RDX, ENTRY_AREA + 24);
      }
    }
  }

  private void mark(Command.Kind kind) {
    instructions.put(kind, out.size());
  }

  private void raw(int... bytes) {
    for (int value : bytes) {
      out.write(value);
    }
  }

  private void imm32(int value) {
    raw(value & 0xff, value >>> 8 & 0xff, value >>> 16 & 0xff, value >>> 24);
  }

  /** {@code mov to, [rdi + offset]}. */
  private void load(int to, int offset) {
    raw(0x48 | (to >> 3) << 2, 0x8b, 0x87 | (to & 7) << 3);
    imm32(offset);
  }

  /** {@code mov [rdi + offset], from}. */
  private void store(int offset, int from) {
    raw(0x48 | (from >> 3) << 2, 0x89, 0x87 | (from & 7) << 3);
    imm32(offset);
  }

  /** {@code mov to, imm64}. */
  private void immediate(int to, long value) {
    raw(0x48 | to >> 3, 0xb8 | to & 7);
    imm32((int) value);
    imm32((int) (value >>> 32));
  }

  /** {@code cmp register, imm32}. */
  private void compare(int register, int value) {
    raw(0x48 | register >> 3, 0x81, 0xf8 | register & 7);
    imm32(value);
  }

  private void jump(int condition, int label) {
    raw(0x0f, condition);
    target(label);
  }

  private void jump(int label) {
    raw(0xe9);
    target(label);
  }

  private void target(int label) {
    fixups.add(new int[] {out.size(), label});
    imm32(0);
  }

  private int label() {
    return labelCount++;
  }

  private void bind(int label) {
    labels[label] = out.size();
  }
}
