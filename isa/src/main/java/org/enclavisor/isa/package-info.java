/** What SGX is, as values: structures, leaf numbers, error codes, measurement, signatures. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.isa;
