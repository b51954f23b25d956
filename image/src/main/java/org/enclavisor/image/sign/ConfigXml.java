package org.enclavisor.image.sign;

import java.io.InputStream;
import java.util.function.BiConsumer;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.enclavisor.image.MalformedImageException;

/**
 * The outer form of a signing configuration: one element with simple elements inside. No DTD, no entity, no attribute.
 */
final class ConfigXml {
  private static final String ROOT = "EnclaveConfiguration";

  private ConfigXml() {}

  static void read(InputStream in, String name, BiConsumer<String, String> element) {
    XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    factory.setProperty(XMLInputFactory.IS_REPLACING_ENTITY_REFERENCES, false);
    factory.setProperty(XMLInputFactory.IS_NAMESPACE_AWARE, false);
    factory.setXMLResolver((publicId, systemId, baseUri, namespace) -> {
      throw new XMLStreamException("external entities are not read");
    });
    try {
      XMLStreamReader xml = factory.createXMLStreamReader(in);
      readRoot(xml, name, element);
      xml.close();
    } catch (XMLStreamException e) {
      throw new MalformedImageException(name + ": line " + (e.getLocation() == null ? 0
          : e.getLocation().getLineNumber()), -1, "well-formed XML without DTD", firstLine(e));
    }
  }

  private static String firstLine(XMLStreamException e) {
    String message = String.valueOf(e.getMessage());
    int at = message.indexOf("Message: ");
    return at < 0 ? message : message.substring(at + "Message: ".length());
  }

  private static void readRoot(XMLStreamReader xml, String name, BiConsumer<String, String> element)
      throws XMLStreamException {
    boolean inside = false;
    while (xml.hasNext()) {
      switch (xml.next()) {
        case XMLStreamConstants.START_ELEMENT -> {
          if (xml.getAttributeCount() != 0) {
            throw malformed(xml, name, xml.getLocalName(), "an element without attributes",
                xml.getAttributeLocalName(0));
          }
          if (inside) {
            element.accept(xml.getLocalName(), text(xml, name));
          } else if (ROOT.equals(xml.getLocalName())) {
            inside = true;
          } else {
            throw malformed(xml, name, "root element", ROOT, xml.getLocalName());
          }
        }
        case XMLStreamConstants.DTD, XMLStreamConstants.ENTITY_REFERENCE ->
            throw malformed(xml, name, "document", "no DTD and no entities", "one");
        case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA -> {
          if (!xml.isWhiteSpace()) {
            throw malformed(xml, name, ROOT, "elements only", "text");
          }
        }
        default -> { }
      }
    }
  }

  private static String text(XMLStreamReader xml, String name) throws XMLStreamException {
    String element = xml.getLocalName();
    StringBuilder text = new StringBuilder();
    while (xml.next() != XMLStreamConstants.END_ELEMENT) {
      switch (xml.getEventType()) {
        case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA, XMLStreamConstants.SPACE ->
            text.append(xml.getText());
        case XMLStreamConstants.COMMENT, XMLStreamConstants.PROCESSING_INSTRUCTION -> { }
        default -> throw malformed(xml, name, element, "a number", "another element or an entity");
      }
    }
    return text.toString();
  }

  private static MalformedImageException malformed(XMLStreamReader xml, String name, String what, String expected,
      String found) {
    return new MalformedImageException(name + ": line " + xml.getLocation().getLineNumber() + ": " + what, -1,
        expected, found);
  }
}
