package org.enclavisor.host.debug;

import java.util.Optional;

/**
 * Where a debugger finds names and lines.
 *
 * @param path absolute; empty if the image is no ELF file
 * @param offset where address 0 of the file lies, from the enclave's base
 */
public record ProgramFile(Optional<String> path, long offset) {}
