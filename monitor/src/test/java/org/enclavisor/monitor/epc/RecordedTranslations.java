package org.enclavisor.monitor.epc;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Page tables of no machine, which remember what leaves asked of them. */
public final class RecordedTranslations implements Translations {
  private final MemorySegment memory;

  /** What was asked, such as {@code "shrunk 3"}. */
  public final List<String> calls = Collections.synchronizedList(new ArrayList<>());

  /** What the host has mapped, of pages that are not everything. */
  public final Map<Long, Integer> mapped = new HashMap<>();

  /** Over the bytes of the ELRANGE. */
  public RecordedTranslations(MemorySegment memory) {
    this.memory = memory;
  }

  @Override
  public int mapped(long page) {
    return mapped.getOrDefault(page, 7);
  }

  @Override
  public void shrunk(long page) {
    calls.add("shrunk " + page);
  }

  @Override
  public void flush() {
    calls.add("flush");
  }

  @Override
  public void revoke(long page) {
    calls.add("revoke " + page);
  }

  @Override
  public void discard(long page) {
    calls.add("discard " + page);
    memory.asSlice(page * 4096, 4096).fill((byte) 0);
  }

  @Override
  public void empty(long page) {
    calls.add("empty " + page);
    memory.asSlice(page * 4096, 4096).fill((byte) 0);
  }

  @Override
  public void reclaim() {
    calls.add("reclaim");
  }

  @Override
  public void written(long page) {
    calls.add("written " + page);
  }
}
