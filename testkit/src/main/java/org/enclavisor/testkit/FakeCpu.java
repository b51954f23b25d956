package org.enclavisor.testkit;

import java.util.Optional;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Fetches, decodes and executes the instructions of {@link Code}, one at a time. An instruction that traps changes
 * nothing but what the architecture says. Confined to the thread that is in {@code enter}.
 */
final class FakeCpu {
  static final int DE = 0;
  static final int DB = 1;
  static final int BP = 3;
  static final int UD = 6;
  static final int SS = 12;
  static final int GP = 13;
  static final int PF = 14;
  static final int AC = 17;
  static final int XM = 19;

  private final FakeAddressSpace space;
  private final Registers r;
  private final FakeExtendedState extended;
  private final FakeMemory memory;
  private final FakeFlags flags;

  /** How enclave code ends in the instruction that is being executed. */
  private @Nullable Exit exit;
  /** The next byte to fetch. */
  private long next;
  private int rex;
  private long segmentBase;
  private int register;
  private int rm;
  private int mod;
  /** The memory operand, when {@link #mod} is not 3. */
  private long address;

  FakeCpu(FakeAddressSpace space, Registers registers, FakeExtendedState extended) {
    this.space = space;
    this.r = registers;
    this.extended = extended;
    this.memory = new FakeMemory(space, this::trap);
    this.flags = new FakeFlags(registers);
    flags.enter();
  }

  /** What stands in place of the next instruction, if its page can be executed. */
  Optional<Scripted> script() {
    exit = null;
    return space.scriptAt(r.rip).filter(script -> memory.fetch(r.rip) >= 0);
  }

  /** Executes one instruction; a value is how enclave code ends. */
  Optional<Exit> step() {
    exit = null;
    boolean stepping = flags.is(FakeFlags.TF);
    memory.alignmentChecked(flags.is(FakeFlags.AC));
    next = r.rip;
    execute();
    if (exit == null) {
      r.rip = next;
      if (stepping) {
        trap(DB, 0, 0);
      }
    }
    return Optional.ofNullable(exit);
  }

  private void trap(int vector, int errorCode, long cr2) {
    if (exit == null) {
      exit = new Exit.Fault(vector, errorCode, cr2);
    }
  }

  private int fetch() {
    int value = exit == null ? memory.fetch(next) : -1;
    next++;
    return exit == null ? value : 0xcc;
  }

  private int fetch32() {
    return fetch() | fetch() << 8 | fetch() << 16 | fetch() << 24;
  }

  private void execute() {
    boolean lock = false;
    int repeat = 0;
    segmentBase = 0;
    rex = 0;
    int op = fetch();
    for (; op == 0xf0 || op == 0xf2 || op == 0xf3 || op == 0x64 || op == 0x65; op = fetch()) {
      switch (op) {
        case 0xf0 -> lock = true;
        case 0x64 -> segmentBase = r.fsBase;
        case 0x65 -> segmentBase = r.gsBase;
        default -> repeat = op;
      }
    }
    if ((op & 0xf0) == 0x40) {
      rex = op;
      op = fetch();
    }
    if (exit != null) {
      return;
    }
    switch (op) {
      case 0x0f -> executeTwoByte(fetch(), repeat);
      case 0x39 -> {
        decode();
        flags.subtract(get(rm), get(register));
      }
      case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 -> push(get(op & 7 | rexB()));
      case 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f -> {
        long value = pop();
        set(op & 7 | rexB(), value);
      }
      case 0x81 -> arithmetic();
      case 0x89 -> {
        decode();
        if (mod == 3) {
          set(rm, get(register));
        } else {
          memory.write(address, 8, get(register));
        }
      }
      case 0x8b -> {
        decode();
        set(register, mod == 3 ? get(rm) : memory.read(address, 8));
      }
      case 0x90 -> {}
      case 0x9c -> push(r.rflags);
      case 0x9d -> {
        long value = pop();
        if (exit == null) {
          flags.pop(value);
        }
      }
      case 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf -> {
        long value = fetch32() & 0xffff_ffffL;
        if ((rex & 8) != 0) {
          value |= (long) fetch32() << 32;
        }
        set(op & 7 | rexB(), value);
      }
      case 0xc5 -> executeVector();
      case 0xcc -> trap(BP, 0, 0);
      case 0xcd -> softwareInterrupt(fetch());
      case 0xd9 -> floatingControl();
      case 0xe9 -> {
        int displacement = fetch32();
        next += displacement;
      }
      case 0xf4 -> trap(GP, 0, 0);
      case 0xf7 -> divide();
      case 0xff -> executeGroup5(lock);
      default -> unknown(op);
    }
  }

  private void executeTwoByte(int op, int repeat) {
    switch (op) {
      case 0x01 -> {
        if (fetch() != 0xd7) {
          unknown(0x0f01);
        }
        if (exit == null) {
          exit = Exit.Enclu.INSTANCE;
        }
      }
      case 0x05, 0x0b -> trap(UD, 0, 0);
      case 0x5e -> divideScalar();
      case 0x84, 0x85 -> {
        int displacement = fetch32();
        if (flags.is(FakeFlags.ZF) == (op == 0x84)) {
          next += displacement;
        }
      }
      case 0xae -> {
        if (repeat == 0xf3) {
          segmentBases();
        } else {
          mxcsr();
        }
      }
      default -> unknown(0x0f00 | op);
    }
  }

  private void softwareInterrupt(int vector) {
    switch (vector) {
      case 3 -> trap(BP, 0, 0);
      case 0x80 -> trap(UD, 0, 0); // a system call, and these arrive as #UD
      default -> trap(GP, vector << 3 | 2, 0); // no gate for programs: the error code names the IDT entry
    }
  }

  private void executeGroup5(boolean lock) {
    decode();
    if (register == 0 && lock && mod == 2) {
      flags.increment(memory.incrementAtomically(address));
    } else if (register == 4 && mod == 3) {
      next = get(rm);
      if (FakeMemory.nonCanonical(next)) {
        trap(GP, 0, 0);
      }
    } else {
      unknown(0xff);
    }
  }

  private void arithmetic() {
    decode();
    int value = fetch32();
    if (exit != null) {
      return;
    }
    switch (register & 7) {
      case 0 -> set(rm, flags.add(get(rm), value));
      case 5 -> set(rm, flags.subtract(get(rm), value));
      case 7 -> flags.subtract(get(rm), value);
      default -> unknown(0x81);
    }
  }

  private void divide() {
    decode();
    long divisor = get(rm);
    if (divisor == 0 || Long.compareUnsigned(r.rdx, divisor) >= 0) {
      trap(DE, 0, 0);
    } else if (r.rdx != 0) {
      throw new UnsupportedOperationException("the fake divides 64 bits only, RDX must be 0");
    } else {
      long dividend = r.rax;
      r.rax = Long.divideUnsigned(dividend, divisor);
      r.rdx = Long.remainderUnsigned(dividend, divisor);
    }
  }

  private void segmentBases() {
    decode();
    switch (register & 7) {
      case 0 -> set(rm, r.fsBase);
      case 1 -> set(rm, r.gsBase);
      default -> {
        if (FakeMemory.nonCanonical(get(rm))) {
          trap(GP, 0, 0);
        } else if ((register & 7) == 2) {
          r.fsBase = get(rm);
        } else {
          r.gsBase = get(rm);
        }
      }
    }
  }

  private void mxcsr() {
    decode();
    if ((register & 7) == 2) {
      int value = (int) memory.read(address, 4);
      if (exit == null && !extended.mxcsr(value)) {
        trap(GP, 0, 0);
      }
    } else {
      memory.write(address, 4, extended.mxcsr());
    }
  }

  private void floatingControl() {
    decode();
    if ((register & 7) == 5) {
      short value = (short) memory.read(address, 2);
      if (exit == null) {
        extended.fcw(value);
      }
    } else {
      memory.write(address, 2, extended.fcw());
    }
  }

  /** DIVSD, with no other exception than the division by zero. */
  private void divideScalar() {
    decode();
    double divisor = Double.longBitsToDouble(extended.low(rm));
    int divideByZeroMask = 1 << 9;
    if (divisor == 0 && (extended.mxcsr() & divideByZeroMask) == 0) {
      extended.mxcsr(extended.mxcsr() | 1 << 2);
      trap(XM, 0, 0);
    } else {
      double dividend = Double.longBitsToDouble(extended.low(register));
      extended.low(register, Double.doubleToRawLongBits(dividend / divisor));
    }
  }

  /** VMOVDQU with a YMM register and memory. */
  private void executeVector() {
    if (fetch() != 0xfe) {
      unknown(0xc5);
    }
    int op = fetch();
    decode();
    if (exit != null || !memory.accessible(address, 32, op == 0x7f)) {
      return;
    }
    for (int i = 0; i < 32; i++) {
      if (op == 0x7f) {
        memory.write(address + i, 1, extended.ymm(register, i));
      } else {
        extended.ymm(register, i, (byte) memory.read(address + i, 1));
      }
    }
  }

  /** ModRM: a register, [rip + disp32], [base + disp32], or [disp32] with a segment. */
  private void decode() {
    int modrm = fetch();
    mod = modrm >> 6;
    register = modrm >> 3 & 7 | (rex & 4) << 1;
    rm = modrm & 7;
    if (mod == 0 && rm == 5) {
      int displacement = fetch32();
      address = next + displacement;
    } else if (mod == 0 && rm == 4 && fetch() == 0x25) {
      address = segmentBase + fetch32();
    } else if (mod == 2 && rm != 4) {
      rm |= rexB();
      address = segmentBase + get(rm) + fetch32();
    } else if (mod == 3) {
      rm |= rexB();
    } else {
      unknown(modrm);
    }
  }

  private void push(long value) {
    if (FakeMemory.nonCanonical(r.rsp - 8)) {
      trap(SS, 0, 0);
      return;
    }
    memory.write(r.rsp - 8, 8, value);
    if (exit == null) {
      r.rsp -= 8;
    }
  }

  private long pop() {
    if (FakeMemory.nonCanonical(r.rsp)) {
      trap(SS, 0, 0);
      return 0;
    }
    long value = memory.read(r.rsp, 8);
    if (exit == null) {
      r.rsp += 8;
    }
    return value;
  }

  private int rexB() {
    return (rex & 1) << 3;
  }

  private long get(int index) {
    return Reg.values()[index].of(r);
  }

  private void set(int index, long value) {
    if (exit == null) {
      Reg.values()[index].set(r, value);
    }
  }

  private void unknown(int op) {
    if (exit == null) {
      throw new UnsupportedOperationException(
          "the fake platform does not know the instruction at rip=0x%x (0x%x); use script() instead"
              .formatted(r.rip, op));
    }
  }
}
