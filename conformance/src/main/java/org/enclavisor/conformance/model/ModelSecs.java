package org.enclavisor.conformance.model;

import java.util.HashMap;
import java.util.Map;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.Secs;
import org.jspecify.annotations.Nullable;

/** What a processor keeps in a SECS page. Mutable, confined to one thread. */
final class ModelSecs {
  ModelPage page;
  final long eid;
  Secs secs;
  final int xsaveBytes;
  final @Nullable Measurement measurement;
  boolean initialised;
  Id16 familyId = Id16.ZERO;
  Id16 extProdId = Id16.ZERO;
  long context;
  long virtualChildren;
  /** Raised by every ETRACK. */
  long epoch;
  final Map<Long, ModelPage> children = new HashMap<>();

  ModelSecs(ModelPage page, long eid, Secs secs, int xsaveBytes, @Nullable Measurement measurement) {
    this.page = page;
    this.eid = eid;
    this.secs = secs;
    this.xsaveBytes = xsaveBytes;
    this.measurement = measurement;
    this.context = page.address;
  }

  /** After ELDx of a SECS. ENCLAVECONTEXT is the new address. */
  ModelSecs moved(ModelPage to) {
    page = to;
    context = to.address;
    return this;
  }

  boolean contains(long linear) {
    return Long.compareUnsigned(linear - secs.baseAddr(), secs.size()) < 0;
  }

  boolean has(long attribute) {
    return secs.attributes().has(attribute);
  }

  boolean debug() {
    return has(Attributes.DEBUG);
  }

  int misc() {
    return secs.miscSelect().bits();
  }

  /** Whether somebody is inside who entered at this epoch or before. */
  boolean insideSince(long atMost) {
    for (ModelPage child : children.values()) {
      ModelThread thread = child.thread;
      if (thread != null && thread.active && thread.epoch <= atMost) {
        return true;
      }
    }
    return false;
  }

  boolean active() {
    return insideSince(Long.MAX_VALUE);
  }

  /** Whether the tracking cycle begun last is still under way. */
  boolean tracking() {
    return insideSince(epoch - 1);
  }

  /** Whether nobody can have a translation of the page from before its stamp. */
  boolean tracked(ModelPage child) {
    return child.stamp == ModelPage.NO_STAMP || child.stamp < epoch && !insideSince(child.stamp);
  }
}
