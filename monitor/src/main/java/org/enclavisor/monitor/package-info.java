/** Enclavisor itself: EPC, EPCM, the leaves, the life of an enclave. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor;
