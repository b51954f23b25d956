package org.enclavisor.app.profile;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class PictureTest {

  private static Document parsed(String svg) throws Exception {
    var factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
  }

  private static Scenario busy() {
    Scenario scenario = new Scenario();
    for (int i = 0; i < 500; i++) {
      scenario
          .ecall(
              "evil<script>&\"",
              () -> {
                scenario.work(5_000);
                scenario.ocall("put", 700);
                scenario.exception("#UD");
                scenario.paging("EVICTED", 16, 2_000);
                scenario.paging("RELOADED", 1, 900);
                scenario.paging(Profile.SERVED, 1, 800);
              })
          .pause(30_000);
    }
    return scenario;
  }

  @Test
  void itIsOneDocumentThatNeedsNoOther() throws Exception {
    Profile profile = busy().profile();
    String svg = Picture.svg("x<y>.so", profile, Rules.judge(profile));
    Document document = parsed(svg);
    assertThat(document.getDocumentElement().getTagName()).isEqualTo("svg");
    assertThat(document.getElementsByTagName("script").getLength()).isZero();
    assertThat(svg).doesNotContain("href", "url(", "@import", "<image").contains("prefers-color-scheme:dark");
    String text = document.getDocumentElement().getTextContent();
    assertThat(text)
        .contains("Profile of x<y>.so", "Over time", "How long calls took", "What could be better", "a transition")
        .contains("AEX #UD", "pages evicted", "pages reloaded", "faults served", "evil<script>&\"");
  }

  @Test
  void everythingLiesWithinThePicture() throws Exception {
    Profile profile = busy().profile();
    Document document = parsed(Picture.svg("x", profile, Rules.judge(profile)));
    String[] box = document.getDocumentElement().getAttribute("viewBox").split(" ");
    double width = Double.parseDouble(box[2]);
    double height = Double.parseDouble(box[3]);
    NodeList rectangles = document.getElementsByTagName("rect");
    assertThat(rectangles.getLength()).isBetween(20, 3000);
    for (int i = 1; i < rectangles.getLength(); i++) {
      Element rectangle = (Element) rectangles.item(i);
      double x = Double.parseDouble(rectangle.getAttribute("x"));
      double y = Double.parseDouble(rectangle.getAttribute("y"));
      assertThat(x).isBetween(0.0, width);
      assertThat(x + Double.parseDouble(rectangle.getAttribute("width"))).isLessThanOrEqualTo(width);
      assertThat(y).isBetween(0.0, height);
      assertThat(y + Double.parseDouble(rectangle.getAttribute("height"))).isLessThanOrEqualTo(height);
    }
  }

  @Test
  void nothingIsAPictureToo() throws Exception {
    Profile nothing = new Scenario().profile();
    String svg = Picture.svg("idle", nothing, Rules.judge(nothing));
    assertThat(parsed(svg).getDocumentElement().getTextContent()).contains("Nothing to find fault with");
    assertThat(TextView.of(nothing, Rules.judge(nothing))).contains("Nothing to find fault with.");
  }

  @Test
  void theTextSaysTheSame() {
    Profile profile = busy().profile();
    assertThat(String.join("\n", TextView.of(profile, Rules.judge(profile))))
        .contains("ECALLs", "AEX #UD", "pages evicted", "8000", "put", "What could be better")
        .contains("A transition, in and out, costs 1 µs");
  }
}
