package org.enclavisor.image.sdk;

/** One of the two kinds of records in the layout table ({@code layout_t}). */
public sealed interface LayoutItem permits LayoutEntry, LayoutGroup {
  /** Size of either in bytes. */
  int BYTES = 32;

  /** Its place in the table, from 0. */
  int position();

  /** What it is for; see {@link LayoutId}. */
  int id();
}
