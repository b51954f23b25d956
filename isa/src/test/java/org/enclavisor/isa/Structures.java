package org.enclavisor.isa;

import static org.enclavisor.isa.Golden.run;

import java.math.BigInteger;
import java.util.List;

/** One value of every structure, and its bytes by the manual's tables. No two fields of a value are alike. */
final class Structures {
  private Structures() {}

  static List<StructureCase<?>> all() {
    return List.of(
        attributes(), secs(), tcs(), gprSgx(), exitInfo(), exInfo(), secinfo(), pageinfo(), pcmd(), sigstruct(),
        einittoken(), report(), reportdata(), targetinfo(), keyrequest(), rdinfo());
  }

  static StructureCase<Attributes> attributes() {
    return StructureCase.of(
        Attributes.LAYOUT, Attributes.BYTES, Attributes::read, Attributes::write,
        new Attributes(0x0102030405060708L, 0x1112131415161718L),
        Golden.of(16).u64(0, 0x0102030405060708L).u64(8, 0x1112131415161718L));
  }

  static StructureCase<Secs> secs() {
    return StructureCase.of(
            Secs.LAYOUT, Secs.BYTES, Secs::read, Secs::write,
            new Secs(
                0x4000_0000L, 0x7f12_3400_0000L, 0x8000_0003, new MiscSelect(0x8000_0001), 0x0fed_cba9_8765_4000L, 0x3f,
                new Attributes(0x84, 0xe7), Digest32.of(run(1, 32)), Digest32.of(run(40, 32)), ConfigId.of(run(80, 64)),
                0xfeed, 0xbeef, 0xcafe),
            Golden.of(4096)
                .u64(0, 0x4000_0000L)
                .u64(8, 0x7f12_3400_0000L)
                .u32(16, 0x8000_0003L)
                .u32(20, 0x8000_0001L)
                .u64(24, 0x0fed_cba9_8765_4000L)
                .u8(32, 0x3f)
                .u64(48, 0x84)
                .u64(56, 0xe7)
                .bytes(64, run(1, 32))
                .bytes(128, run(40, 32))
                .bytes(192, run(80, 64))
                .u16(256, 0xfeed)
                .u16(258, 0xbeef)
                .u16(260, 0xcafe))
        .withReservedBits(Secs::hasReservedBits);
  }

  static StructureCase<Tcs> tcs() {
    return StructureCase.of(
            Tcs.LAYOUT, Tcs.BYTES, Tcs::read, Tcs::write,
            new Tcs(
                1, Tcs.DBGOPTIN | Tcs.AEXNOTIFY, 0x21000, 0x8000_0002, 0x9000_0003, 0x31000, 0x41000, 0x51000, 0x61000,
                0xffff_0fff, 0xfff_7fff, 0x71000, 0x81000),
            Golden.of(4096)
                .u64(0, 1)
                .u64(8, 3)
                .u64(16, 0x21000)
                .u32(24, 0x8000_0002L)
                .u32(28, 0x9000_0003L)
                .u64(32, 0x31000)
                .u64(40, 0x41000)
                .u64(48, 0x51000)
                .u64(56, 0x61000)
                .u32(64, 0xffff_0fffL)
                .u32(68, 0xfff_7fff)
                .u64(72, 0x71000)
                .u64(80, 0x81000))
        .withReservedBits(Tcs::hasReservedBits);
  }

  static StructureCase<GprSgx> gprSgx() {
    Golden golden = Golden.of(184);
    // RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15 RFLAGS RIP URSP URBP
    for (int i = 0; i < 20; i++) {
      golden.u64(8 * i, 0x1000 + i);
    }
    golden.u32(160, 0x8000_030eL).u8(167, 0x81).u64(168, 0x2000).u64(176, 0x3000);
    return StructureCase.of(
        GprSgx.LAYOUT, GprSgx.BYTES, GprSgx::read, GprSgx::write,
        new GprSgx(
            0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1006, 0x1007, 0x1008, 0x1009, 0x100a, 0x100b, 0x100c,
            0x100d, 0x100e, 0x100f, 0x1010, 0x1011, 0x1012, 0x1013, new ExitInfo(14, ExitInfo.HARDWARE, true), 0x81,
            0x2000, 0x3000),
        golden);
  }

  static StructureCase<ExitInfo> exitInfo() {
    return StructureCase.of(
        ExitInfo.LAYOUT, ExitInfo.BYTES, ExitInfo::read, ExitInfo::write,
        new ExitInfo(3, ExitInfo.SOFTWARE, true), Golden.of(4).u32(0, 0x8000_0603L));
  }

  static StructureCase<ExInfo> exInfo() {
    return StructureCase.of(
        ExInfo.LAYOUT, ExInfo.BYTES, ExInfo::read, ExInfo::write,
        new ExInfo(0x7f00_1234_5678L, 0x8007), Golden.of(16).u64(0, 0x7f00_1234_5678L).u32(8, 0x8007));
  }

  static StructureCase<Secinfo> secinfo() {
    return StructureCase.of(
            Secinfo.LAYOUT, Secinfo.BYTES, Secinfo::read, Secinfo::write,
            new Secinfo(PageType.REG, Permissions.RX, true, false, true), Golden.of(64).u64(0, 0x22d))
        .withReservedBits(Secinfo::hasReservedBits);
  }

  static StructureCase<Pageinfo> pageinfo() {
    return StructureCase.of(
        Pageinfo.LAYOUT, Pageinfo.BYTES, Pageinfo::read, Pageinfo::write, new Pageinfo(1, 2, 3, -4),
        Golden.of(32).u64(0, 1).u64(8, 2).u64(16, 3).u64(24, -4));
  }

  static StructureCase<Pcmd> pcmd() {
    return StructureCase.of(
            Pcmd.LAYOUT, Pcmd.BYTES, Pcmd::read, Pcmd::write,
            new Pcmd(Secinfo.tcs(), 0x1122334455667788L, Mac16.of(run(9, 16))),
            Golden.of(128).u64(0, 0x100).u64(64, 0x1122334455667788L).bytes(112, run(9, 16)))
        .withReservedBits(Pcmd::hasReservedBits);
  }

  static StructureCase<Rdinfo> rdinfo() {
    Secinfo page = new Secinfo(PageType.TRIM, Permissions.R, true, false, true);
    return StructureCase.of(
        Rdinfo.LAYOUT, Rdinfo.BYTES, Rdinfo::read, Rdinfo::write,
        new Rdinfo(false, true, page, true, 0x1122334455667788L),
        Golden.of(24).u64(0, 2).u64(8, 0x8000_0000_0000_0429L).u64(16, 0x1122334455667788L));
  }

  static StructureCase<Sigstruct> sigstruct() {
    SigstructBody body =
        new SigstructBody(
            0x8086, 0x2024_0229, 0x11223344, new MiscSelect(1), new MiscSelect(-2), 0x15, 0x2a, Id16.of(run(1, 16)),
            new Attributes(4, 3), new Attributes(-3, -4), Digest32.of(run(20, 32)), Id16.of(run(60, 16)), 0xface,
            0xb00c);
    BigInteger one = BigInteger.ONE;
    return StructureCase.of(
            Sigstruct.LAYOUT, Sigstruct.BYTES, Sigstruct::read, Sigstruct::write,
            new Sigstruct(
                body, one.shiftLeft(3071).add(one), 3, one.shiftLeft(3064), BigInteger.TWO, BigInteger.valueOf(0x0304)),
            Golden.of(1808)
                .hex(0, "06000000e10000000000010000000000")
                .u32(16, 0x8086)
                .u32(20, 0x2024_0229)
                .hex(24, "01010000600000006000000001000000")
                .u32(40, 0x11223344)
                .u8(128, 1)
                .u8(511, 0x80)
                .u32(512, 3)
                .u8(899, 1)
                .u32(900, 1)
                .u32(904, 0xffff_fffeL)
                .u8(908, 0x15)
                .u8(909, 0x2a)
                .bytes(912, run(1, 16))
                .u64(928, 4)
                .u64(936, 3)
                .u64(944, -3)
                .u64(952, -4)
                .bytes(960, run(20, 32))
                .bytes(1008, run(60, 16))
                .u16(1024, 0xface)
                .u16(1026, 0xb00c)
                .u8(1040, 2)
                .u16(1424, 0x0304))
        .withReservedBits(Sigstruct::hasReservedBits);
  }

  static StructureCase<Einittoken> einittoken() {
    return StructureCase.of(
            Einittoken.LAYOUT, Einittoken.BYTES, Einittoken::read, Einittoken::write,
            new Einittoken(
                true, new Attributes(0x24, 3), Digest32.of(run(1, 32)), Digest32.of(run(40, 32)),
                CpuSvn.of(run(80, 16)), 0x0020, 0x0007, 0x12, new MiscSelect(0x10), new Attributes(0x21, 0x22),
                KeyId.of(run(100, 32)), Mac16.of(run(140, 16))),
            Golden.of(304)
                .u32(0, 1)
                .u64(48, 0x24)
                .u64(56, 3)
                .bytes(64, run(1, 32))
                .bytes(128, run(40, 32))
                .bytes(192, run(80, 16))
                .u16(208, 0x20)
                .u16(210, 7)
                .u8(212, 0x12)
                .u32(236, 0x10)
                .u64(240, 0x21)
                .u64(248, 0x22)
                .bytes(256, run(100, 32))
                .bytes(288, run(140, 16)))
        .withReservedBits(Einittoken::hasReservedBits);
  }

  static StructureCase<Report> report() {
    return StructureCase.of(
        Report.LAYOUT, Report.BYTES, Report::read, Report::write,
        new Report(
            CpuSvn.of(run(1, 16)), new MiscSelect(1), 0x33, Id16.of(run(20, 16)), new Attributes(7, 0xe7),
            Digest32.of(run(40, 32)), Digest32.of(run(80, 32)), ConfigId.of(run(120, 64)), 0x1111, 0x2222, 0x3333,
            Id16.of(run(3, 16)), Reportdata.of(run(5, 64)), KeyId.of(run(7, 32)), Mac16.of(run(11, 16))),
        Golden.of(432)
            .bytes(0, run(1, 16))
            .u32(16, 1)
            .u8(20, 0x33)
            .bytes(32, run(20, 16))
            .u64(48, 7)
            .u64(56, 0xe7)
            .bytes(64, run(40, 32))
            .bytes(128, run(80, 32))
            .bytes(192, run(120, 64))
            .u16(256, 0x1111)
            .u16(258, 0x2222)
            .u16(260, 0x3333)
            .bytes(304, run(3, 16))
            .bytes(320, run(5, 64))
            .bytes(384, run(7, 32))
            .bytes(416, run(11, 16)));
  }

  static StructureCase<Reportdata> reportdata() {
    return StructureCase.of(
        Reportdata.LAYOUT, Reportdata.BYTES, Reportdata::read, Reportdata::write, Reportdata.of(run(1, 64)),
        Golden.of(64).bytes(0, run(1, 64)));
  }

  static StructureCase<Targetinfo> targetinfo() {
    return StructureCase.of(
            Targetinfo.LAYOUT, Targetinfo.BYTES, Targetinfo::read, Targetinfo::write,
            new Targetinfo(
                Digest32.of(run(1, 32)), new Attributes(5, 7), 0x15, 0x4321, new MiscSelect(1),
                ConfigId.of(run(50, 64))),
            Golden.of(512)
                .bytes(0, run(1, 32))
                .u64(32, 5)
                .u64(40, 7)
                .u8(48, 0x15)
                .u16(50, 0x4321)
                .u32(52, 1)
                .bytes(64, run(50, 64)))
        .withReservedBits(Targetinfo::hasReservedBits);
  }

  static StructureCase<Keyrequest> keyrequest() {
    return StructureCase.of(
            Keyrequest.LAYOUT, Keyrequest.BYTES, Keyrequest::read, Keyrequest::write,
            new Keyrequest(
                4, new KeyPolicy(0x25), 0x1234, 0x0a, CpuSvn.of(run(1, 16)), new Attributes(0xff, 0x1b),
                KeyId.of(run(30, 32)), new MiscSelect(0xf000_0000), 0x5678),
            Golden.of(512)
                .u16(0, 4)
                .u16(2, 0x25)
                .u16(4, 0x1234)
                .u8(6, 0x0a)
                .bytes(8, run(1, 16))
                .u64(24, 0xff)
                .u64(32, 0x1b)
                .bytes(40, run(30, 32))
                .u32(72, 0xf000_0000L)
                .u16(76, 0x5678))
        .withReservedBits(Keyrequest::hasReservedBits);
  }
}
