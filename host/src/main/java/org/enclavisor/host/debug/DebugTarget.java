package org.enclavisor.host.debug;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A program as a debugger sees it: threads that are numbered from 1, memory, registers, and stop and go. All stop and
 * all go at once, but for those that a {@link ResumePlan} holds. Called by one debugger at a time, by any thread.
 */
interface DebugTarget {

  /**
   * A thread.
   *
   * @param name short, the same all its life
   * @param state in words
   */
  record ThreadInfo(int id, String name, String state) {}

  /** The registers that every thread has. */
  RegisterTable registers();

  /** Linear address of the enclave's first byte. */
  long base();

  /** The threads that have begun something and not ended it; one at least. */
  List<ThreadInfo> threads();

  /** A copy of a thread's registers; empty while it runs, and if there is no such thread. */
  Optional<RegisterValues> read(int thread);

  /** Sets a thread's registers. Returns whether that was possible: not while it runs, nor while it is outside. */
  boolean write(int thread, RegisterValues values);

  /** Reads memory as it would be without breakpoints. Returns how many bytes from the start could be read. */
  int read(long address, byte[] into);

  /** Writes memory below the breakpoints that are in it. Returns whether all of it could be written. */
  boolean write(long address, byte[] bytes);

  /** Puts a breakpoint on the instruction at an address, once. Returns whether there is one now. */
  boolean insertBreakpoint(long address);

  /** Takes a breakpoint away. Returns whether there was one, and is none now. */
  boolean removeBreakpoint(long address);

  /** Stops whoever changes a piece of memory, once. Returns whether that is possible. */
  boolean watch(long address, int length);

  /** Watches it no more. Returns whether it was watched. */
  boolean unwatch(long address, int length);

  /**
   * A debugger has come. The program stops, at once or as soon as it enters the enclave.
   *
   * @param listener told what happens, by any thread; must not block
   */
  void attach(Consumer<DebugEvent> listener);

  /** Stops a program that runs: a {@link DebugEvent.Stopped} follows, or another one that came first. */
  void halt();

  /** After a stop: returns when no thread is inside. */
  void settle();

  /** Lets the program go on. What happened to a thread that is to go on and was not told yet is told instead. */
  void resume(ResumePlan plan);

  /** The debugger leaves: no breakpoint stays, and the program goes on as if there had been none. */
  void detach();

  /** Ends the enclave. */
  void kill();

  /** What a person may want to know of the enclave, in lines. */
  String describe();
}
