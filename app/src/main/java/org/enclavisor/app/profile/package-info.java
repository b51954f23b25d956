/**
 * What {@code enclavisor profile} makes of a run: which calls an enclave makes and serves, what they cost, and which of
 * them it could do without.
 *
 * <p>A {@link org.enclavisor.app.profile.Recorder} hears of calls from the host and of entries, exits, faults and
 * paging from the monitor, and puts them together, thread by thread, into trees of calls. {@link
 * org.enclavisor.app.profile.Transitions} measures meanwhile what a way in and out costs. Both make a {@link
 * org.enclavisor.app.profile.Profile}, a value, which {@link org.enclavisor.app.profile.Rules} judge, and which can be
 * looked at as text, as a picture and as JSON.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.app.profile;
