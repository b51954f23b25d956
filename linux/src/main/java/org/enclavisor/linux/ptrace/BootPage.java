package org.enclavisor.linux.ptrace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.linux.Kernel;
import org.enclavisor.linux.Syscall;
import org.enclavisor.linux.asm.Assembler;
import org.enclavisor.linux.asm.Condition;
import org.enclavisor.linux.asm.Label;
import org.enclavisor.linux.asm.Reg;

/**
 * The program that an enclave process is executed from, and the one page of it that stays: an ELF header, a few
 * instructions that wait to be traced, a SYSCALL instruction for the keeper, and the constants that its calls point to.
 * It is read-only, and the same in every process, so that enclave code may know it; a SYSCALL made there is as good as
 * one made anywhere else. At its end stands a table of alternate signal stacks, one for each thread that may come:
 * where enclave code could write it, it could keep a thread from being made.
 *
 * @param address where the page lies
 * @param threads how many threads there may be beside the keeper
 */
record BootPage(long address, int threads) {
  private static final int ENTRY = 0x80;
  private static final int GADGET = 0x200;
  private static final int SYSCALL_LENGTH = 2;
  private static final int SIGACTION = 0x280;
  private static final int SOCK_FPROG = 0x2c0;
  private static final int NO_SIGNALS = 0x2d0;
  private static final int FILTER = 0x300;
  private static final int STACKS = 0x400;
  /** struct stack_t: ss_sp, ss_flags, ss_size. */
  private static final int STACK_BYTES = 24;

  private static final int PR_SET_PDEATHSIG = 1;
  private static final long SA_SIGINFO = 4;
  private static final long SA_RESTORER = 0x0400_0000;
  private static final long SA_ONSTACK = 0x0800_0000;
  private static final long SA_NODEFER = 0x4000_0000;

  /** linux/bpf_common.h and linux/seccomp.h. */
  private static final int LOAD_WORD = 0x20;

  private static final int JUMP_IF_EQUAL = 0x15;
  private static final int RETURN = 0x06;
  private static final int KILL_PROCESS = 0x8000_0000;
  private static final int ALLOW = 0x7fff_0000;
  private static final int AUDIT_ARCH_X86_64 = 0xc000_003e;
  private static final int DATA_NUMBER = 0;
  private static final int DATA_ARCH = 4;
  private static final int DATA_RIP = 8;
  /** What the keeper and new threads need after the filter is in place. */
  private static final int[] ALLOWED = {
    Syscall.MPROTECT, Syscall.CLONE, Syscall.SIGALTSTACK, EnclaveProcess.SYS_PAUSE
  };

  /** Bytes of all, whole pages: one for up to 128 threads. */
  static int bytes(int threads) {
    return STACKS + threads * STACK_BYTES + Kernel.PAGE - 1 & -Kernel.PAGE;
  }

  /** A SYSCALL instruction with an INT3 behind it. */
  long gadget() {
    return address + GADGET;
  }

  /** RIP when the gadget's system call has returned and INT3 has trapped. */
  long afterGadget() {
    return gadget() + SYSCALL_LENGTH + 1;
  }

  /** An INT3: as a signal handler, an instruction that is never reached, and harmless if it were. */
  long handler() {
    return gadget() + SYSCALL_LENGTH;
  }

  /** A {@code struct sigaction} as the kernel has it: the handler above, on the alternate stack. */
  long sigaction() {
    return address + SIGACTION;
  }

  /** An empty set of signals. */
  long noSignals() {
    return address + NO_SIGNALS;
  }

  /** A {@code stack_t}: a thread's alternate signal stack. */
  long signalStack(int thread) {
    return address + STACKS + (long) thread * STACK_BYTES;
  }

  /** A {@code struct sock_fprog}: the seccomp filter. */
  long filter() {
    return address + SOCK_FPROG;
  }

  boolean contains(long rip) {
    return rip >= address && rip < address + bytes(threads);
  }

  /**
   * The program file.
   *
   * @param parent the process that will trace it
   * @param frames the address of their areas for signal frames, one behind the other
   * @param frameBytes bytes of each
   */
  byte[] program(int parent, long frames, int frameBytes) {
    var page = ByteBuffer.allocate(bytes(threads)).order(ByteOrder.LITTLE_ENDIAN);
    page.put(0, elfHeader(page.capacity()));
    for (int i = 0; i < threads; i++) {
      int at = STACKS + i * STACK_BYTES;
      page.putLong(at, frames + (long) i * frameBytes).putInt(at + 8, 0).putLong(at + 16, frameBytes);
    }
    page.put(ENTRY, waitToBeTraced(parent));
    page.put(GADGET, new Assembler(gadget()).syscall().bytes(0xcc).toBytes());
    page.position(SIGACTION);
    page.putLong(handler()).putLong(SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER).putLong(handler()).putLong(0);
    byte[] filter = seccompFilter();
    page.putLong(SOCK_FPROG, filter.length / 8).putLong(SOCK_FPROG + 8, address + FILTER);
    page.put(FILTER, filter);
    return page.array();
  }

  /** ELF64 header and one program header: the whole file, readable and executable (System V ABI, chapters 4 and 5). */
  private byte[] elfHeader(int bytes) {
    var header = ByteBuffer.allocate(64 + 56).order(ByteOrder.LITTLE_ENDIAN);
    header.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    header.putShort((short) 2).putShort((short) 62).putInt(1); // ET_EXEC, EM_X86_64
    header.putLong(address + ENTRY).putLong(64).putLong(0).putInt(0);
    header.putShort((short) 64).putShort((short) 56).putShort((short) 1);
    header.putShort((short) 0).putShort((short) 0).putShort((short) 0);
    header.putInt(1).putInt(5).putLong(0).putLong(address).putLong(address); // PT_LOAD, R and X
    header.putLong(bytes).putLong(bytes).putLong(Kernel.PAGE);
    return header.array();
  }

  /**
   * Asks to be killed with its parent, leaves if the parent died before that, and sleeps: so nothing is left behind
   * even if the parent dies before it has begun to trace.
   */
  private byte[] waitToBeTraced(int parent) {
    var a = new Assembler(address + ENTRY);
    var exit = new Label();
    var sleep = new Label();
    a.mov32(Reg.RAX, Syscall.PRCTL).mov32(Reg.RDI, PR_SET_PDEATHSIG).mov32(Reg.RSI, Kernel.SIGKILL).syscall();
    a.mov32(Reg.RAX, Syscall.GETPPID).syscall().cmp32(Reg.RAX, parent).jcc(Condition.NOT_EQUAL, exit);
    a.bind(sleep).mov32(Reg.RAX, EnclaveProcess.SYS_PAUSE).syscall().jmp(sleep);
    a.bind(exit).mov32(Reg.RAX, Syscall.EXIT_GROUP).syscall();
    return a.toBytes();
  }

  /** Allows the few calls, of 64-bit programs, and from the gadget only; all else kills the process. */
  private byte[] seccompFilter() {
    int checks = 6;
    int length = checks + 1 + ALLOWED.length + 2;
    int kill = length - 2;
    int allow = length - 1;
    long rip = gadget() + SYSCALL_LENGTH;
    var filter = ByteBuffer.allocate(8 * length).order(ByteOrder.LITTLE_ENDIAN);
    load(filter, DATA_ARCH);
    jumpUnlessEqual(filter, AUDIT_ARCH_X86_64, kill);
    load(filter, DATA_RIP);
    jumpUnlessEqual(filter, (int) rip, kill);
    load(filter, DATA_RIP + 4);
    jumpUnlessEqual(filter, (int) (rip >>> 32), kill);
    load(filter, DATA_NUMBER);
    for (int number : ALLOWED) {
      int next = filter.position() / 8 + 1;
      statement(filter, JUMP_IF_EQUAL, allow - next, 0, number);
    }
    statement(filter, RETURN, 0, 0, KILL_PROCESS);
    statement(filter, RETURN, 0, 0, ALLOW);
    return filter.array();
  }

  private static void load(ByteBuffer filter, int offset) {
    statement(filter, LOAD_WORD, 0, 0, offset);
  }

  private static void jumpUnlessEqual(ByteBuffer filter, int value, int target) {
    int next = filter.position() / 8 + 1;
    statement(filter, JUMP_IF_EQUAL, 0, target - next, value);
  }

  private static void statement(ByteBuffer filter, int code, int ifTrue, int ifFalse, int operand) {
    filter.putShort((short) code).put((byte) ifTrue).put((byte) ifFalse).putInt(operand);
  }
}
