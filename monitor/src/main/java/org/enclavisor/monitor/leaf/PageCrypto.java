package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.random.RandomGenerator;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

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

  private static final int ROOMS = 16;
  private static final int KEY = 16;
  private static final int NONCE = 12;
  private static final int NONCE_VERSION = 4;
  private static final long STEP = 8;

  // The MAC header. The manual's has 128 bytes, all of them zero but for these fields in what EWB makes; so one word can
  // stand for the rest, and the MAC covers as much with a quarter of the work.
  private static final int HEADER = 32;
  private static final int HEADER_FLAGS = 0;
  private static final int HEADER_EID = 8;
  private static final int HEADER_LINADDR = 16;
  private static final int HEADER_RESERVED = 24;

  static final int PCMD_SECINFO = 0;
  static final int PCMD_ENCLAVEID = 64;
  static final int PCMD_RESERVED = 72;
  static final int PCMD_MAC = 112;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final RandomGenerator random;
  private volatile SecretKey key;
  private final AtomicLong versions = new AtomicLong();

  /** Rooms that nobody uses: each thread has its favourite, which is hardly ever another's. */
  private final AtomicReferenceArray<@Nullable Page> idle = new AtomicReferenceArray<>(ROOMS);

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
    int favourite = favourite();
    Page page = idle.getAndSet(favourite, null);
    return page != null ? page : create();
  }

  private static int favourite() {
    return (int) Thread.currentThread().threadId() & (ROOMS - 1);
  }

  private Page create() {
    try {
      return new Page(Cipher.getInstance("AES/GCM/NoPadding"), Cipher.getInstance("AES/GCM/NoPadding"));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("the JDK has no AES/GCM", e);
    }
  }

  /** A page that is being encrypted or decrypted. What was plain in it is wiped when it is closed. */
  final class Page implements AutoCloseable {
    private final Cipher encryption;
    private final Cipher decryption;
    private final byte[] plain = new byte[PAGE];
    private final byte[] sealed = new byte[PAGE + MAC];
    private final byte[] header = new byte[HEADER];
    private final byte[] nonce = new byte[NONCE];
    private final MemorySegment headerSegment = MemorySegment.ofArray(header);
    private final MemorySegment nonceSegment = MemorySegment.ofArray(nonce);
    private final MemorySegment plainSegment = MemorySegment.ofArray(plain);
    private final MemorySegment sealedSegment = MemorySegment.ofArray(sealed);

    private Page(Cipher encryption, Cipher decryption) {
      this.encryption = encryption;
      this.decryption = decryption;
    }

    /** The page's 4096 bytes, to be encrypted or decrypted. */
    MemorySegment plain() {
      return plainSegment;
    }

    /** Copies the encrypted page and its MAC to where they are kept. */
    void out(MemorySegment page, MemorySegment pcmd) {
      MemorySegment.copy(sealedSegment, 0, page, 0, PAGE);
      MemorySegment.copy(sealedSegment, PAGE, pcmd, PCMD_MAC, MAC);
    }

    /** The MAC header of a page that goes out. */
    void header(long flags, long eid, long linAddr) {
      headerSegment.set(LONG, HEADER_FLAGS, flags);
      headerSegment.set(LONG, HEADER_EID, eid);
      headerSegment.set(LONG, HEADER_LINADDR, linAddr);
      headerSegment.set(LONG, HEADER_RESERVED, 0);
    }

    /**
     * Takes what the PCMD says of a page that comes in, true or not, for the MAC header and as the MAC to be found. Reads
     * every byte once.
     *
     * @return SECINFO.FLAGS, as they stand in the header
     */
    long pcmd(MemorySegment pcmd) {
      long flags = pcmd.get(LONG, PCMD_SECINFO);
      long reserved = 0;
      for (int at = PCMD_SECINFO + 8; at < PCMD_ENCLAVEID; at += 8) {
        reserved |= pcmd.get(LONG, at);
      }
      for (int at = PCMD_RESERVED; at < PCMD_MAC; at += 8) {
        reserved |= pcmd.get(LONG, at);
      }
      headerSegment.set(LONG, HEADER_FLAGS, flags);
      headerSegment.set(LONG, HEADER_RESERVED, reserved);
      MemorySegment.copy(pcmd, PCMD_MAC, sealedSegment, PAGE, MAC);
      return flags;
    }

    /** Takes the encrypted page itself, and says whose it is to be, and where. */
    void in(MemorySegment page, long eid, long linAddr) {
      headerSegment.set(LONG, HEADER_EID, eid);
      headerSegment.set(LONG, HEADER_LINADDR, linAddr);
      MemorySegment.copy(page, 0, sealedSegment, 0, PAGE);
    }

    /** Encrypts. */
    void encrypt(long version) {
      try {
        encryption.init(Cipher.ENCRYPT_MODE, key, parameters(version));
        encryption.updateAAD(header);
        encryption.doFinal(plain, 0, PAGE, sealed, 0);
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("a page could not be encrypted", e);
      }
    }

    /** Decrypts; false if the MAC is not that of this page under this header. */
    boolean decrypt(long version) {
      try {
        decryption.init(Cipher.DECRYPT_MODE, key, parameters(version));
        decryption.updateAAD(header);
        decryption.doFinal(sealed, 0, PAGE + MAC, plain, 0);
        return true;
      } catch (AEADBadTagException e) {
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
      Arrays.fill(plain, (byte) 0);
      idle.set(favourite(), this);
    }
  }
}
