package org.enclavisor.image.sdk;

/** What layout entries are for ({@code LAYOUT_ID_*}). */
public final class LayoutId {
  public static final int HEAP_MIN = 1;
  public static final int HEAP_INIT = 2;
  public static final int HEAP_MAX = 3;
  public static final int TCS = 4;
  public static final int TD = 5;
  public static final int SSA = 6;
  public static final int STACK_MAX = 7;
  public static final int STACK_MIN = 8;
  public static final int GUARD = 10;
  /** The dynamic twin of an entry has its number plus this. */
  public static final int DYNAMIC = 10;
  public static final int TCS_DYN = 14;
  public static final int STACK_DYN_MAX = 17;
  public static final int RSRV_MIN = 20;
  public static final int RSRV_INIT = 21;
  public static final int RSRV_MAX = 22;
  public static final int USER_REGION = 23;
  /** Set in the number of a group. */
  public static final int GROUP = 1 << 12;
  public static final int THREAD_GROUP = GROUP | 9;
  public static final int THREAD_GROUP_DYN = GROUP | 19;

  private static final String[] NAMES = {"undefined", "heap", "heap (initial)", "heap (maximum)", "tcs", "thread data",
      "ssa", "stack (maximum)", "stack", "thread group", "guard", "heap (dynamic)", "heap (dynamic initial)",
      "heap (dynamic maximum)", "tcs (dynamic)", "thread data (dynamic)", "ssa (dynamic)", "stack (dynamic maximum)",
      "stack (dynamic)", "thread group (dynamic)", "reserved memory", "reserved memory (initial)",
      "reserved memory (maximum)", "user region"};

  private LayoutId() {}

  /** In words. */
  public static String name(int id) {
    int plain = id & ~GROUP;
    return plain < NAMES.length ? NAMES[plain] : "layout id " + id;
  }
}
