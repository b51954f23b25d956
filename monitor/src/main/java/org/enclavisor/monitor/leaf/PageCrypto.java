package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.enclavisor.isa.Pcmd;

/**
 * How a page looks outside the EPC (SDM 3D, EWB and ELDB/ELDU): AES-128-GCM under the paging key, with the page's version
 * as nonce and the MAC header as additional data. The key is drawn when the monitor starts and is nowhere else; what was
 * evicted under it is lost with the monitor.
 *
 * <p>Versions are multiples of 8, since EDBGRD ignores the low three bits of a slot, and none is given twice. Thread-safe;
 * a {@link Page} is one thread's until it is closed.
 */
public final class PageCrypto {
  static final int PAGE = 4096;
  static final int MAC = 16;

  private static final int KEY = 16;
  private static final int NONCE = 12;
  private static final int NONCE_VERSION = 4;
  private static final long STEP = 8;
  private static final int HEADER = 128;

  // The MAC header. Its fields are the manual's, their places are ours: no software sees them.
  private static final int HEADER_SECINFO = 0;
  private static final int HEADER_EID = 64;
  private static final int HEADER_LINADDR = 72;
  private static final int HEADER_RESERVED = 80;

  static final int PCMD_SECINFO = 0;
  static final int PCMD_ENCLAVEID = 64;
  static final int PCMD_RESERVED = 72;
  static final int PCMD_MAC = 112;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final RandomGenerator random;
  private volatile SecretKey key;
  private final AtomicLong versions = new AtomicLong();
  private final ArrayDeque<Page> idle = new ArrayDeque<>();

  /** With a new CR_BASE_PK. */
  public PageCrypto(RandomGenerator random) {
    this.random = random;
    this.key = draw(random);
  }

  private static SecretKey draw(RandomGenerator random) {
    byte[] bytes = new byte[KEY];
    random.nextBytes(bytes);
    try {
      return new SecretKeySpec(bytes, "AES");
    } finally {
      Arrays.fill(bytes, (byte) 0);
    }
  }

  /** A new CR_BASE_PK: what was evicted before cannot be loaded any more. When no page is in the EPC. */
  void renewKey() {
    key = draw(random);
  }

  /** A version that no page has had: never 0. */
  long nextVersion() {
    long version = versions.addAndGet(STEP);
    if (version <= 0) {
      throw new IllegalStateException("the versions of this monitor are used up");
    }
    return version;
  }

  /** Room for a page in work. */
  Page page() {
    synchronized (idle) {
      Page page = idle.poll();
      if (page != null) {
        return page;
      }
    }
    try {
      return new Page(Cipher.getInstance("AES/GCM/NoPadding"), Cipher.getInstance("AES/GCM/NoPadding"));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("the JDK has no AES/GCM", e);
    }
  }

  /** A page that is being encrypted or decrypted, in place. Wiped when it is closed. */
  final class Page implements AutoCloseable {
    private final Cipher encryption;
    private final Cipher decryption;
    private final byte[] bytes = new byte[PAGE + MAC];
    private final byte[] header = new byte[HEADER];
    private final byte[] nonce = new byte[NONCE];
    private final MemorySegment headerSegment = MemorySegment.ofArray(header);
    private final MemorySegment nonceSegment = MemorySegment.ofArray(nonce);
    private final MemorySegment content = MemorySegment.ofArray(bytes).asSlice(0, PAGE);
    private final MemorySegment mac = MemorySegment.ofArray(bytes).asSlice(PAGE, MAC);

    private Page(Cipher encryption, Cipher decryption) {
      this.encryption = encryption;
      this.decryption = decryption;
    }

    /** The page's 4096 bytes. */
    MemorySegment content() {
      return content;
    }

    /** The MAC that {@link #encrypt} made, or that {@link #decrypt} is to find. */
    MemorySegment mac() {
      return mac;
    }

    /** The MAC header of a page that goes out. */
    void header(long flags, long eid, long linAddr) {
      Arrays.fill(header, (byte) 0);
      headerSegment.set(LONG, HEADER_SECINFO, flags);
      headerSegment.set(LONG, HEADER_EID, eid);
      headerSegment.set(LONG, HEADER_LINADDR, linAddr);
    }

    /** The MAC header, and the MAC, of a page that comes in: as its PCMD says, which need not be true. */
    void header(MemorySegment pcmd, long eid, long linAddr) {
      header(0, eid, linAddr);
      MemorySegment.copy(pcmd, PCMD_SECINFO, headerSegment, HEADER_SECINFO, PCMD_ENCLAVEID - PCMD_SECINFO);
      MemorySegment.copy(pcmd, PCMD_RESERVED, headerSegment, HEADER_RESERVED, PCMD_MAC - PCMD_RESERVED);
      MemorySegment.copy(pcmd, PCMD_MAC, mac, 0, Pcmd.BYTES - PCMD_MAC);
    }

    /** Encrypts the content. */
    void encrypt(long version) {
      try {
        encryption.init(Cipher.ENCRYPT_MODE, key, parameters(version));
        encryption.updateAAD(header);
        encryption.doFinal(bytes, 0, PAGE, bytes, 0);
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("a page could not be encrypted", e);
      }
    }

    /** Decrypts the content; false, with nothing left of it, if the MAC is not that of this page under this header. */
    boolean decrypt(long version) {
      try {
        decryption.init(Cipher.DECRYPT_MODE, key, parameters(version));
        decryption.updateAAD(header);
        decryption.doFinal(bytes, 0, PAGE + MAC, bytes, 0);
        return true;
      } catch (AEADBadTagException e) {
        Arrays.fill(bytes, (byte) 0);
        return false;
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("a page could not be decrypted", e);
      }
    }

    private GCMParameterSpec parameters(long version) {
      nonceSegment.set(LONG, NONCE_VERSION, version);
      return new GCMParameterSpec(8 * MAC, nonce);
    }

    @Override
    public void close() {
      Arrays.fill(bytes, (byte) 0);
      synchronized (idle) {
        idle.push(this);
      }
    }
  }
}
