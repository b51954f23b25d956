/**
 * This machine: native calls, and enclave processes that leave by themselves.
 *
 * <p>A tour, from the bottom:
 *
 * <ul>
 *   <li>{@link org.enclavisor.linux.Kernel}, {@link org.enclavisor.linux.Cpuid} and {@link
 *       org.enclavisor.linux.LinuxMachine} are what Linux and the processor offer, {@link
 *       org.enclavisor.linux.LinuxCapabilities} whether they do; all native calls go through one function shape in
 *       {@code NativeCode}, to the few instructions of {@code Thunks};
 *   <li>{@link org.enclavisor.linux.StubPlatform} makes a {@code StubAddressSpace} for each enclave: a process
 *   that {@code
 *       ProcessKeeper} starts and buries, whose program {@code StubProgram} and {@code StubBlock} assemble at the
 *       addresses of a {@code StubLayout}, which {@code StartScript} and {@code SeccompFilter} lock up, and in
 *       which the
 *       {@code Steward} makes system calls to order, above all for {@code StubPermissions};
 *   <li>{@code WrittenPages} and {@code WriteWatch} tell which pages were written since a mark, on both platforms;
 *   <li>{@code StubProcessor} is one thread of it, at the other end of a {@code Mailbox}; {@code Waiting} and {@code
 *       HostThread} decide on which processors the two wait for each other; {@code SitePatches} and {@code BaseTable}
 *       make the fast way out.
 * </ul>
 *
 * <p>How it all works is told in {@code docs/internals/stub.md}. The platform over ptrace lies in {@link
 * org.enclavisor.linux.ptrace}.
 *
 * <p>Lock order: an address space; its base table or its steward; a process; the registry of host threads. The keeper's
 * thread takes the last two only. A processor's interrupt lock comes before all of them. Nobody holds a lock while
 * enclave code runs, but who interrupts it.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.linux;
