package org.enclavisor.linux;

import static org.enclavisor.linux.asm.Reg.R10;
import static org.enclavisor.linux.asm.Reg.R12;
import static org.enclavisor.linux.asm.Reg.R13;
import static org.enclavisor.linux.asm.Reg.R8;
import static org.enclavisor.linux.asm.Reg.R9;
import static org.enclavisor.linux.asm.Reg.RAX;
import static org.enclavisor.linux.asm.Reg.RBX;
import static org.enclavisor.linux.asm.Reg.RDI;
import static org.enclavisor.linux.asm.Reg.RDX;
import static org.enclavisor.linux.asm.Reg.RSI;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.linux.asm.Assembler;
import org.enclavisor.linux.asm.Condition;
import org.enclavisor.linux.asm.Label;
import org.enclavisor.linux.asm.Mem;

/**
 * Starts a program that is held in a memory file, in a child that keeps only the descriptors named.
 *
 * <p>The child begins as vfork(2) does, sharing our memory and with every signal blocked, so that none of the JVM's
 * handlers can run in it; it executes nothing but the few instructions assembled here until execveat(2). No path and no
 * /proc is needed, and the JVM's page tables are not copied. The program starts with <b>all signals blocked</b> and
 * with every descriptor that is not close-on-exec, both of which it has to put right itself.
 *
 * @param pid the child's number
 * @param pidfd a descriptor for it, which the caller closes
 */
public record ChildProcess(int pid, int pidfd) {
  private static final int FLAGS = 0x00;
  private static final int STACK = 0x08;
  private static final int PROGRAM = 0x10;
  private static final int ARGV = 0x18;
  private static final int ENVP = 0x20;
  private static final int COUNT = 0x28;
  private static final int KEPT = 0x30;
  private static final int ERROR = 0x38;
  private static final int PIDFD = 0x40;
  private static final int ALL_SIGNALS = 0x48;
  private static final int OLD_SIGNALS = 0x50;
  private static final int PATH = 0x58;
  private static final int BYTES = 0x60;

  private static final int STACK_BYTES = 16384;
  private static final long CLONE_VM_VFORK_PIDFD_SIGCHLD = 0x100 | 0x4000 | 0x1000 | 17;
  private static final int SIG_SETMASK = 2;
  private static final int MASK_BYTES = 8;
  private static final int F_SETFD = 2;
  private static final int PR_SET_PDEATHSIG = 1;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int EXEC_FAILED = 127;

  /**
   * Starts the program. The child gets SIGKILL when the <i>calling thread</i> ends, so this belongs on a platform
   * thread that lives as long as the child.
   *
   * @param name what the child is called in lists of processes
   * @param program a descriptor of an executable memory file
   * @param kept descriptors that the program has, under the same numbers
   * @throws SyscallException if the child could not be made, or the program not be started
   */
  public static ChildProcess start(String name, int program, int... kept) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment block = arena.allocate(BYTES, 16);
      MemorySegment stack = arena.allocate(STACK_BYTES, 16);
      MemorySegment descriptors = arena.allocate(8L * Math.max(1, kept.length), 8);
      for (int i = 0; i < kept.length; i++) {
        descriptors.setAtIndex(ValueLayout.JAVA_LONG, i, kept[i]);
      }
      MemorySegment argv = arena.allocate(16, 8);
      argv.set(ValueLayout.JAVA_LONG, 0, arena.allocateFrom(name).address());
      block.set(ValueLayout.JAVA_LONG, FLAGS, CLONE_VM_VFORK_PIDFD_SIGCHLD);
      block.set(ValueLayout.JAVA_LONG, STACK, stack.address() + STACK_BYTES);
      block.set(ValueLayout.JAVA_LONG, PROGRAM, program);
      block.set(ValueLayout.JAVA_LONG, ARGV, argv.address());
      block.set(ValueLayout.JAVA_LONG, ENVP, argv.address() + 8);
      block.set(ValueLayout.JAVA_LONG, COUNT, kept.length);
      block.set(ValueLayout.JAVA_LONG, KEPT, descriptors.address());
      block.set(ValueLayout.JAVA_LONG, ALL_SIGNALS, -1L);
      block.set(ValueLayout.JAVA_LONG, PATH, argv.address() + 8);
      // SAFETY: the block and all that it points to live until the arena closes; CLONE_VFORK keeps this thread in the
      // call until the child has left our memory for good.
      long pid = NativeCode.call(Thunks.SPAWN, block.address(), 0, 0, 0, 0, 0, 0);
      Kernel.check("clone", pid, CLONE_VM_VFORK_PIDFD_SIGCHLD);
      int pidfd = block.get(ValueLayout.JAVA_INT, PIDFD);
      long error = block.get(ValueLayout.JAVA_LONG, ERROR);
      if (error != 0) {
        Kernel.reap(pidfd);
        Kernel.close(pidfd);
        throw new SyscallException("execveat", (int) -error, program);
      }
      return new ChildProcess((int) pid, pidfd);
    }
  }

  /** RDI: the block. */
  static void assemble(Assembler a) {
    Label child = new Label();
    Label each = new Label();
    Label exec = new Label();
    a.push(RBX).mov(RBX, RDI);
    a.mov32(RDI, SIG_SETMASK).lea(RSI, Mem.at(RBX, ALL_SIGNALS)).lea(RDX, Mem.at(RBX, OLD_SIGNALS));
    a.mov32(R10, MASK_BYTES).mov32(RAX, Syscall.RT_SIGPROCMASK).syscall();
    a.mov(RDI, Mem.at(RBX, FLAGS)).mov(RSI, Mem.at(RBX, STACK)).lea(RDX, Mem.at(RBX, PIDFD));
    a.xor32(R10, R10).xor32(R8, R8).mov32(RAX, Syscall.CLONE).syscall();
    a.test(RAX, RAX).jcc(Condition.EQUAL, child);
    a.mov(R9, RAX);
    a.mov32(RDI, SIG_SETMASK).lea(RSI, Mem.at(RBX, OLD_SIGNALS)).xor32(RDX, RDX);
    a.mov32(R10, MASK_BYTES).mov32(RAX, Syscall.RT_SIGPROCMASK).syscall();
    a.mov(RAX, R9).pop(RBX).ret();

    a.bind(child); // on its own stack; RBX is the block
    a.mov32(RDI, PR_SET_PDEATHSIG).mov32(RSI, Kernel.SIGKILL).mov32(RAX, Syscall.PRCTL).syscall();
    a.mov(R12, Mem.at(RBX, KEPT)).mov(R13, Mem.at(RBX, COUNT));
    a.bind(each).test(R13, R13).jcc(Condition.EQUAL, exec);
    a.mov(RDI, Mem.at(R12, 0)).mov32(RSI, F_SETFD).xor32(RDX, RDX).mov32(RAX, Syscall.FCNTL).syscall();
    a.add(R12, 8).add(R13, -1).jmp(each);
    a.bind(exec);
    a.mov(RDI, Mem.at(RBX, PROGRAM)).mov(RSI, Mem.at(RBX, PATH)).mov(RDX, Mem.at(RBX, ARGV));
    a.mov(R10, Mem.at(RBX, ENVP)).mov32(R8, AT_EMPTY_PATH).mov32(RAX, Syscall.EXECVEAT).syscall();
    a.mov(Mem.at(RBX, ERROR), RAX);
    a.mov32(RDI, EXEC_FAILED).mov32(RAX, Syscall.EXIT_GROUP).syscall().ud2();
  }
}
