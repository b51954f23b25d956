package org.enclavisor.image;

import java.util.Optional;
import org.enclavisor.isa.Secs;

/**
 * The first thing that makes two images measure differently, in the order in which a processor measures.
 *
 * <p>A difference of content names the byte; one of permissions, of order, or of what is measured names the page.
 */
public sealed interface Difference {
  /**
   * A field of ECREATE.
   *
   * @param name the manual's
   * @param image the image's value
   * @param reference the reference image's value
   */
  record Field(String name, String image, String reference) implements Difference {
    @Override
    public String toString() {
      return "ECREATE: " + name + " is " + image + ", in the reference " + reference;
    }
  }

  /**
   * A page.
   *
   * @param index which EADD, from 0
   * @param offset of the page from the ELRANGE's base, in bytes, in the image
   * @param part what the page belongs to
   * @param what differs: {@code "offset"}, {@code "SECINFO"}, {@code "measured"} or {@code "byte 0x…"}
   * @param image the image's value
   * @param reference the reference image's value
   */
  record Page(long index, long offset, String part, String what, String image, String reference)
      implements Difference {
    @Override
    public String toString() {
      return "page 0x" + Long.toHexString(offset) + " (" + part + ", EADD " + index + "): " + what + " is " + image
          + ", in the reference " + reference;
    }
  }

  /**
   * One of the images goes on where the other ends.
   *
   * @param pages how many pages both have alike
   * @param imageLonger whether it is the image that goes on
   * @param offset of the next page of the longer one
   * @param part what that belongs to
   */
  record Length(long pages, boolean imageLonger, long offset, String part) implements Difference {
    @Override
    public String toString() {
      return "after " + pages + " equal pages only the " + (imageLonger ? "image" : "reference")
          + " goes on, with page 0x" + Long.toHexString(offset) + " (" + part + ")";
    }
  }

  /** The first difference; empty where both measure alike. Unmeasured content is not compared. */
  static Optional<Difference> between(EnclaveImage image, EnclaveImage reference) {
    Secs a = image.secs();
    Secs b = reference.secs();
    if (a.ssaFrameSize() != b.ssaFrameSize()) {
      return Optional.of(new Field("SSAFRAMESIZE", Integer.toString(a.ssaFrameSize()),
          Integer.toString(b.ssaFrameSize())));
    }
    if (a.size() != b.size()) {
      return Optional.of(new Field("SIZE", "0x" + Long.toHexString(a.size()), "0x" + Long.toHexString(b.size())));
    }
    return new SideBySide(image.pages(), reference.pages()).firstDifference();
  }
}
