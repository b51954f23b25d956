/** The code of the suite's enclaves: takes commands from a block in ordinary memory. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.conformance.probe;
