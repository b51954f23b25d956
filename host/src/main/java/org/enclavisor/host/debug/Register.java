package org.enclavisor.host.debug;

/**
 * One register as GDB names it.
 *
 * @param bits its size
 * @param type GDB's, in its target description
 * @param place where it is in an SSA frame
 */
record Register(String name, int bits, String type, Place place) {

  /** Where a register's value comes from. */
  sealed interface Place {

    /** Bytes of GPRSGX. */
    record Gpr(int offset) implements Place {}

    /**
     * Bytes of the XSAVE area.
     *
     * @param component the bit of XSTATE_BV that says whether they mean something, or −1 if they always do
     */
    record Xsave(int component, int offset) implements Place {}

    /** A part of the x87 environment that the XSAVE area keeps in another form. */
    record X87(X87Field field) implements Place {}

    /** The same in every enclave thread: segment selectors, and what is no register of ours at all. */
    record Constant(long value) implements Place {}
  }

  /** The x87 environment as GDB sees it, every part of it 32 bits wide. */
  enum X87Field {
    FCTRL,
    FSTAT,
    FTAG,
    FISEG,
    FIOFF,
    FOSEG,
    FOOFF,
    FOP
  }

  int bytes() {
    return bits / 8;
  }
}
