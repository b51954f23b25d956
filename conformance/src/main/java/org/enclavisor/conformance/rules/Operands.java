package org.enclavisor.conformance.rules;

import org.enclavisor.conformance.SgxMachine;

/**
 * Where the operands of ENCLS leaves are in ordinary memory. Those of the leaf under test and those of leaves that
 * prepare for it are different, and each has a page behind it, so that it can be misaligned. Immutable.
 */
final class Operands {
  private static final int ROOM = 2 * SgxMachine.PAGE;
  private static final int COUNT = 16;

  private final long start;
  final long pageinfo;
  final long secinfo;
  final long source;
  final long sigstruct;
  final long token;
  final long rdinfo;
  final long context;
  final long evicted;
  final long pcmd;
  final long evicted2;
  final long pcmd2;
  final long prepPageinfo;
  final long prepSecinfo;
  final long prepSource;

  Operands(SgxMachine machine) {
    start = machine.allocate(ROOM * COUNT);
    pageinfo = at(0);
    secinfo = at(1);
    source = at(2);
    sigstruct = at(3);
    token = at(4);
    rdinfo = at(5);
    context = at(6);
    evicted = at(7);
    pcmd = at(8);
    evicted2 = at(9);
    pcmd2 = at(10);
    prepPageinfo = at(11);
    prepSecinfo = at(12);
    prepSource = at(13);
  }

  private long at(int index) {
    return start + (long) index * ROOM;
  }

  boolean contains(long address, int bytes) {
    return address >= start && address + bytes <= start + (long) ROOM * COUNT;
  }
}
