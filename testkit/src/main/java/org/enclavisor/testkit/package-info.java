/** Test support: the contract of a platform, a fake platform, seeded generators, sample enclaves. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.testkit;
