package org.enclavisor.conformance.model;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;
import org.jspecify.annotations.Nullable;

/** The state of the model and what all leaves share. Confined to one thread. */
final class Model {
  final ModelMachine machine;
  final ModelMemory memory = new ModelMemory();
  final TreeMap<Long, ModelSecs> elranges = new TreeMap<>(Long::compareUnsigned);
  final ModelBuild build = new ModelBuild(this);
  final ModelPaging paging = new ModelPaging(this);
  final ModelChange change = new ModelChange(this);
  final ModelUser user = new ModelUser(this);
  final ModelEntry entry = new ModelEntry(this);
  private final Map<Long, ModelPage> pages = new HashMap<>();
  private final Map<ModelPage, SgxMachine.Hold> held = new HashMap<>();
  private final Map<Integer, SignatureCheck> checked = new HashMap<>();
  long nextEid = 1;
  /** Counts what happens. */
  long now = 1;
  /** Whether an access by a translation that may still be there is taken to succeed: the manual leaves it open. */
  boolean staleWorks;
  /** Whether the page read last holds what the model cannot know. */
  boolean lastReadOpaque;
  @Nullable Digest32 launchKeyHash;

  Model(ModelMachine machine) {
    this.machine = machine;
  }

  void addEpc(long address) {
    pages.computeIfAbsent(address, ModelPage::new);
  }

  void forget(long address) {
    pages.remove(address);
  }

  /** The EPC page at an address, or null if that is not in the EPC. */
  @Nullable ModelPage epc(long address) {
    return pages.get(address & -4096);
  }

  Iterable<ModelPage> allPages() {
    return pages.values();
  }

  ModelPage require(long address) {
    ModelPage page = epc(address);
    if (page == null) {
      throw new IllegalStateException("checked before");
    }
    return page;
  }

  /** Whether every address of an ELRANGE resolves to some EPC page. */
  boolean resolves() {
    return machine.features().homeFrames();
  }

  @Nullable ModelSecs enclaveAt(long linear) {
    Map.Entry<Long, ModelSecs> entryAt = elranges.floorEntry(linear);
    return entryAt != null && entryAt.getValue().contains(linear) ? entryAt.getValue() : null;
  }

  LeafResult encls(int leaf, long rbx, long rcx, long rdx) {
    now++;
    int needed = switch (leaf) {
      case 0xd, 0xe, 0xf -> Features.SGX2;
      case 0x10, 0x11, 0x12, 0x13 -> Features.OVERSUBSCRIPTION;
      case 0x18 -> Features.EUPDATESVN;
      default -> 0;
    };
    if (!machine.features().has(needed)) {
      return ModelAnswer.gp();
    }
    return switch (leaf) {
      case 0 -> build.ecreate(rbx, rcx);
      case 1 -> build.eadd(rbx, rcx);
      case 2 -> build.einit(rbx, rcx, rdx);
      case 3 -> build.eremove(rcx);
      case 4 -> change.edbgrd(rcx);
      case 5 -> change.edbgwr(rbx, rcx);
      case 6 -> build.eextend(rbx, rcx);
      case 7 -> paging.eld(rbx, rcx, rdx, true, false);
      case 8 -> paging.eld(rbx, rcx, rdx, false, false);
      case 9 -> paging.eblock(rcx);
      case 0xa -> paging.epa(rbx, rcx);
      case 0xb -> paging.ewb(rbx, rcx, rdx);
      case 0xc -> paging.etrack(rcx);
      case 0xd -> change.eaug(rbx, rcx);
      case 0xe -> change.emodpr(rbx, rcx);
      case 0xf -> change.emodt(rbx, rcx);
      case 0x10 -> change.erdinfo(rbx, rcx);
      case 0x11 -> paging.etrackc(rcx);
      case 0x12 -> paging.eld(rbx, rcx, rdx, true, true);
      case 0x13 -> paging.eld(rbx, rcx, rdx, false, true);
      case 0x18 -> updateSvn();
      default -> ModelAnswer.gp();
    };
  }

  private LeafResult updateSvn() {
    boolean empty = pages.values().stream().noneMatch(page -> page.valid);
    return empty ? ModelAnswer.cf(SgxError.SGX_NO_UPDATE) : ModelAnswer.zf(SgxError.SGX_EPC_NOT_READY);
  }

  LeafResult enclv(int leaf, long rbx, long rcx, long rdx) {
    now++;
    if (!machine.features().has(Features.ENCLV)) {
      return ModelAnswer.ud();
    }
    return switch (leaf) {
      case 0 -> change.virtualChild(rbx, rcx, -1);
      case 1 -> change.virtualChild(rbx, rcx, 1);
      case 2 -> change.esetcontext(rcx, rdx);
      default -> ModelAnswer.gp();
    };
  }

  /** The pages of an SSA frame. */
  @Nullable LeafResult frame(ModelThread thread, int index) {
    return entry.frame(thread, index);
  }

  SgxMachine.Held hold(long address, SgxMachine.Hold hold) {
    ModelPage page = require(address);
    held.put(page, hold);
    return () -> held.remove(page);
  }

  /** What stands against taking a page for oneself: #GP, or null. */
  @Nullable LeafResult exclusive(ModelPage page) {
    SgxMachine.Hold hold = held.get(page);
    return hold == SgxMachine.Hold.SHARED || hold == SgxMachine.Hold.EXCLUSIVE ? ModelAnswer.gp() : null;
  }

  /** What stands against sharing a page: #GP, or null. */
  @Nullable LeafResult shared(ModelPage page) {
    return held.get(page) == SgxMachine.Hold.EXCLUSIVE ? ModelAnswer.gp() : null;
  }

  boolean changeHeld(ModelPage page) {
    return held.get(page) == SgxMachine.Hold.CHANGE;
  }

  boolean measured(ModelPage secs) {
    return held.get(secs) == SgxMachine.Hold.MEASURE;
  }

  boolean trackHeld(ModelPage secs) {
    return held.get(secs) == SgxMachine.Hold.TRACK;
  }

  boolean authorised(Digest32 signer) {
    return launchKeyHash == null || launchKeyHash.equals(signer);
  }

  /** The RSA part, remembered by the structure's bytes since it is slow. */
  SignatureCheck check(Sigstruct sigstruct, byte[] bytes) {
    return checked.computeIfAbsent(Arrays.hashCode(bytes), key -> sigstruct.verify());
  }
}
