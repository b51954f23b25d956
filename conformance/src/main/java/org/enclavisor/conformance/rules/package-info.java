/** The rules, leaf by leaf: what is set up, what is done, what has to come of it. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.conformance.rules;
