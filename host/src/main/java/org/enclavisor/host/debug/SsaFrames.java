package org.enclavisor.host.debug;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.OptionalLong;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SsaFrame;
import org.enclavisor.isa.Tcs;

/**
 * What an enclave's threads have left in their TCS and SSA frames, named by the addresses of the TCS. Guarded by the
 * target's lock.
 */
final class SsaFrames {
  private final EnclaveMemoryAccess memory;
  private final Secs secs;
  private final SsaFrame layout;
  private final int xsaveBytes;

  /**
   * @param secs with the base that the enclave got
   * @param xsaveBytes of the XSAVE area that is wanted of a frame
   */
  SsaFrames(EnclaveMemoryAccess memory, Secs secs, int xsaveBytes) {
    this.memory = memory;
    this.secs = secs;
    this.xsaveBytes = xsaveBytes;
    layout = SsaFrame.of(secs.ssaFrameSize(), secs.miscSelect());
  }

  private OptionalLong word(long address) {
    byte[] word = new byte[Long.BYTES];
    return memory.read(address, word) == word.length
        ? OptionalLong.of(ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong())
        : OptionalLong.empty();
  }

  /** TCS.CSSA: how many frames are in use. */
  int cssa(long tcs) {
    return (int) word(tcs + Tcs.CSSA_OFFSET).orElse(0);
  }

  /** Where the last frame in use begins; empty if none is. */
  private OptionalLong last(long tcs) {
    int frames = cssa(tcs);
    OptionalLong ossa = frames == 0 ? OptionalLong.empty() : word(tcs + Tcs.OSSA_OFFSET);
    return ossa.isEmpty()
        ? ossa
        : OptionalLong.of(secs.baseAddr() + layout.offset(ossa.getAsLong(), frames - 1));
  }

  /** The registers in the last frame in use; empty if there is none. */
  Optional<RegisterValues> read(long tcs) {
    OptionalLong frame = last(tcs);
    if (frame.isEmpty()) {
      return Optional.empty();
    }
    byte[] gpr = new byte[GprSgx.BYTES];
    byte[] xsave = new byte[xsaveBytes];
    boolean read =
        memory.read(frame.getAsLong() + layout.gprOffset(), gpr) == gpr.length
            && memory.read(frame.getAsLong() + layout.xsaveOffset(), xsave) == xsave.length;
    return read ? Optional.of(new RegisterValues(gpr, xsave)) : Optional.empty();
  }

  /** Writes them there. Returns whether that was possible. */
  boolean write(long tcs, RegisterValues values) {
    OptionalLong frame = last(tcs);
    return frame.isPresent()
        && memory.write(frame.getAsLong() + layout.gprOffset(), values.gpr())
        && memory.write(frame.getAsLong() + layout.xsaveOffset(), values.xsave());
  }

  /** RIP in the last frame; 0 if there is none. */
  long rip(long tcs) {
    return read(tcs).map(RegisterValues::rip).orElse(0L);
  }

  /**
   * Sets TCS.FLAGS.DBGOPTIN, without which INT3 and TF inside are not the debugger's, or clears it. Returns whether
   * that was possible.
   */
  boolean optIn(long tcs, boolean wanted) {
    byte[] flags = new byte[Long.BYTES];
    if (memory.read(tcs + Tcs.FLAGS_OFFSET, flags) != flags.length) {
      return false;
    }
    flags[0] = (byte) (flags[0] & ~Tcs.DBGOPTIN | (wanted ? Tcs.DBGOPTIN : 0));
    return memory.write(tcs + Tcs.FLAGS_OFFSET, flags);
  }
}
