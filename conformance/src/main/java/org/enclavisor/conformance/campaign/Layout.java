package org.enclavisor.conformance.campaign;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.enclavisor.conformance.probe.Probe;
import org.enclavisor.conformance.rules.Signers;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.isa.Tcs;

/**
 * The enclaves of the campaign: 16 pages, all built alike, so that one signature fits.
 *
 * <pre>
 *   0  probe, RX            4      TCS        7      TCS       10      RWX, comes back
 *   1  KEYREQUESTs, RW      5, 6   frames     8, 9   frames    11, 12  nothing
 *   2  SECINFOs, RW                                            13, 14  frames of a TCS made later
 *   3  a TCS to copy, R                                        15      nothing
 * </pre>
 *
 * Immutable.
 */
final class Layout {
  static final int PAGE = 4096;
  static final int PAGES = 16;
  static final long SIZE = PAGES * PAGE;
  static final int KEYS = 1;
  static final int SECINFOS = 2;
  static final int TEMPLATE = 3;
  static final int TCS = 4;
  static final int TCS2 = 7;
  static final int RWX = 10;
  /** Pages that only make sense when they stay as they are. */
  private static final int FRAMES = 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9 | 1 << 13 | 1 << 14;

  /** FLAGS of the SECINFOs in page 2; the last two are not legal. */
  static final long[] SECINFO = {
    3 | 8 | 2 << 8, 3 | 32 | 2 << 8, 1 | 32 | 2 << 8, 5 | 32 | 2 << 8, 32 | 2 << 8, 16 | 1 << 8, 16 | 4 << 8,
    1 | 2 << 8, 3 | 2 << 8, 5 | 2 << 8, 7 | 2 << 8, 2 << 8, 7 | 32 | 2 << 8, 2 | 2 << 8, 3 | 2 << 8 | 1L << 40
  };

  /** KEYREQUESTs in page 1: name, policy, ISVSVN, CPUSVN, reserved. */
  private static final int[][] KEYREQUEST = {
    {4, 0, 0, 0, 0}, {3, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {4, 1, 9, 0, 0}, {4, 0, 0, 1, 0}, {7, 0, 0, 0, 0},
    {4, 4, 0, 0, 0}, {4, 0, 0, 0, 1}
  };

  /** The order of EADD. */
  static final int[] ORDER = {0, 1, 2, 3, 4, 7, 5, 6, 8, 9, 10, 13, 14};

  final byte[][] content = new byte[PAGES][];
  final long[] flags = new long[PAGES];
  private final byte[][] signatures = new byte[5][];

  Layout(Probe probe) {
    for (int page = 0; page < PAGES; page++) {
      content[page] = new byte[PAGE];
      flags[page] = 3 | 2 << 8;
    }
    content[0] = Arrays.copyOf(probe.code(), PAGE);
    flags[0] = 5 | 2 << 8;
    for (int i = 0; i < KEYREQUEST.length; i++) {
      content[KEYS][512 * i] = (byte) KEYREQUEST[i][0];
      content[KEYS][512 * i + 2] = (byte) KEYREQUEST[i][1];
      content[KEYS][512 * i + 4] = (byte) KEYREQUEST[i][2];
      content[KEYS][512 * i + 8] = (byte) KEYREQUEST[i][3];
      content[KEYS][512 * i + 100] = (byte) KEYREQUEST[i][4];
    }
    for (int i = 0; i < SECINFO.length; i++) {
      MemorySegment.ofArray(content[SECINFOS]).set(
          ValueLayout.JAVA_LONG_UNALIGNED, 64L * i, SECINFO[i]);
    }
    content[TEMPLATE] = tcs(13);
    flags[TEMPLATE] = 1 | 2 << 8;
    content[TCS] = tcs(5);
    flags[TCS] = 1 << 8;
    content[TCS2] = tcs(8);
    flags[TCS2] = 1 << 8;
    System.arraycopy(Probe.comeBack(), 0, content[RWX], 0, Probe.comeBack().length);
    flags[RWX] = 7 | 2 << 8;
    var measurement = Measurement.ecreate(1, SIZE);
    for (int page : ORDER) {
      measurement.eadd((long) page * PAGE, Secinfo.ofFlags(flags[page]));
      if (page == 0) {
        measurement.eextend(0, MemorySegment.ofArray(content[0]).asSlice(0, 256));
      }
    }
    var attributes = new Attributes(Attributes.MODE64BIT, 3);
    var body =
        SigstructBody.of(0x20260101, measurement.mrEnclave(), MiscSelect.NONE, new MiscSelect(-1), attributes,
            attributes, 1, 2);
    signatures[0] = Signers.sign(body).toBytes();
    signatures[1] = signatures[0].clone();
    signatures[1][0] ^= 1;
    signatures[2] = signatures[0].clone();
    signatures[2][600] ^= 1;
    signatures[3] =
        Signers.sign(
            SigstructBody.of(0x20260101, measurement.mrEnclave(), MiscSelect.NONE, new MiscSelect(-1),
                attributes.with(Attributes.KSS), attributes.with(Attributes.KSS), 1, 2)).toBytes();
    signatures[4] = Signers.signOtherwise(body).toBytes();
  }

  private static byte[] tcs(int ssa) {
    return Tcs.of(0, (long) ssa * PAGE, 2, PAGE, 2 * PAGE).toBytes();
  }

  static boolean frame(int page) {
    return (FRAMES >> page & 1) != 0;
  }

  /** What the enclaves are: every other one is a debug enclave. */
  Secs secs(long base, boolean debug) {
    return Secs.of(
            SIZE, 1, MiscSelect.NONE, new Attributes(Attributes.MODE64BIT | (debug ? Attributes.DEBUG : 0), 3))
        .withBaseAddr(base);
  }

  /** SIGSTRUCTs: a good one, a malformed one, a forged one, one for other attributes, one by another signer. */
  byte[] signature(int variant) {
    return signatures[variant < signatures.length ? variant : 0].clone();
  }
}
