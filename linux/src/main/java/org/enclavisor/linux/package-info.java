/** This machine: native calls, enclave processes, tracing. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.linux;
