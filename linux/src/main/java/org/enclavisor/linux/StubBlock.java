package org.enclavisor.linux;

import static org.enclavisor.linux.asm.Reg.R10;
import static org.enclavisor.linux.asm.Reg.R11;
import static org.enclavisor.linux.asm.Reg.R12;
import static org.enclavisor.linux.asm.Reg.R13;
import static org.enclavisor.linux.asm.Reg.R14;
import static org.enclavisor.linux.asm.Reg.R15;
import static org.enclavisor.linux.asm.Reg.R8;
import static org.enclavisor.linux.asm.Reg.R9;
import static org.enclavisor.linux.asm.Reg.RAX;
import static org.enclavisor.linux.asm.Reg.RBP;
import static org.enclavisor.linux.asm.Reg.RBX;
import static org.enclavisor.linux.asm.Reg.RCX;
import static org.enclavisor.linux.asm.Reg.RDI;
import static org.enclavisor.linux.asm.Reg.RDX;
import static org.enclavisor.linux.asm.Reg.RSI;
import static org.enclavisor.linux.asm.Reg.RSP;

import org.enclavisor.linux.asm.Assembler;
import org.enclavisor.linux.asm.Condition;
import org.enclavisor.linux.asm.Label;
import org.enclavisor.linux.asm.Mem;
import org.enclavisor.linux.asm.Reg;

/**
 * The text of a logical processor's block: the same bytes for every block, since it reaches its mailbox
 * relative to RIP.
 *
 * <p>Two ways lead in: from the dispatch, after a jump at a patched site, with the enclave's registers alive; and from
 * a signal, with the enclave's registers in the signal's frame. One way leads out, and it needs no system call:
 * extended state by XRSTOR, flags and RIP by POPFQ and JMP, or by IRETQ where TF must not act on the stub's own
 * instructions. No signal is ever blocked, so nothing has to be unblocked. The only calls are futex(2), and
 * sigaltstack(2) at a thread's birth.
 */
final class StubBlock {
  private static final int FUTEX_WAIT = 0;
  private static final int FUTEX_WAKE = 1;
  private static final int USER_CS = 0x33;
  private static final int USER_SS = 0x2B;

  /** Bit 1 is always set; everything that could harm the stub (NT, TF, DF, AC) is clear. */
  private static final int CLEAN_FLAGS = 2;

  private static final int POLLS_A_ROUND = 8;

  private static final Reg[] SAVED = {RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15};

  private final StubLayout layout;
  private final long origin;
  private final long mailbox;
  private final long extendedMask;
  private final Assembler a;
  private final Label jumped = new Label();
  private final Label signal = new Label();
  private final Label birth = new Label();
  private final Label ignored = new Label();
  private final Label handOver = new Label();
  private final Label await = new Label();
  private final Label resume = new Label();
  private final Label wakeSite = new Label();
  private final Label sleepSite = new Label();
  private final Label stackSite = new Label();

  StubBlock(StubLayout layout, long extendedMask) {
    this.layout = layout;
    this.origin = layout.block(0);
    this.mailbox = origin + StubLayout.MAILBOX;
    this.extendedMask = extendedMask;
    this.a = new Assembler(origin);
    leaveByJump();
    handOver();
    await();
    resume();
    leaveBySignal();
    ignoreSignal();
    birth();
    a.padTo(StubLayout.BLOCK_TEXT_BYTES);
  }

  byte[] text() {
    return a.toBytes();
  }

  int jumpOffset() {
    return offset(jumped);
  }

  int signalOffset() {
    return offset(signal);
  }

  int birthOffset() {
    return offset(birth);
  }

  /** Offset of RIP after the SYSCALL that wakes the JVM. */
  int wakeSite() {
    return offset(wakeSite) + 2;
  }

  /** Offset of RIP after the SYSCALL that sleeps. */
  int sleepSite() {
    return offset(sleepSite) + 2;
  }

  /** Offset of RIP after the SYSCALL that announces the signal stack. */
  int stackSite() {
    return offset(stackSite) + 2;
  }

  private int offset(Label label) {
    return (int) (a.addressOf(label) - origin);
  }

  private Mem box(int field) {
    return Mem.abs(mailbox + field);
  }

  private static int field(Reg reg) {
    return switch (reg) {
      case RAX -> Mailbox.RAX;
      case RCX -> Mailbox.RCX;
      case RDX -> Mailbox.RDX;
      case RBX -> Mailbox.RBX;
      case RSP -> Mailbox.RSP;
      case RBP -> Mailbox.RBP;
      case RSI -> Mailbox.RSI;
      case RDI -> Mailbox.RDI;
      case R8 -> Mailbox.R8;
      case R9 -> Mailbox.R9;
      case R10 -> Mailbox.R10;
      case R11 -> Mailbox.R11;
      case R12 -> Mailbox.R12;
      case R13 -> Mailbox.R13;
      case R14 -> Mailbox.R14;
      case R15 -> Mailbox.R15;
    };
  }

  /** RAX holds the site and the arithmetic flags, RCX the FS base; everything else is the enclave's. */
  private void leaveByJump() {
    a.bind(jumped);
    a.mov(box(Mailbox.RAX), RAX).mov(box(Mailbox.FS), RCX).mov(box(Mailbox.RSP), RSP);
    for (Reg reg : SAVED) {
      a.mov(box(field(reg)), reg);
    }
    a.rdgsbase(RAX).mov(box(Mailbox.GS), RAX);
    a.lea(RSP, box(Mailbox.RSP)).pushfq(); // RFLAGS lies below RSP; AC may be set, and everything is aligned
    a.movImm32(box(Mailbox.KIND), Mailbox.BY_JUMP);
  }

  private void handOver() {
    a.bind(handOver);
    a.mov32(RAX, Mailbox.HOST).xchg32(box(Mailbox.CONTROL), RAX);
    a.cmp32(RAX, Mailbox.GUEST | Mailbox.ASLEEP).jcc(Condition.NOT_EQUAL, await);
    a.lea(RDI, box(Mailbox.CONTROL)).mov32(RSI, FUTEX_WAKE).mov32(RDX, 1).mov32(RAX, Syscall.FUTEX);
    a.bind(wakeSite).syscall();
  }

  private void await() {
    Label round = new Label();
    Label sleep = new Label();
    Label doze = new Label();
    a.bind(await);
    a.mov32(R8, box(Mailbox.SPIN)).test32(R8, R8).jcc(Condition.EQUAL, sleep);
    a.rdtsc().shl(RDX, 32).or(RAX, RDX).mov(R9, RAX);
    a.bind(round);
    for (int i = 0; i < POLLS_A_ROUND; i++) {
      a.mov32(RAX, box(Mailbox.CONTROL)).and32(RAX, Mailbox.GUEST).jcc(Condition.NOT_EQUAL, resume).pause();
    }
    a.rdtsc().shl(RDX, 32).or(RAX, RDX).sub(RAX, R9).cmp(RAX, R8).jcc(Condition.BELOW, round);
    a.bind(sleep);
    a.mov32(RAX, Mailbox.HOST).mov32(RCX, Mailbox.HOST | Mailbox.ASLEEP).lockCmpxchg32(box(Mailbox.CONTROL), RCX);
    a.jcc(Condition.EQUAL, doze).and32(RAX, Mailbox.GUEST).jcc(Condition.NOT_EQUAL, resume);
    a.bind(doze);
    a.lea(RDI, box(Mailbox.CONTROL)).mov32(RSI, FUTEX_WAIT).mov32(RDX, Mailbox.HOST | Mailbox.ASLEEP);
    a.xor32(R10, R10).mov32(RAX, Syscall.FUTEX);
    a.bind(sleepSite).syscall();
    a.mov32(RAX, box(Mailbox.CONTROL)).and32(RAX, Mailbox.GUEST).jcc(Condition.EQUAL, sleep);
  }

  private void resume() {
    Label extended = new Label();
    Label loaded = new Label();
    Label byIret = new Label();
    a.bind(resume);
    a.mov(RAX, box(Mailbox.FS)).wrfsbase(RAX).mov(RAX, box(Mailbox.GS)).wrgsbase(RAX);
    a.mov(RSI, box(Mailbox.RESTORE)).test(RSI, RSI).jcc(Condition.NOT_EQUAL, extended);
    a.bind(loaded);
    a.mov32(RAX, box(Mailbox.KIND)).test32(RAX, RAX).jcc(Condition.NOT_EQUAL, byIret);
    loadRegisters();
    a.lea(RSP, box(Mailbox.RFLAGS)).popfq().mov(RSP, box(Mailbox.RSP)).jmp(box(Mailbox.RIP));
    a.bind(byIret);
    a.lea(RSP, box(Mailbox.SCRATCH_TOP)).push(CLEAN_FLAGS).popfq(); // IRETQ with NT set would fault
    loadRegisters();
    a.lea(RSP, box(Mailbox.RIP)).iretq();
    a.bind(extended);
    a.mov32(RAX, (int) extendedMask).mov32(RDX, (int) (extendedMask >>> 32)).xrstor64(RSI).jmp(loaded);
  }

  private void loadRegisters() {
    for (Reg reg : SAVED) {
      a.mov(reg, box(field(reg)));
    }
    a.mov(RCX, box(Mailbox.RCX)).mov(RAX, box(Mailbox.RAX));
  }

  /** RDI = signal, RSI = siginfo, RDX = ucontext. Everything of the enclave's is in the frame, which the JVM reads. */
  private void leaveBySignal() {
    Label report = new Label();
    Label raised = new Label();
    a.bind(signal);
    a.cmp32(RDI, StubProcess.INTERRUPT).jcc(Condition.NOT_EQUAL, raised);
    a.inc32(box(Mailbox.HANDLED));
    a.mov(RAX, Mem.at(RDX, SignalFrame.RIP)).mov64(RCX, layout.stub()).sub(RAX, RCX);
    a.cmp(RAX, Math.toIntExact(layout.stubBytes())).jcc(Condition.BELOW, ignored);
    a.jmp(report);
    a.bind(raised); // what another process sends under the name of an exception has a code of 0 or less
    a.mov32(RAX, Mem.at(RSI, SignalFrame.INFO_CODE)).cmp32(RAX, 0).jcc(Condition.LESS_OR_EQUAL, ignored);
    a.bind(report);
    a.mov(box(Mailbox.FRAME), RDX).mov32(box(Mailbox.SIGNAL), RDI);
    a.rdfsbase(RAX).mov(box(Mailbox.FS), RAX).rdgsbase(RAX).mov(box(Mailbox.GS), RAX);
    a.movImm32(box(Mailbox.KIND), Mailbox.BY_TRAP).jmp(handOver);
  }

  /** An interrupt that came to the stub itself: goes on exactly where it came, as rt_sigreturn would. */
  private void ignoreSignal() {
    a.bind(ignored).inc32(box(Mailbox.IGNORED));
    a.push(CLEAN_FLAGS).popfq().mov(R8, RDX).mov(RSI, Mem.at(R8, SignalFrame.EXTENDED));
    a.mov32(RAX, (int) extendedMask).mov32(RDX, (int) (extendedMask >>> 32)).xrstor64(RSI);
    a.push(USER_SS).push(Mem.at(R8, SignalFrame.RSP)).push(Mem.at(R8, SignalFrame.RFLAGS)).push(USER_CS);
    a.push(Mem.at(R8, SignalFrame.RIP));
    a.mov(R9, Mem.at(R8, SignalFrame.R9)).mov(R10, Mem.at(R8, SignalFrame.R10));
    a.mov(R11, Mem.at(R8, SignalFrame.R11)).mov(R12, Mem.at(R8, SignalFrame.R12));
    a.mov(R13, Mem.at(R8, SignalFrame.R13)).mov(R14, Mem.at(R8, SignalFrame.R14));
    a.mov(R15, Mem.at(R8, SignalFrame.R15)).mov(RDI, Mem.at(R8, SignalFrame.RDI));
    a.mov(RSI, Mem.at(R8, SignalFrame.RSI)).mov(RBP, Mem.at(R8, SignalFrame.RBP));
    a.mov(RBX, Mem.at(R8, SignalFrame.RBX)).mov(RDX, Mem.at(R8, SignalFrame.RDX));
    a.mov(RAX, Mem.at(R8, SignalFrame.RAX)).mov(RCX, Mem.at(R8, SignalFrame.RCX));
    a.mov(R8, Mem.at(R8, SignalFrame.R8)).iretq();
  }

  private void birth() {
    a.bind(birth);
    a.mov(RDI, box(Mailbox.STACK)).xor32(RSI, RSI).mov32(RAX, Syscall.SIGALTSTACK);
    a.bind(stackSite).syscall();
    a.jmp(handOver);
  }
}
