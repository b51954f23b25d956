/**
 * Paging: the monitor as the operating system that has fewer EPC pages than its enclaves use.
 *
 * <p>{@link org.enclavisor.monitor.paging.Pager} is the face. {@code Residents} knows what is in the EPC and chooses
 * what goes; {@code Evictor} takes it out by EBLOCK, ETRACK and EWB, with {@link
 * org.enclavisor.monitor.paging.Shootdown}'s kicks between; {@code Swap} has the version arrays and the store. All of
 * it uses the leaves as any operating system would ({@link org.enclavisor.monitor.paging.SystemLeaves}), so what is
 * safe about paging is theirs: EWB binds a page to its enclave, address and version, and ELDU takes it back once.
 *
 * <p>Lock order: the monitor's lock of an enclave, then the pager's, then those of page tables and machine. The pager
 * takes no enclave's lock. It waits for threads inside, by kicks, so no thread inside may wait for the pager unless it
 * is parked: a parked thread does not count as inside, and asks again for the pages it relies on before it goes on.
 * Leaves wait for nothing.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.paging;
