/** The untrusted side of a call: EDL and the Java API. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.host;
