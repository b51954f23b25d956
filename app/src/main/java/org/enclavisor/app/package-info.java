/** The face: the command line. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.app;
