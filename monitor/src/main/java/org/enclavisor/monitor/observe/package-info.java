/**
 * Watching the monitor: counters, and events of the Flight Recorder.
 *
 * <p>Both are consumers of {@link org.enclavisor.monitor.MonitorEvent}, given to {@link
 * org.enclavisor.monitor.MonitorConfig#withEvents}: {@link org.enclavisor.monitor.observe.Counters} adds up,
 * {@link org.enclavisor.monitor.observe.FlightEvents} tells the JDK's recorder. What they say carries no content of an
 * enclave, and no address inside a page: no more than a host with SGX would see.
 *
 * <p>No locks; whatever is shared is atomic.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.observe;
