package org.enclavisor.isa;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;

/** AES-CMAC with a key of 128 bits (RFC 4493): the MAC of reports and launch tokens. No state. */
public final class AesCmac {
  private static final int BLOCK = 16;

  private AesCmac() {}

  /** The MAC of the parts, one after another. */
  public static Mac16 mac(Key128 key, byte[]... parts) {
    byte[] message = padded(parts);
    boolean whole = length(parts) == message.length;
    try {
      Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
      cipher.init(Cipher.ENCRYPT_MODE, key.aes(), new IvParameterSpec(new byte[BLOCK]));
      // K1 is L doubled, K2 is K1 doubled, where L is the cipher of zero.
      byte[] subkey = doubled(cipher.doFinal(new byte[BLOCK]));
      if (!whole) {
        subkey = doubled(subkey);
      }
      int last = message.length - BLOCK;
      for (int i = 0; i < BLOCK; i++) {
        message[last + i] ^= subkey[i];
      }
      byte[] chain = cipher.doFinal(message);
      byte[] mac = new byte[BLOCK];
      System.arraycopy(chain, chain.length - BLOCK, mac, 0, BLOCK);
      return Mac16.of(mac);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a Java platform without AES", e);
    }
  }

  /** Whether the MAC is that of the parts; takes the same time wherever it differs. */
  public static boolean verify(Key128 key, Mac16 mac, byte[]... parts) {
    return MessageDigest.isEqual(mac.bytes(), mac(key, parts).bytes());
  }

  private static int length(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length = Math.addExact(length, part.length);
    }
    return length;
  }

  /** The message, with 10…0 behind it unless it is a whole number of blocks, but at least one. */
  private static byte[] padded(byte[]... parts) {
    int length = length(parts);
    int blocks = Math.max(1, Math.ceilDiv(length, BLOCK));
    byte[] message = new byte[Math.multiplyExact(blocks, BLOCK)];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, message, at, part.length);
      at += part.length;
    }
    if (at < message.length) {
      message[at] = (byte) 0x80;
    }
    return message;
  }

  /** Times x in GF(2^128), polynomial x^128 + x^7 + x^2 + x + 1, most significant bit first, without a branch on it. */
  private static byte[] doubled(byte[] block) {
    byte[] result = new byte[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      int next = i + 1 < BLOCK ? (block[i + 1] & 0xff) >>> 7 : 0;
      result[i] = (byte) (block[i] << 1 | next);
    }
    result[BLOCK - 1] ^= (byte) (0x87 & -((block[0] & 0xff) >>> 7));
    return result;
  }
}
