package org.enclavisor.host.debug;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.host.debug.Register.Place;
import org.enclavisor.host.debug.Register.X87Field;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.monitor.spi.Registers;

/**
 * The registers of one thread, in the form of an SSA frame: GPRSGX and the XSAVE area. A mutable copy, confined to one
 * thread.
 */
final class RegisterValues {
  private static final int XSTATE_BV = 512;
  private static final int XMM0 = 160;
  private static final int ST0 = 32;
  private static final int MXCSR = 24;
  private static final int FCW_INIT = 0x37F;
  private static final int MXCSR_INIT = 0x1F80;
  private static final int TF = 1 << 8;

  /** Of two bits a register: not in use. */
  private static final int TAG_EMPTY = 3;

  private final byte[] gpr;
  private final byte[] xsave;

  /**
   * @param gpr GPRSGX
   * @param xsave an XSAVE area of standard form
   */
  RegisterValues(byte[] gpr, byte[] xsave) {
    this.gpr = gpr.clone();
    this.xsave = xsave.clone();
  }

  /** Of a thread that is outside: what the host sees. The extended state is not known, and shown as initial. */
  static RegisterValues outside(Registers host, int xsaveBytes) {
    byte[] gpr = new byte[GprSgx.BYTES];
    ByteBuffer out = little(gpr);
    long[] values = {
      host.rax, host.rcx, host.rdx, host.rbx, host.rsp, host.rbp, host.rsi, host.rdi, host.r8, host.r9, host.r10,
      host.r11, host.r12, host.r13, host.r14, host.r15, host.rflags, host.rip
    };
    for (int i = 0; i < values.length; i++) {
      out.putLong(8 * i, values[i]);
    }
    byte[] xsave = new byte[xsaveBytes];
    little(xsave).putInt(MXCSR, MXCSR_INIT);
    return new RegisterValues(gpr, xsave);
  }

  private static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  byte[] gpr() {
    return gpr.clone();
  }

  byte[] xsave() {
    return xsave.clone();
  }

  /** RIP. */
  long rip() {
    return little(gpr).getLong((int) GprSgx.RIP_OFFSET);
  }

  /** Sets RIP. */
  void rip(long address) {
    little(gpr).putLong((int) GprSgx.RIP_OFFSET, address);
  }

  /** A register's bytes, lowest first. */
  byte[] get(Register register) {
    byte[] value = new byte[register.bytes()];
    switch (register.place()) {
      case Place.Gpr(int offset) -> {
        System.arraycopy(gpr, offset, value, 0, value.length);
        if (register.name().equals("eflags")) {
          value[1] &= ~(TF >> 8); // the debugger's own
        }
      }
      case Place.Xsave(int component, int offset) -> {
        if (inUse(component)) {
          System.arraycopy(xsave, offset, value, 0, value.length);
        }
      }
      case Place.X87(X87Field field) -> little(value).putInt(x87(field));
      case Place.Constant(long constant) -> {
        for (int i = 0; i < value.length; i++) {
          value[i] = (byte) (constant >> 8 * i);
        }
      }
    }
    return value;
  }

  /** Sets a register; one that is always the same stays so. */
  void set(Register register, byte[] value) {
    switch (register.place()) {
      case Place.Gpr(int offset) -> System.arraycopy(value, 0, gpr, offset, value.length);
      case Place.Xsave(int component, int offset) -> {
        if (!java.util.Arrays.equals(get(register), value)) {
          use(component);
          System.arraycopy(value, 0, xsave, offset, value.length);
        }
      }
      case Place.X87(X87Field field) -> {
        int wanted = little(value).getInt(0);
        if (wanted != x87(field)) {
          use(RegisterTable.X87);
          x87(field, wanted);
        }
      }
      case Place.Constant _ -> {
        // GDB writes all registers at once, these too.
      }
    }
  }

  /** Whether a component is not in its initial configuration, which is zero, but for the x87 control word. */
  private boolean inUse(int component) {
    return component < 0 || (little(xsave).getLong(XSTATE_BV) & 1L << component) != 0;
  }

  /** Gives a component its initial configuration in the area, so that parts of it can be set. */
  private void use(int component) {
    if (inUse(component)) {
      return;
    }
    ByteBuffer area = little(xsave);
    area.putLong(XSTATE_BV, area.getLong(XSTATE_BV) | 1L << component);
    if (component == RegisterTable.X87) {
      java.util.Arrays.fill(xsave, 0, 24, (byte) 0);
      java.util.Arrays.fill(xsave, ST0, XMM0, (byte) 0);
      area.putShort(0, (short) FCW_INIT);
    }
    if (component == RegisterTable.SSE) {
      java.util.Arrays.fill(xsave, XMM0, XMM0 + 256, (byte) 0);
    }
    // The monitor writes zeroes where a higher component is initial.
  }

  private int x87(X87Field field) {
    if (!inUse(RegisterTable.X87)) {
      return switch (field) {
        case FCTRL -> FCW_INIT;
        case FTAG -> 0xFFFF;
        case FSTAT, FISEG, FIOFF, FOSEG, FOOFF, FOP -> 0;
      };
    }
    ByteBuffer area = little(xsave);
    return switch (field) {
      case FCTRL -> area.getShort(0) & 0xFFFF;
      case FSTAT -> area.getShort(2) & 0xFFFF;
      case FTAG -> fullTags(area);
      case FOP -> area.getShort(6) & 0x7FF;
      case FIOFF -> area.getInt(8);
      case FISEG -> area.getShort(12) & 0xFFFF;
      case FOOFF -> area.getInt(16);
      case FOSEG -> area.getShort(20) & 0xFFFF;
    };
  }

  private void x87(X87Field field, int value) {
    ByteBuffer area = little(xsave);
    switch (field) {
      case FCTRL -> area.putShort(0, (short) value);
      case FSTAT -> area.putShort(2, (short) value);
      case FTAG -> {
        int used = 0;
        for (int i = 0; i < 8; i++) {
          used |= (value >> 2 * i & 3) == TAG_EMPTY ? 0 : 1 << i;
        }
        area.put(4, (byte) used);
      }
      case FOP -> area.putShort(6, (short) (value & 0x7FF));
      case FIOFF -> area.putInt(8, value);
      case FISEG -> area.putShort(12, (short) value);
      case FOOFF -> area.putInt(16, value);
      case FOSEG -> area.putShort(20, (short) value);
    }
  }

  /** The tag word of FSAVE, which FXSAVE shortens to whether each register is in use (SDM 1, 10.5.1.1). */
  private static int fullTags(ByteBuffer area) {
    int top = area.getShort(2) >> 11 & 7;
    int tags = 0;
    for (int physical = 0; physical < 8; physical++) {
      int tag = TAG_EMPTY;
      if ((area.get(4) & 1 << physical) != 0) {
        int at = ST0 + 16 * (physical - top & 7);
        int exponent = area.getShort(at + 8) & 0x7FFF;
        long mantissa = area.getLong(at);
        if (exponent == 0 && mantissa == 0) {
          tag = 1;
        } else {
          tag = exponent == 0 || exponent == 0x7FFF || mantissa >= 0 ? 2 : 0;
        }
      }
      tags |= tag << 2 * physical;
    }
    return tags;
  }
}
