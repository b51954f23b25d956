package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Platform;

/**
 * What the leaves of ENCLS and ENCLV cost: bare ones, of a monitor that pages nothing by itself. EWB and ELDU beside the
 * JDK's AES-GCM with a fresh nonce over as many bytes, on the same thread; what gives and takes memory beside the
 * machine's own operations; all others against 2 µs.
 */
final class LeafBench {
  static final String GROUP = "leaves";

  static final int PAGE = 4096;
  private static final int SAMPLES = 31;
  private static final int WARM_UPS = 100;
  private static final double QUICK_NANOS = 2_000;

  /** Leaves that neither hash, encrypt, copy, allocate, free nor remap a page. */
  private static final List<String> QUICK =
      List.of(
          "EDBGRD", "EDBGWR", "EBLOCK", "ETRACK, nothing to do", "ETRACKC, nothing to do", "ERDINFO", "EPA",
          "EREMOVE, version array", "EMODPR", "EMODT", "EINCVIRTCHILD", "EDECVIRTCHILD", "ESETCONTEXT");

  private final Clock clock;
  private final Platform platform;
  private final Map<String, double[]> times = new LinkedHashMap<>();
  private int sample;

  LeafBench(Clock clock, Platform platform) {
    this.clock = clock;
    this.platform = platform;
  }

  /** A leaf on the i-th page. */
  interface Step {
    void on(int i) throws GeneralSecurityException;
  }

  List<Row> run() throws GeneralSecurityException {
    LeafScene scene = new LeafScene(platform.machine().xcr0());
    Gcm gcm = new Gcm();
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      for (sample = -WARM_UPS; sample < SAMPLES; sample++) {
        machine();
        try (LeafScene.Built built = scene.build(monitor, this)) {
          built.look(this);
          built.page(this, gcm);
          built.modify(this);
        }
      }
    }
    return rows();
  }

  /** Times {@code count} executions; what counts is one. */
  void time(String name, int count, Step step) throws GeneralSecurityException {
    long start = System.nanoTime();
    for (int i = 0; i < count; i++) {
      step.on(i);
    }
    long nanos = System.nanoTime() - start;
    if (sample >= 0) {
      times.computeIfAbsent(name, _ -> new double[SAMPLES])[sample] = (double) nanos / count;
    }
  }

  /** The machine's own operations, one page at a time. */
  private void machine() throws GeneralSecurityException {
    int pages = LeafScene.PAGES;
    MemorySegment content = MemorySegment.ofArray(new byte[PAGE]);
    content.fill((byte) 1);
    try (AddressSpace space = platform.create(new AddressSpaceLayout(0, LeafScene.SIZE, PAGE, 1))) {
      time("memory: a page written for the first time", pages,
          i -> MemorySegment.copy(content, 0, space.enclave(), (long) i * PAGE, PAGE));
      time("memory: a page given back", pages, i -> space.discard((long) i * PAGE, PAGE));
    }
  }

  private List<Row> rows() {
    List<Row> rows = new ArrayList<>();
    times.forEach((name, _) -> rows.add(row(name)));
    return rows;
  }

  private Row row(String name) {
    Row row = clock.row(GROUP, name, median(name));
    if (QUICK.contains(name)) {
      return row.with(new Row.Ratio(row.nanos() / QUICK_NANOS, "2 µs", 1));
    }
    return switch (name) {
      case "EWB" -> row.with(ratio("EWB", "AES-GCM of the JDK, encryption"));
      case "ELDU" -> row.with(ratio("ELDU", "AES-GCM of the JDK, decryption"));
      case "EADD" -> row.with(above("EADD", "memory: a page written for the first time"));
      case "EREMOVE" -> row.with(above("EREMOVE", "memory: a page given back"));
      case "EAUG" -> row.with(new Row.Ratio(row.nanos() / QUICK_NANOS, "2 µs", 1));
      default -> row;
    };
  }

  /** At least 70 % of the speed of what it is compared with, sample by sample. */
  private Row.Ratio ratio(String name, String against) {
    double[] ratios = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      ratios[i] = times.get(name)[i] / times.get(against)[i];
    }
    return new Row.Ratio(Clock.median(ratios), against, 1 / 0.7);
  }

  /** At most 2 µs above. */
  private Row.Ratio above(String name, String against) {
    double[] differences = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      differences[i] = times.get(name)[i] - times.get(against)[i];
    }
    return new Row.Ratio(Clock.median(differences) / QUICK_NANOS, "2 µs, above " + against, 1);
  }

  private double median(String name) {
    return Clock.median(times.get(name));
  }

  /**
   * What EWB and ELDU are compared with: {@code Cipher.init} with a fresh nonce, and {@code doFinal} of 4 KiB, over as
   * many different pages, since the pages that an EPC is short of are in no cache.
   */
  static final class Gcm {
    private static final int MAC = 16;
    private static final int NONCE = 12;

    private final SecretKey key = new SecretKeySpec(new byte[16], "AES");
    private final Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    private final byte[][] plain = new byte[LeafScene.PAGES][PAGE];
    private final byte[][] sealed = new byte[LeafScene.PAGES][];
    private final byte[] nonce = new byte[NONCE];
    private long version;

    Gcm() throws GeneralSecurityException {}

    private GCMParameterSpec parameters(long number) {
      MemorySegment.ofArray(nonce).set(ValueLayout.JAVA_LONG_UNALIGNED, 4, number);
      return new GCMParameterSpec(8 * MAC, nonce);
    }

    void encrypt(int i) throws GeneralSecurityException {
      cipher.init(Cipher.ENCRYPT_MODE, key, parameters(++version));
      sealed[i] = cipher.doFinal(plain[i]);
    }

    /** In the order of the last encryptions. */
    void decrypt(int i) throws GeneralSecurityException {
      cipher.init(Cipher.DECRYPT_MODE, key, parameters(version - LeafScene.PAGES + 1 + i));
      plain[i] = cipher.doFinal(sealed[i]);
    }
  }
}
