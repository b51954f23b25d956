/** A second, small SGX, written from the manual alone: the oracle of the random campaign. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.conformance.model;
