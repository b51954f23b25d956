package org.enclavisor.host.debug;

/** What happens to a program that is being debugged while it runs. */
sealed interface DebugEvent {

  /** A thread has stopped, and no other goes in any more; some may have to be brought out yet. */
  record Stopped(int thread, Stop stop) implements DebugEvent {}

  /** The program has come to its end with this exit status. */
  record Finished(int status) implements DebugEvent {}

  /** The enclave is gone, as by a kill. */
  record Lost() implements DebugEvent {}
}
