/**
 * What the readers of ELF images share: pages as a loader would lay them out, and the list they are collected in, which
 * keeps the limits.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.layout;
