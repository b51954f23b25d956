package org.enclavisor.monitor.state;

import org.enclavisor.isa.Digest32;

/**
 * What was written.
 *
 * @param bytes of the stream
 * @param pages whose bytes are in it
 * @param digest SHA-256, by which a stream of changes names the one that it continues
 */
public record StateSummary(long bytes, long pages, Digest32 digest) {}
