package org.enclavisor.linux.asm;

import java.util.ArrayList;
import java.util.List;

/** A place in the code that may be named before it is reached. Belongs to one {@link Assembler}. */
public final class Label {
  static final int UNBOUND = -1;
  int offset = UNBOUND;
  final List<Integer> fixups = new ArrayList<>();
}
