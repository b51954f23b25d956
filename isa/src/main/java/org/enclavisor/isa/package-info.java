/**
 * What SGX is, as values: structures, leaf numbers, error codes, measurement, signatures. Nothing here runs an enclave,
 * keeps state beyond a running digest, or knows a machine; everything but {@link org.enclavisor.isa.Measurement} and
 * {@link org.enclavisor.isa.Key128} is immutable, and so safe for any thread. There are no locks.
 *
 * <h2>A tour</h2>
 *
 * <p><b>Structures.</b> Each is a record that holds what the manual names, and knows its {@code BYTES}, its
 * {@code LAYOUT} (members by the manual's names, in lower camel case) and, where the manual demands one, its
 * {@code ALIGNMENT}. All are little-endian, and none needs its segment to be aligned.
 *
 * <ul>
 *   <li>an enclave: {@link org.enclavisor.isa.Secs}, {@link org.enclavisor.isa.Attributes},
 *       {@link org.enclavisor.isa.MiscSelect}
 *   <li>its pages: {@link org.enclavisor.isa.Secinfo} with {@link org.enclavisor.isa.PageType} and
 *       {@link org.enclavisor.isa.Permissions}, {@link org.enclavisor.isa.Pageinfo}, {@link org.enclavisor.isa.Pcmd}
 *   <li>its threads: {@link org.enclavisor.isa.Tcs}; {@link org.enclavisor.isa.SsaFrame} says where in a
 *       frame {@link org.enclavisor.isa.GprSgx} and {@link org.enclavisor.isa.ExInfo} are; an
 *       {@link org.enclavisor.isa.ExitInfo} tells of the exception
 *   <li>who made it: {@link org.enclavisor.isa.Sigstruct}, {@link org.enclavisor.isa.SigstructBody},
 *       {@link org.enclavisor.isa.Einittoken}
 *   <li>what it says and asks: {@link org.enclavisor.isa.Report}, {@link org.enclavisor.isa.Reportdata},
 *       {@link org.enclavisor.isa.Targetinfo}, {@link org.enclavisor.isa.Keyrequest}
 * </ul>
 *
 * <p><b>Reading and writing.</b> {@code read} takes exactly {@code BYTES} bytes and refuses reserved bits with a
 * {@link org.enclavisor.isa.MalformedStructureException} that names the field, its offset, what was expected and what
 * was found. {@code write} and {@code toBytes} give every reserved byte as zero. A leaf has to fault by itself instead:
 * it copies the bytes out of hostile memory, asks {@code hasReservedBits}, and after a no {@code read} does not throw.
 * Reserved bits of ATTRIBUTES, MISCSELECT and KEYNAME depend on the processor, so they are kept as they are.
 *
 * {@snippet :
 * Secs secs = Secs.of(0x10000, 1, MiscSelect.NONE, new Attributes(Attributes.MODE64BIT, Attributes.XFRM_LEGACY));
 * Secs same = Secs.read(MemorySegment.ofArray(secs.toBytes()));
 * }
 *
 * <p><b>Numbers.</b> {@link org.enclavisor.isa.EnclsLeaf}, {@link org.enclavisor.isa.EncluLeaf},
 * {@link org.enclavisor.isa.EnclvLeaf}, {@link org.enclavisor.isa.SgxError}, {@link org.enclavisor.isa.Vector},
 * {@link org.enclavisor.isa.KeyName}, {@link org.enclavisor.isa.KeyPolicy}.
 *
 * <p><b>Identity.</b> {@link org.enclavisor.isa.Measurement} grows MRENCLAVE leaf by leaf;
 * {@link org.enclavisor.isa.Sigstruct#mrSigner()} is MRSIGNER.
 *
 * {@snippet :
 * Measurement measurement = Measurement.ecreate(secs.ssaFrameSize(), secs.size());
 * measurement.page(0, Secinfo.reg(Permissions.RX), code);
 * measurement.page(0x1000, Secinfo.tcs(), tcs);
 * Digest32 mrEnclave = measurement.mrEnclave();
 * }
 *
 * <p><b>Signatures.</b> {@link org.enclavisor.isa.Sigstruct#verify()} gives a
 * {@link org.enclavisor.isa.SignatureCheck}; {@link org.enclavisor.isa.SigstructSigner} signs in one step, or takes a
 * signature made elsewhere over {@link org.enclavisor.isa.SigstructBody#signedBytes()}.
 * {@link org.enclavisor.isa.AesCmac} is the MAC of reports and launch tokens.
 *
 * <h2>Sources</h2>
 *
 * <p>“SDM 3D” is volume 3D of the <i>Intel 64 and IA-32 Architectures Software Developer's Manual</i>, cited by the
 * titles of its sections and tables, because their numbers change from edition to edition.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.isa;
