/** What users bring: ELF, SGX metadata, SGXS, signing. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image;
