/** Random sequences of leaves, compared with the model step by step. */
@org.jspecify.annotations.NullMarked
package org.enclavisor.conformance.campaign;
