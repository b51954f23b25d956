/**
 * What the monitor needs of a machine, and nothing about how it is done.
 *
 * <p>A {@link org.enclavisor.monitor.spi.Platform} makes {@link org.enclavisor.monitor.spi.AddressSpace}s, one for
 * each enclave and host address space; an address space makes {@link org.enclavisor.monitor.spi.LogicalProcessor}s,
 * on which enclave code runs until it comes to one of the ends that {@link org.enclavisor.monitor.spi.Exit} lists.
 * The leaves are not here: a platform knows no TCS, no SSA and no EPCM.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.spi;
