/**
 * An ELF64 reader for files that nobody vouches for. {@link org.enclavisor.image.elf.HostileBytes} is the only way to
 * the bytes; it checks every range by its own arithmetic. {@link org.enclavisor.image.elf.ElfFile} holds headers that
 * are already checked, so what is built on it can take offsets and sizes at their word. Nothing is allocated by a
 * number read from the file, except tables whose size is bounded by the file's own length.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.elf;
