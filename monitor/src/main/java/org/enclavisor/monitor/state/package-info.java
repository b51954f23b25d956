/**
 * An enclave that stands still as one value: a versioned stream of typed sections.
 *
 * <p>{@link org.enclavisor.monitor.state.StateWriter} makes a stream of what {@link
 * org.enclavisor.monitor.state.EnclaveManifest} and the EPCM say and the memory holds; {@link
 * org.enclavisor.monitor.state.StateReader} reads it section by section, believes nothing, and tells the first thing
 * wrong in a {@link org.enclavisor.monitor.state.MalformedStateException}. Neither holds more than one section in
 * memory. Who may stop, write and restore, and when, is {@link org.enclavisor.monitor.Checkpoints}' affair.
 *
 * <p>A stream holds all secrets of its enclave in plain text. It has a digest against accidents, not against people.
 * The format is described in docs/state.md.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.state;
