/**
 * The untrusted side of a call: the Java API.
 *
 * <p>{@link org.enclavisor.host.Enclavisor} loads an image into an {@link org.enclavisor.host.Enclave}; its ECALLs are
 * called through an interface or by name, its OCALLs are Java methods. {@code org.enclavisor.host.edl} reads the
 * enclave's interface, {@code org.enclavisor.host.marshal} moves values, and an inner package does what the SDK's
 * untrusted runtime does for a C program. The monitor is spoken to through
 * {@link org.enclavisor.monitor.SgxDevice} only, in values.
 *
 * <p>What goes wrong is one {@link org.enclavisor.host.HostException}. No locks are held here while the enclave runs.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.host;
