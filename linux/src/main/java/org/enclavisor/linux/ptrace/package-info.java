/**
 * The strict platform: enclave processes that are driven by ptrace(2) alone, with no code of ours in the way.
 *
 * <p>{@link org.enclavisor.linux.ptrace.PtracePlatform} makes address spaces. Each has one
 * {@link org.enclavisor.linux.ptrace.Tracer}, an OS thread that lives as long as the process, for ptrace knows no
 * other owner; everybody else hands it tasks. The tracer owns an {@link org.enclavisor.linux.ptrace.EnclaveProcess}:
 *
 * <ul>
 *   <li>its first thread, the <em>keeper</em>, never runs enclave code. It makes the few system calls that are needed
 *       (mprotect, clone), one at a time, when the tracer puts them into its registers, and sleeps in pause(2) as the
 *       bell by which others wake the tracer out of wait4(2);
 *   <li>one more thread, an {@link org.enclavisor.linux.ptrace.EnclaveThread}, for each logical processor. These are
 *       let run by PTRACE_SYSEMU only, under which the kernel reports system calls and performs none. They are traced
 *       from their first instruction, because the tracer is that of the thread that cloned them.
 * </ul>
 *
 * <p>The process has no descriptors, stack, vDSO or heap: its memory is the ELRANGE, the untrusted memory, one
 * read-only page with a SYSCALL instruction ({@link org.enclavisor.linux.ptrace.BootPage}) and one area, ordinary
 * read-write memory to enclave code, into which the kernel is made to write signal frames, for only there does it tell
 * vector and error code ({@link org.enclavisor.linux.SignalFrame}). Behind SYSEMU stands seccomp as a second
 * wall: the keeper's calls from that page's instruction, and nothing else.
 *
 * <p>Enclave code sees its own code only: no instruction is ever changed. What it costs is time: tens of microseconds
 * an exit, as each is several switches between processes.
 *
 * <p>Lock order: none; all state of a process is confined to its tracer.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.linux.ptrace;
