/**
 * The enclave definition language: which functions an enclave offers and which it asks for.
 *
 * <p>The way of a file: {@link org.enclavisor.host.edl.EdlSource} finds it, a lexer that also follows the C
 * preprocessor's simple directives turns it into tokens, the parser into an {@link org.enclavisor.host.edl.EdlFile},
 * and the linker follows the imports and numbers the functions: an {@link org.enclavisor.host.edl.Edl}. Numbers are an
 * agreement with the code that Intel's {@code sgx_edger8r} put into the enclave, so the order in which imports are
 * joined is that tool's.
 *
 * <p>All values are immutable. Bad input is one {@link org.enclavisor.host.edl.MalformedEdlException} that names file,
 * line and column.
 *
 * <p>Source of the facts: the grammar and code generator of the Intel SGX SDK for Linux, sdk/edger8r/linux.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.host.edl;
