/**
 * A small emitter of x86-64 machine code: just the instructions that the enclave process's stub and the native thunks
 * need, so that nothing has to be compiled at run time. {@link org.enclavisor.linux.asm.Assembler} is where to start.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.linux.asm;
