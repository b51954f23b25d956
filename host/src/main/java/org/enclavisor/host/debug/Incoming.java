package org.enclavisor.host.debug;

/** What the server's thread takes from its queue, one after the other. */
sealed interface Incoming {

  /** A packet with the right checksum, unescaped; a character is a byte. */
  record Packet(String payload) implements Incoming {}

  /** A packet that is too long, or whose checksum is wrong or none. */
  record Malformed() implements Incoming {}

  /** The byte 3 between packets: stop the program. */
  record Break() implements Incoming {}

  /** The last packet of ours has arrived. */
  record Ack() implements Incoming {}

  /** The last packet of ours has not arrived well. */
  record Nak() implements Incoming {}

  /** The debugger is gone. */
  record Closed() implements Incoming {}

  /** Something happened to the program. */
  record Happened(DebugEvent event) implements Incoming {}
}
