package org.enclavisor.host.debug;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Packets and their answers, with a program that is none. */
@Timeout(60)
class RemoteSessionTest {
  private static final HexFormat HEX = HexFormat.of();

  private final FakeTarget target = new FakeTarget();
  private final RemoteSession session =
      new RemoteSession(target, new ProgramFile(Optional.of("/enclaves/é.so"), 0x1000));

  private String ask(String packet) {
    return session.answer(packet).orElse("(nothing)");
  }

  private void stopped(int thread, Stop stop) {
    session.happened(new DebugEvent.Stopped(thread, stop));
  }

  private static String hex(long value) {
    return Long.toHexString(value);
  }

  @Test
  void whyItHasStoppedIsSaidWhenItIsKnown() {
    assertThat(ask("?")).isEqualTo("(nothing)");
    assertThat(session.awaited()).isTrue();
    assertThat(session.happened(new DebugEvent.Stopped(2, Stop.AT_BREAKPOINT))).contains("T05thread:2;swbreak:;");
    assertThat(target.heard("settle")).as("nobody is inside when the debugger looks").isTrue();
    assertThat(ask("?")).isEqualTo("T05thread:2;swbreak:;");
    assertThat(ask("qC")).isEqualTo("QC2");
  }

  @Test
  void registersOneByOneAndAllTogether() {
    stopped(1, Stop.STEPPED);
    String all = ask("g");
    int bytes = target.table.all().stream().mapToInt(Register::bytes).sum();
    assertThat(all).hasSize(2 * bytes);
    // RAX, then RBX, which is the fourth of GPRSGX.
    assertThat(all).startsWith("0001020304050607" + "18191a1b1c1d1e1f");
    assertThat(ask("p0")).isEqualTo("0001020304050607");
    assertThat(ask("p1")).isEqualTo("18191a1b1c1d1e1f");
    assertThat(ask("p10")).as("RIP").isEqualTo("88898a8b8c8d8e8f");

    assertThat(ask("P10=0011223344556677")).isEqualTo("OK");
    assertThat(target.values.getFirst().rip()).isEqualTo(0x7766554433221100L);
    String changed = ask("g").replaceFirst("^00010203", "ffffffff");
    assertThat(ask("G" + changed)).isEqualTo("OK");
    assertThat(ask("g")).isEqualTo(changed);

    assertThat(ask("Hg2")).isEqualTo("OK");
    assertThat(ask("p0")).isEqualTo("1011121314151617");
    assertThat(ask("Hg0")).isEqualTo("OK");
    assertThat(ask("p10")).isEqualTo("0011223344556677");
    for (String bad : List.of("p", "pfff", "pxyz", "P0", "P0=00", "P0=zz", "G00", "Gxx", "Hg3", "H", "Hx1")) {
      assertThat(ask(bad)).as(bad).isIn("E01", "");
    }
  }

  @Test
  void memory() {
    String at = hex(FakeTarget.BASE + 16);
    assertThat(ask("M" + at + ",4:deadbeef")).isEqualTo("OK");
    assertThat(ask("m" + at + ",4")).isEqualTo("deadbeef");
    assertThat(ask("X" + at + ",2:\u0001\u00ff")).isEqualTo("OK");
    assertThat(ask("m" + at + ",6")).isEqualTo("01ffbeef0000");
    assertThat(ask("X" + at + ",0:")).isEqualTo("OK");
    assertThat(ask("m" + hex(FakeTarget.BASE + FakeTarget.MEMORY - 2) + ",8")).as("what there is").isEqualTo("0000");
    assertThat(ask("m" + hex(FakeTarget.BASE + FakeTarget.MEMORY) + ",8")).isEqualTo("E0e");
    assertThat(ask("m0,8")).isEqualTo("E0e");
    assertThat(ask("m" + hex(FakeTarget.BASE) + ",ffffffff").length()).isLessThan(PacketReader.LARGEST);
    for (String bad : List.of("m", "m1", "m,", "m1,", "m1,zz", "m11111111111111111,1", "M" + at + ",4:00", "M" + at,
        "M" + at + ",1:0", "X" + at + ",3:ab", "m-1,4", "m1,ffffffffffffffff")) {
      assertThat(ask(bad)).as(bad).isEqualTo("E01");
    }
  }

  @Test
  void breakpoints() {
    String at = hex(FakeTarget.BASE);
    assertThat(ask("Z0," + at + ",1")).isEqualTo("OK");
    assertThat(target.breakpoints).containsKey(FakeTarget.BASE);
    assertThat(ask("z0," + at + ",1")).isEqualTo("OK");
    assertThat(target.breakpoints).isEmpty();
    assertThat(ask("z0," + at + ",1")).isEqualTo("E0e");
    assertThat(ask("Z0,10,1")).isEqualTo("E0e");
    assertThat(ask("Z1," + at + ",1")).as("in hardware: not known").isEmpty();
    for (String bad : List.of("Z0", "Z0,", "Z0,10", "Z0,10,", "Z0,x,1", "Z2,10,x")) {
      assertThat(ask(bad)).as(bad).isEqualTo("E01");
    }
  }

  @Test
  void watchpoints() {
    assertThat(ask("Z2,1234,8")).isEqualTo("OK");
    assertThat(target.told).containsExactly("watch 8 at 0x1234");
    assertThat(ask("Z2,1234,0")).isEqualTo("E0e");
    assertThat(ask("z2,1234,8")).isEqualTo("OK");
    assertThat(ask("z2,1234,8")).isEqualTo("E0e");
    assertThat(ask("Z3,1234,8")).as("of reads: not known").isEmpty();
    ask("?");
    assertThat(session.happened(new DebugEvent.Stopped(1, Stop.watched(0x1234)))).contains("T05thread:1;watch:1234;");
  }

  @Test
  void whoGoesOnAndHow() {
    stopped(1, Stop.STEPPED);
    assertThat(ask("vCont?")).isEqualTo("vCont;c;C;s;S");
    assertThat(ask("vCont;s:1;c")).isEqualTo("(nothing)");
    assertThat(target.told.getLast()).isEqualTo("1 Action[way=STEP, signal=0], 2 Action[way=CONTINUE, signal=0]");
    assertThat(ask("vCont;c")).as("it runs already").isEqualTo("E01");

    stopped(1, new Stop(Stop.Kind.FAULT, Stop.SEGV));
    assertThat(ask("vCont;C0b:1")).isEqualTo("(nothing)");
    assertThat(target.told.getLast()).isEqualTo("1 Action[way=CONTINUE, signal=11], 2 Action[way=HOLD, signal=0]");

    stopped(2, Stop.STEPPED);
    ask("s");
    assertThat(target.told.getLast()).isEqualTo("1 Action[way=CONTINUE, signal=0], 2 Action[way=STEP, signal=0]");
    stopped(2, Stop.STEPPED);
    ask("Hc1");
    ask("C0b");
    assertThat(target.told.getLast()).isEqualTo("1 Action[way=CONTINUE, signal=11], 2 Action[way=HOLD, signal=0]");
    stopped(2, Stop.STEPPED);
    ask("Hc-1");
    ask("c1234");
    assertThat(target.values.get(1).rip()).as("an address to go on at").isEqualTo(0x1234);
    assertThat(target.told.getLast()).isEqualTo("1 Action[way=CONTINUE, signal=0], 2 Action[way=CONTINUE, signal=0]");

    stopped(1, Stop.STEPPED);
    for (String bad : List.of("vCont;", "vCont;x", "vCont;c:zz", "vCont;C", "vCont;C1ff", "vCont;cc", "C", "Sxx")) {
      assertThat(ask(bad)).as(bad).isEqualTo("E01");
    }
  }

  @Test
  void theEnd() {
    stopped(1, Stop.STEPPED);
    ask("vCont;c");
    assertThat(session.happened(new DebugEvent.Finished(3))).contains("W03");
    assertThat(session.over()).isTrue();
  }

  @Test
  void anEndThatCameWhileItStoodStillIsSaidWhenItGoesOn() {
    stopped(1, new Stop(Stop.Kind.HALT, Stop.INT));
    assertThat(session.happened(new DebugEvent.Lost())).isEmpty();
    assertThat(session.over()).isFalse();
    assertThat(ask("vCont;c")).isEqualTo("X09");
    assertThat(session.over()).isTrue();
  }

  @Test
  void leavingAndKilling() {
    assertThat(ask("D;1")).isEqualTo("OK");
    assertThat(session.over()).isTrue();
    assertThat(target.told).containsExactly("detach");
    var other = new RemoteSession(target, new ProgramFile(Optional.empty(), 0));
    assertThat(other.answer("vKill;1")).contains("OK");
    assertThat(other.over()).isTrue();
    assertThat(new RemoteSession(target, new ProgramFile(Optional.empty(), 0)).answer("k")).isEmpty();
    assertThat(target.told).containsExactly("detach", "kill", "kill");
  }

  @Test
  void questions() {
    assertThat(ask("qSupported:swbreak+;xmlRegisters=i386"))
        .contains("PacketSize=4000", "swbreak+", "qXfer:features:read+", "qXfer:exec-file:read+");
    assertThat(ask("qOffsets")).isEqualTo("TextSeg=100000001000");
    assertThat(ask("qfThreadInfo")).isEqualTo("m1,2");
    assertThat(ask("qsThreadInfo")).isEqualTo("l");
    assertThat(HEX.parseHex(ask("qThreadExtraInfo,2"))).asString().isEqualTo("tcs 0x2000, outside");
    assertThat(ask("qThreadExtraInfo,3")).isEqualTo("E01");
    assertThat(ask("T1")).isEqualTo("OK");
    assertThat(ask("T3")).isEqualTo("E01");
    assertThat(ask("qAttached")).isEqualTo("1");
    assertThat(HEX.parseHex(ask("qRcmd,656e636c617665"))).asString().isEqualTo("a fake\n");
    assertThat(ask("qXfer:threads:read::0,1000"))
        .startsWith("l<?xml").contains("<thread id=\"2\" name=\"tcs 0x2000\">");
    assertThat(ask("qXfer:features:read:other.xml:0,10")).isEqualTo("E00");
    assertThat(ask("qXfer:features:write:target.xml:0,10")).isEmpty();
    assertThat(new String(ask("qXfer:exec-file:read:1:0,ff").getBytes(StandardCharsets.ISO_8859_1),
        StandardCharsets.UTF_8)).isEqualTo("l/enclaves/é.so");
    for (String unknown : List.of("", "!", "qTStatus", "vMustReplyEmpty", "QNonStop:1", "Zz", "\u00ff", "vFile:open")) {
      assertThat(ask(unknown)).as(unknown).isIn("", "E01");
    }
    assertThat(session.acknowledging()).isTrue();
    assertThat(ask("QStartNoAckMode")).isEqualTo("OK");
    assertThat(session.acknowledging()).isFalse();
  }

  @Test
  void theDescriptionOfTheRegistersComesInPieces() {
    var xml = new StringBuilder();
    String piece;
    do {
      piece = ask("qXfer:features:read:target.xml:" + hex(xml.length()) + ",64");
      xml.append(piece.substring(1));
    } while (piece.startsWith("m"));
    assertThat(xml.toString()).startsWith("<?xml").endsWith("</target>");
    for (Register register : target.table.all()) {
      assertThat(xml.toString()).contains("<reg name=\"" + register.name() + "\" bitsize=\"" + register.bits() + "\"");
    }
    assertThat(ask("qXfer:features:read:target.xml:ffffff,10")).isEqualTo("E01");
  }

  @Test
  void whateverAStrangerSaysIsAnswered() {
    Seeded seeded = Seeded.named("RemoteSessionTest");
    List<String> sane =
        List.of("?", "g", "p10", "P10=0011223344556677", "m100000000000,40", "M100000000010,2:beef",
            "X100000000010,1:a", "Z0,100000000000,1", "z0,100000000000,1", "Hg1", "Hc-1", "T2", "vCont;s:1;c", "vCont;C0b:2", "s", "C0b;10",
            "qXfer:features:read:target.xml:0,100", "qThreadExtraInfo,1", "qRcmd,6162", "qSupported:a+;b=1",
            "qOffsets");
    List<String> answers = new ArrayList<>();
    for (int round = 0; round < 20_000; round++) {
      stopped(1 + seeded.below(2), Stop.STEPPED);
      byte[] packet = seeded.oneOf(sane).getBytes(StandardCharsets.ISO_8859_1);
      for (int i = seeded.below(4); i > 0 && packet.length > 0; i--) {
        packet = seeded.chance(0.3) ? seeded.truncated(packet) : seeded.flipBit(packet);
      }
      String text = new String(packet, StandardCharsets.ISO_8859_1);
      if (!text.startsWith("D") && !text.startsWith("k") && !text.startsWith("vKill")) {
        String answer = ask(text);
        assertThat(answer.length()).isLessThanOrEqualTo(PacketReader.LARGEST);
        answers.add(answer);
      }
    }
    assertThat(answers).contains("OK", "E01", "E0e", "", "(nothing)");
  }
}
