/**
 * Enclaves of the Intel SGX SDK for Linux: an ELF file whose section {@code .note.sgxmeta} holds one or more blocks of
 * metadata, each with a SIGSTRUCT, a table of memory to lay out and a table of bytes to patch.
 *
 * <p>Source: the SDK's {@code common/inc/internal/metadata.h}, and {@code psw/urts/loader.cpp}, whose order of EADD is
 * what MRENCLAVE depends on. Metadata versions 1.x and 3.x, with or without ELRANGE (11.x, 13.x); 2.x is recognised
 * and passed over, as by the SDK's own loader (2.26).
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.sdk;
