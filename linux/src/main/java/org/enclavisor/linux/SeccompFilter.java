package org.enclavisor.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The wall around an enclave process: which system calls are let through, and from where.
 *
 * <ul>
 *   <li>futex(2), waits and wakes only, on a word of the blocks, from the blocks' own two instructions;
 *   <li>sigaltstack(2) from the blocks' own instruction, naming one of the stacks in the read-only table;
 *   <li>seccomp(2) from a new thread's own instruction, with the filter for threads;
 *   <li>mprotect(2) and madvise(2) from the steward's own second instruction, pwrite64(2) from its third;
 *   <li>the steward's other calls, from its own first instruction, with a number in the upper half of the fifth
 *       argument that only its registers and the JVM hold: they go to the JVM, which compares them with what it
 *       ordered;
 *   <li>everything else becomes SIGSYS.
 * </ul>
 *
 * <p>Filters belong to threads. A thread that will run enclave code puts a second one over this, as the first thing it
 * does, that leaves it futex and sigaltstack alone; what is let through from the steward's instructions is so for the
 * steward only, whoever jumps there.
 *
 * <p>Classic BPF over {@code struct seccomp_data} (uapi/linux/seccomp.h, uapi/linux/filter.h).
 */
final class SeccompFilter {
  static final int INSTRUCTION_BYTES = 8;

  private static final int LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
  private static final int JUMP_EQUAL = 0x15;
  private static final int JUMP_GREATER = 0x25;
  private static final int JUMP_GREATER_OR_EQUAL = 0x35;
  private static final int AND = 0x54;
  private static final int RETURN = 0x06;

  private static final int ALLOW = 0x7FFF0000;
  private static final int TRAP = 0x00030000;
  private static final int USER_NOTIF = 0x7FC00000;
  private static final int AUDIT_ARCH_X86_64 = 0xC000003E;

  /** SECCOMP_SET_MODE_FILTER. */
  static final int SET_MODE_FILTER = 1;

  private static final int NUMBER = 0;
  private static final int ARCH = 4;
  private static final int IP = 8;
  private static final int ARGUMENTS = 16;

  private static final int[] STEWARD_CALLS = {
    StubProgram.NEXT,
    Syscall.MMAP,
    Syscall.MPROTECT,
    Syscall.MUNMAP,
    Syscall.MADVISE,
    Syscall.CLONE,
    Syscall.CLOSE,
    Syscall.PRCTL
  };

  private record Instruction(int code, int jumpTrue, int jumpFalse, int k) {}

  private final List<Instruction> program = new ArrayList<>();

  private SeccompFilter() {}

  /** The filter as an array of {@code struct sock_filter}. */
  static byte[] of(StubLayout layout, StubProgram stub, StubBlock block, int cookie) {
    SeccompFilter filter = new SeccompFilter();
    filter.require(ARCH, AUDIT_ARCH_X86_64);
    filter.section(Syscall.FUTEX, futex(layout, block));
    filter.section(Syscall.SIGALTSTACK, signalStack(layout, block));
    filter.section(Syscall.MPROTECT, stewardAlone(stub.tableSite()));
    filter.section(Syscall.MADVISE, stewardAlone(stub.tableSite()));
    filter.section(Syscall.PWRITE64, stewardAlone(stub.doneSite()));
    filter.section(Syscall.SECCOMP, threadFilter(layout, stub));
    List<Instruction> steward = steward(stub, cookie);
    for (int call : STEWARD_CALLS) {
      filter.section(call, steward);
    }
    filter.add(RETURN, 0, 0, TRAP);
    return filter.toBytes();
  }

  /** What a thread that runs enclave code puts over it. */
  static byte[] ofThread() {
    SeccompFilter filter = new SeccompFilter();
    filter.add(LOAD, 0, 0, NUMBER);
    filter.add(JUMP_EQUAL, 2, 0, Syscall.FUTEX);
    filter.add(JUMP_EQUAL, 1, 0, Syscall.SIGALTSTACK);
    filter.add(RETURN, 0, 0, TRAP);
    filter.add(RETURN, 0, 0, ALLOW);
    return filter.toBytes();
  }

  private byte[] toBytes() {
    ByteBuffer bytes = ByteBuffer.allocate(program.size() * INSTRUCTION_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (Instruction i : program) {
      bytes.putShort((short) i.code).put((byte) i.jumpTrue).put((byte) i.jumpFalse).putInt(i.k);
    }
    return bytes.array();
  }

  private static List<Instruction> futex(StubLayout layout, StubBlock block) {
    SeccompFilter f = new SeccompFilter();
    f.fromBlocks(layout, block.wakeSite(), block.sleepSite());
    f.add(LOAD, 0, 0, argument(1));
    f.add(JUMP_GREATER, 0, 1, 1); // FUTEX_WAIT is 0, FUTEX_WAKE is 1: any flag or other operation is more
    f.add(RETURN, 0, 0, TRAP);
    f.within(argument(0), layout.stub() + StubLayout.BLOCKS, layout.stub() + layout.stubBytes());
    f.add(RETURN, 0, 0, ALLOW);
    return f.program;
  }

  private static List<Instruction> signalStack(StubLayout layout, StubBlock block) {
    SeccompFilter f = new SeccompFilter();
    f.fromBlocks(layout, block.stackSite(), block.stackSite());
    long table = layout.stub() + StubLayout.STACKS;
    f.within(argument(0), table, table + (long) layout.processors() * StubLayout.STACK_T_BYTES);
    f.add(LOAD, 0, 0, argument(0));
    f.add(AND, 0, 0, StubLayout.STACK_T_BYTES - 1);
    f.equalOrTrap(0);
    f.require64(argument(1), 0);
    f.add(RETURN, 0, 0, ALLOW);
    return f.program;
  }

  /** Goes on with the next section if the instruction is another one. */
  private static List<Instruction> stewardAlone(long site) {
    SeccompFilter f = new SeccompFilter();
    f.add(LOAD, 0, 0, IP);
    f.add(JUMP_EQUAL, 0, 3, (int) site);
    f.add(LOAD, 0, 0, IP + 4);
    f.add(JUMP_EQUAL, 0, 1, (int) (site >>> 32));
    f.add(RETURN, 0, 0, ALLOW);
    return f.program;
  }

  private static List<Instruction> threadFilter(StubLayout layout, StubProgram stub) {
    SeccompFilter f = new SeccompFilter();
    f.require64(IP, stub.birthSite());
    f.require64(argument(0), SET_MODE_FILTER);
    f.require64(argument(1), 0);
    f.require64(argument(2), layout.stub() + StubLayout.THREAD_FILTER);
    f.add(RETURN, 0, 0, ALLOW);
    return f.program;
  }

  private static List<Instruction> steward(StubProgram stub, int cookie) {
    SeccompFilter f = new SeccompFilter();
    f.require64(IP, stub.stewardSite());
    f.require(argument(4) + 4, cookie);
    f.add(RETURN, 0, 0, USER_NOTIF);
    return f.program;
  }

  private static int argument(int index) {
    return ARGUMENTS + 8 * index;
  }

  /** The instruction pointer is in a block, at one of two offsets from its start. */
  private void fromBlocks(StubLayout layout, int site, int otherSite) {
    within(IP, layout.stub() + StubLayout.BLOCKS, layout.stub() + layout.stubBytes());
    add(LOAD, 0, 0, IP);
    add(AND, 0, 0, layout.blockBytes() - 1);
    add(JUMP_EQUAL, 2, 0, site);
    add(JUMP_EQUAL, 1, 0, otherSite);
    add(RETURN, 0, 0, TRAP);
  }

  /** A 64-bit field lies in a range that crosses no multiple of 4 GiB. */
  private void within(int field, long start, long end) {
    require(field + 4, (int) (start >>> 32));
    add(LOAD, 0, 0, field);
    add(JUMP_GREATER_OR_EQUAL, 1, 0, (int) start);
    add(RETURN, 0, 0, TRAP);
    add(JUMP_GREATER, 0, 1, (int) (end - 1));
    add(RETURN, 0, 0, TRAP);
  }

  private void require64(int field, long value) {
    require(field, (int) value);
    require(field + 4, (int) (value >>> 32));
  }

  private void require(int field, int value) {
    add(LOAD, 0, 0, field);
    equalOrTrap(value);
  }

  private void equalOrTrap(int value) {
    add(JUMP_EQUAL, 1, 0, value);
    add(RETURN, 0, 0, TRAP);
  }

  /** What happens to one call number. */
  private void section(int number, List<Instruction> body) {
    add(LOAD, 0, 0, NUMBER);
    add(JUMP_EQUAL, 0, body.size(), number);
    program.addAll(body);
  }

  private void add(int code, int jumpTrue, int jumpFalse, int k) {
    program.add(new Instruction(code, jumpTrue, jumpFalse, k));
  }
}
