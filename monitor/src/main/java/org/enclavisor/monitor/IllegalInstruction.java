package org.enclavisor.monitor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/**
 * The instructions that are #UD inside an enclave though they are not outside (SDM 3D, “Illegal Instructions Inside an
 * Enclave”). A machine that is no SGX processor refuses some of them for reasons of its own, by #GP for the most part;
 * what it lets pass is not seen here.
 */
final class IllegalInstruction {
  private static final int MAX_BYTES = 15;
  private static final int ESCAPE = 0x0F;
  private static final int REGISTER_FORM = 3;

  private IllegalInstruction() {}

  /**
   * Whether the instruction at a place in enclave memory is one. The enclave may change the bytes at any time, to no
   * harm but its own.
   */
  static boolean at(MemorySegment memory, long offset) {
    long end = Math.min(memory.byteSize(), offset + MAX_BYTES);
    long at = offset;
    while (at < end && prefix(u8(memory, at))) {
      at++;
    }
    if (at >= end) {
      return false;
    }
    int opcode = u8(memory, at);
    int next = at + 1 < end ? u8(memory, at + 1) : 0;
    if (opcode != ESCAPE) {
      return oneByte(opcode, next);
    }
    return twoByte(next, at + 2 < end ? u8(memory, at + 2) : 0);
  }

  private static int u8(MemorySegment memory, long at) {
    return Byte.toUnsignedInt(memory.get(JAVA_BYTE, at));
  }

  /** The prefixes of old, and REX. */
  private static boolean prefix(int value) {
    return switch (value) {
      case 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3 -> true;
      default -> value >>> 4 == 4;
    };
  }

  private static boolean oneByte(int opcode, int modrm) {
    return switch (opcode) {
      case 0x6C, 0x6D, 0x6E, 0x6F -> true; // INS, OUTS
      case 0xE4, 0xE5, 0xE6, 0xE7, 0xEC, 0xED, 0xEE, 0xEF -> true; // IN, OUT
      case 0x8E -> true; // MOV to a segment register
      case 0xCA, 0xCB, 0xCD, 0xCE, 0xCF -> true; // far RET, INT n, INTO, IRET
      case 0xFF -> reg(modrm) == 3 || reg(modrm) == 5; // far CALL, far JMP
      default -> false;
    };
  }

  private static boolean twoByte(int opcode, int modrm) {
    return switch (opcode) {
      case 0x00 -> reg(modrm) <= 1; // SLDT, STR
      case 0x01 -> group7(modrm);
      case 0x05, 0x34 -> true; // SYSCALL, SYSENTER
      case 0x33, 0x37, 0xA2 -> true; // RDPMC, GETSEC, CPUID
      case 0xA1, 0xA9 -> true; // POP FS, POP GS
      case 0xB2, 0xB4, 0xB5 -> true; // LSS, LFS, LGS
      default -> false;
    };
  }

  private static boolean group7(int modrm) {
    if (modrm >>> 6 == REGISTER_FORM && reg(modrm) != 4) {
      return modrm == 0xC1 || modrm == 0xD4; // VMCALL, VMFUNC
    }
    return reg(modrm) <= 1 || reg(modrm) == 4; // SGDT, SIDT, SMSW
  }

  private static int reg(int modrm) {
    return modrm >>> 3 & 7;
  }
}
