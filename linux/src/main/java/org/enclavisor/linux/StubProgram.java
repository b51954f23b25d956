package org.enclavisor.linux;

import static org.enclavisor.linux.asm.Reg.R10;
import static org.enclavisor.linux.asm.Reg.R12;
import static org.enclavisor.linux.asm.Reg.R13;
import static org.enclavisor.linux.asm.Reg.R15;
import static org.enclavisor.linux.asm.Reg.R8;
import static org.enclavisor.linux.asm.Reg.R9;
import static org.enclavisor.linux.asm.Reg.RAX;
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

/**
 * The common text of an enclave process: what runs once, what the control thread (the <i>steward</i>) runs, and the two
 * ways into a block's text ({@link StubBlock}) that do not know the block yet.
 *
 * <p>The steward keeps all it has in registers and reads only memory that the process cannot write: enclave code that
 * runs beside it has nothing to change. It asks for its next order by a system call that the JVM answers (seccomp user
 * notification). The answer is 0 for a single order, which it carries out as a second such call, which the JVM compares
 * with what it ordered; or 1 for the table of orders, which it carries out at once, for its thread is the only one
 * whose filter lets these calls pass. The result is the first argument of the next question, the second tells at which
 * entry of the table it was, the third which table was the last.
 *
 * <p>If it shall spin for the next table, it says that one is done by a system call that writes the table's number into
 * a word that it and everybody else in the process can only read: nobody but the steward can make that call either.
 */
final class StubProgram {
  /** The steward's question. No kernel has a call of this number: were it ever let through, it would do nothing. */
  static final int NEXT = 4000;

  /** The answer to a question that stands for one order. */
  static final int SINGLY = 0;

  /** The answer that stands for the table of orders. */
  static final int BY_TABLE = 1;

  /** An entry of the start script: number, six arguments, expected result. */
  static final int STEP_BYTES = 64;

  /** Any result but an error. */
  static final long NO_ERROR = -1;

  /** Whatever the result is. */
  static final long ANY = -2;

  private static final int NUMBER_BYTES = 8;
  private static final int POLLS_A_ROUND = 8;

  /** The script's number of an entry that ends it. */
  static final long END = -1;

  private final StubLayout layout;
  private final int stubFile;
  private final Assembler a;
  private final Label stewardCall = new Label();
  private final Label tableCall = new Label();
  private final Label doneCall = new Label();
  private final Label birthCall = new Label();
  private final Label birth = new Label();
  private final Label signal = new Label();
  private final Label dispatch = new Label();
  private final Label unknownBase = new Label();

  /**
   * Assembles the common text for a layout, and for the descriptor of the file behind the stub's region. The script
   * starts at {@link StubLayout#SCRIPT}, the cookie before it.
   */
  StubProgram(StubLayout layout, StubBlock block, int stubFile) {
    this.layout = layout;
    this.stubFile = stubFile;
    this.a = new Assembler(layout.stub());
    a.padTo(ElfFile.HEADER_BYTES);
    start();
    steward();
    birth(block);
    a.bind(signal);
    toBlock(block.signalOffset());
    dispatch(block);
    a.padTo(StubLayout.COMMON_TEXT_BYTES);
  }

  byte[] text() {
    return a.toBytes();
  }

  long entry() {
    return layout.stub() + ElfFile.HEADER_BYTES;
  }

  /** The address that RIP holds after the SYSCALL of the steward's questions and single orders. */
  long stewardSite() {
    return a.addressOf(stewardCall) + 2;
  }

  /** The same of the SYSCALL by which it carries out the table. */
  long tableSite() {
    return a.addressOf(tableCall) + 2;
  }

  /** The same of the SYSCALL by which it says that it has. */
  long doneSite() {
    return a.addressOf(doneCall) + 2;
  }

  /** The same of the SYSCALL by which a new thread locks itself up. */
  long birthSite() {
    return a.addressOf(birthCall) + 2;
  }

  /** Where the kernel delivers every signal. */
  long signalEntry() {
    return a.addressOf(signal);
  }

  /** Where trampolines go. */
  long dispatchEntry() {
    return a.addressOf(dispatch);
  }

  /**
   * Where a processor traps whose FS base is not in the table: an illegal instruction with the dispatch's
   * registers.
   */
  long unknownBaseTrap() {
    return a.addressOf(unknownBase);
  }

  private void start() {
    Label step = new Label();
    Label next = new Label();
    Label done = new Label();
    Label fail = new Label();
    a.lea(RBX, Mem.abs(layout.stub() + StubLayout.SCRIPT + STEP_BYTES)); // the first slot holds the cookie
    a.xor32(R12, R12);
    a.bind(step);
    a.mov(RAX, Mem.at(RBX, 0)).cmp(RAX, (int) END).jcc(Condition.EQUAL, done);
    a.mov(RDI, Mem.at(RBX, 8)).mov(RSI, Mem.at(RBX, 16)).mov(RDX, Mem.at(RBX, 24));
    a.mov(R10, Mem.at(RBX, 32)).mov(R8, Mem.at(RBX, 40)).mov(R9, Mem.at(RBX, 48));
    a.syscall();
    a.mov(RCX, Mem.at(RBX, 56));
    a.cmp(RCX, (int) ANY).jcc(Condition.EQUAL, next);
    Label exact = new Label();
    a.cmp(RCX, (int) NO_ERROR).jcc(Condition.NOT_EQUAL, exact);
    a.cmp(RAX, -4095).jcc(Condition.ABOVE_OR_EQUAL, fail).jmp(next);
    a.bind(exact).cmp(RAX, RCX).jcc(Condition.NOT_EQUAL, fail);
    a.bind(next).add(RBX, STEP_BYTES).add(R12, 1).jmp(step);
    a.bind(fail); // the exit status tells the step
    a.mov(RDI, R12).mov32(RAX, Syscall.EXIT_GROUP).syscall().ud2();
    a.bind(done);
  }

  private void steward() {
    Label question = new Label();
    Label table = new Label();
    Label entry = new Label();
    Label done = new Label();
    Label nothing = new Label();
    Label spin = new Label();
    Label said = new Label();
    Label round = new Label();
    a.mov(R15, Mem.abs(layout.stub() + StubLayout.SCRIPT));
    a.xor32(R13, R13); // the number of the last table
    a.xor32(RSP, RSP); // tells the steward from a thread that it has just borne
    a.movImm32(Mem.abs(layout.block(0) + StubLayout.MAILBOX + Mailbox.READY), 1);
    a.xor32(RAX, RAX);
    a.bind(question);
    a.mov(RDI, RAX).mov(RSI, RBX).mov(RDX, R13).mov(R8, R15).mov32(RAX, NEXT).mov32(RBX, 1);
    a.bind(stewardCall);
    a.syscall();
    a.test(RSP, RSP).jcc(Condition.NOT_EQUAL, birth);
    a.test32(RBX, RBX).jcc(Condition.EQUAL, question);
    a.test(RAX, RAX).jcc(Condition.NOT_EQUAL, table);
    long order = layout.stub() + StubLayout.ORDER;
    a.mov(RAX, Mem.abs(order)).mov(RDI, Mem.abs(order + 8)).mov(RSI, Mem.abs(order + 16));
    a.mov(RDX, Mem.abs(order + 24)).mov(R10, Mem.abs(order + 32)).mov(R8, Mem.abs(order + 40));
    a.mov(R9, Mem.abs(order + 48)).or(R8, R15).xor32(RBX, RBX).jmp(stewardCall);
    a.bind(table).mov(R13, Mem.abs(layout.stub() + StubLayout.TABLE_NUMBER));
    a.lea(RBX, Mem.abs(layout.stub() + StubLayout.TABLE));
    a.bind(entry);
    a.mov(RAX, Mem.at(RBX, 0)).cmp(RAX, (int) END).jcc(Condition.EQUAL, done);
    a.mov(RDI, Mem.at(RBX, 8)).mov(RSI, Mem.at(RBX, 16)).mov(RDX, Mem.at(RBX, 24));
    a.bind(tableCall).syscall();
    a.test(RAX, RAX).jcc(Condition.NOT_EQUAL, question);
    a.add(RBX, StubLayout.ENTRY_BYTES).jmp(entry);
    a.bind(done);
    a.mov32(R12, Mem.abs(layout.stub() + StubLayout.TABLE_SPIN)).test32(R12, R12).jcc(Condition.NOT_EQUAL, spin);
    a.bind(nothing).xor32(RAX, RAX).jmp(question);
    a.bind(spin);
    a.mov32(RDI, stubFile).lea(RSI, Mem.abs(layout.stub() + StubLayout.TABLE_NUMBER)).mov32(RDX, NUMBER_BYTES);
    a.mov32(R10, StubLayout.TABLE_DONE).mov32(RAX, Syscall.PWRITE64);
    a.bind(doneCall).syscall();
    a.cmp(RAX, NUMBER_BYTES).jcc(Condition.EQUAL, said).ud2(); // without a stack: the process ends
    a.bind(said).rdtsc().shl(RDX, 32).or(RAX, RDX).mov(R9, RAX);
    a.bind(round);
    for (int i = 0; i < POLLS_A_ROUND; i++) {
      a.cmp(R13, Mem.abs(layout.stub() + StubLayout.TABLE_NUMBER)).jcc(Condition.NOT_EQUAL, table).pause();
    }
    a.rdtsc().shl(RDX, 32).or(RAX, RDX).sub(RAX, R9).cmp(RAX, R12).jcc(Condition.BELOW, round);
    a.jmp(nothing);
  }

  /**
   * A new thread has the steward's registers and its filter, and a stack that is none: a signal would end the process.
   * It puts the threads' filter over the other, and only then comes to where enclave code could get hold of it.
   */
  private void birth(StubBlock block) {
    Label locked = new Label();
    a.bind(birth).xor32(R15, R15).xor32(R8, R8).mov(RBX, RDX);
    a.mov32(RDI, SeccompFilter.SET_MODE_FILTER).xor32(RSI, RSI);
    a.lea(RDX, Mem.abs(layout.stub() + StubLayout.THREAD_FILTER)).mov32(RAX, Syscall.SECCOMP);
    a.bind(birthCall).syscall();
    a.test(RAX, RAX).jcc(Condition.EQUAL, locked).ud2();
    a.bind(locked).mov(RSP, RBX);
    toBlock(block.birthOffset());
  }

  /** The stack's address tells the block; every register is free. */
  private void toBlock(int offset) {
    a.mov(RAX, RSP).and(RAX, -layout.blockBytes()).add(RAX, offset).jmp(RAX);
  }

  /**
   * In: RAX = site number in the upper half of EAX, flags in AX; RCX = FS base. A chain of comparisons is the price of
   * having two registers and no memory of one's own.
   */
  private void dispatch(StubBlock block) {
    a.bind(dispatch);
    for (int i = 0; i < Math.min(layout.processors(), StubLayout.BASE_COUNT); i++) {
      a.cmp(RCX, Mem.abs(layout.stub() + StubLayout.BASES + 8L * i));
      a.jcc(Condition.EQUAL, layout.block(i) + block.jumpOffset());
    }
    a.bind(unknownBase).ud2();
  }

  /** The code of a trampoline: what a patched site jumps to. It may change RAX and RCX only, and no memory. */
  byte[] trampoline(int index) {
    Assembler t = new Assembler(layout.stub() + StubLayout.TRAMPOLINES + (long) index * StubLayout.TRAMPOLINE_BYTES);
    t.mov32(RAX, index << 16).lahf().setoAl().rdfsbase(RCX).jmp(dispatchEntry());
    return t.padTo(StubLayout.TRAMPOLINE_BYTES).toBytes();
  }
}
