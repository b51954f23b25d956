/**
 * The enclave page cache as the monitor keeps it.
 *
 * <p>An EPC page has a frame number of its own, by which the ENCLS leaves name it: {@link
 * org.enclavisor.monitor.epc.Epc} hands them out in extents, without a limit. What the EPCM knows of the pages of one
 * enclave is in its {@link org.enclavisor.monitor.epc.EpcmTable}. The bytes of regular pages are in the enclave's
 * memory object; those of SECS and TCS pages are here, as {@link org.enclavisor.monitor.epc.SecsPage} and {@link
 * org.enclavisor.monitor.epc.TcsPage}, where no enclave can write.
 *
 * <p>Lock order: the monitor's lock of an enclave, then the locks inside {@link org.enclavisor.monitor.epc.Epc} and
 * {@link org.enclavisor.monitor.epc.MeasurementQueue}. The TCS states are compare-and-set words, taken last.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.epc;
