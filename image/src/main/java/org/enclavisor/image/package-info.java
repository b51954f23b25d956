/**
 * What users bring: enclave images of every kind in circulation, read into one value.
 *
 * <p>{@link org.enclavisor.image.Images} reads a file, whatever kind it is, into an
 * {@link org.enclavisor.image.EnclaveImage}: the SECS, the pages in the order of EADD as
 * {@link org.enclavisor.image.PageRun}s, the SIGSTRUCT, and what the loader of that kind would ask of the machine.
 * Pages are runs over slices of the file, so an image of many gigabytes that is mostly zeroes is a small value.
 * {@link org.enclavisor.image.EnclaveImage#launch} gives the SECS for a certain machine.
 * {@link org.enclavisor.image.Difference} compares two images. Signing is in {@code org.enclavisor.image.sign}, SGXS
 * streams are written in {@code org.enclavisor.image.sgxs}.
 *
 * <p>Every byte read is taken for hostile; what is wrong ends in one
 * {@link org.enclavisor.image.MalformedImageException}. Work and memory are bounded by the file's own size and by
 * {@link org.enclavisor.image.Limits}. All values are immutable; nothing here locks.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image;
