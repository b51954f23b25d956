/*
 * The structures of SGX as a C compiler sees them, declared from the tables of the Intel SDM, volume 3D, with the names
 * that the Java layouts have. Prints "STRUCTURE member offset size" for each member and "STRUCTURE size" for each
 * structure; then the bits of fields that are smaller than a byte.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

struct attributes { u64 flags, xfrm; };

struct secs {
  u64 size, baseAddr;
  u32 ssaFrameSize, miscSelect;
  u64 cetLegBitmapOffset;
  u8 cetAttributes, reserved1[15];
  struct attributes attributes;
  u8 mrEnclave[32], reserved2[32], mrSigner[32], reserved3[32], configId[64];
  u16 isvProdId, isvSvn, configSvn;
  u8 reserved4[3834];
};

struct tcs {
  u64 state, flags, ossa;
  u32 cssa, nssa;
  u64 oentry, aep, ofsBasgx, ogsBasgx;
  u32 fsLimit, gsLimit;
  u64 ocetSsa, prevSsp;
  u8 reserved1[4008];
};

struct exitinfo { u32 exitInfo; };

struct gprsgx {
  u64 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rflags, rip, ursp, urbp;
  struct exitinfo exitInfo;
  u8 reserved1[3], aexNotify;
  u64 fsBase, gsBase;
};

struct exinfo { u64 maddr; u32 errcd; u8 reserved1[4]; };
struct secinfo { u64 flags; u8 reserved1[56]; };
struct pageinfo { u64 linAddr, srcPge, secinfo, secs; };
struct pcmd { struct secinfo secinfo; u64 enclaveId; u8 reserved1[40], mac[16]; };

struct rdinfo { u64 status, flags, enclaveContext; };

struct sigstruct {
  u8 header[16];
  u32 vendor, date;
  u8 header2[16];
  u32 swDefined;
  u8 reserved1[84], modulus[384];
  u32 exponent;
  u8 signature[384];
  u32 miscSelect, miscMask;
  u8 cetAttributes, cetAttributesMask, reserved2[2], isvFamilyId[16];
  struct attributes attributes, attributeMask;
  u8 enclaveHash[32], reserved3[16], isvExtProdId[16];
  u16 isvProdId, isvSvn;
  u8 reserved4[12], q1[384], q2[384];
};

struct einittoken {
  u32 valid;
  u8 reserved1[44];
  struct attributes attributes;
  u8 mrEnclave[32], reserved2[32], mrSigner[32], reserved3[32], cpuSvnLe[16];
  u16 isvProdIdLe, isvSvnLe;
  u8 cetMaskedAttributesLe, reserved4[23];
  u32 maskedMiscSelectLe;
  struct attributes maskedAttributesLe;
  u8 keyId[32], mac[16];
};

struct reportdata { u8 reportData[64]; };

struct report {
  u8 cpuSvn[16];
  u32 miscSelect;
  u8 cetAttributes, reserved1[11], isvExtProdId[16];
  struct attributes attributes;
  u8 mrEnclave[32], reserved2[32], mrSigner[32], reserved3[32], configId[64];
  u16 isvProdId, isvSvn, configSvn;
  u8 reserved4[42], isvFamilyId[16];
  struct reportdata reportData;
  u8 keyId[32], mac[16];
};

struct targetinfo {
  u8 measurement[32];
  struct attributes attributes;
  u8 cetAttributes, reserved1[1];
  u16 configSvn;
  u32 miscSelect;
  u8 reserved2[8], configId[64], reserved3[384];
};

struct keyrequest {
  u16 keyName, keyPolicy, isvSvn;
  u8 cetAttributesMask, reserved1[1], cpuSvn[16];
  struct attributes attributeMask;
  u8 keyId[32];
  u32 miscMask;
  u16 configSvn;
  u8 reserved2[434];
};

union exit_bits {
  u32 value;
  struct { u32 vector : 8, exit_type : 3, reserved : 20, valid : 1; } bits;
};

union secinfo_bits {
  u64 value;
  struct { u64 r : 1, w : 1, x : 1, pending : 1, modified : 1, pr : 1, reserved : 2, page_type : 8; } bits;
};

#define S(name, type) static const char *const type##_name = name; typedef struct type type##_t;
#define M(type, member) \
  printf("%s %s %zu %zu\n", type##_name, #member, offsetof(type##_t, member), sizeof(((type##_t *)0)->member));
#define END(type) printf("%s %zu\n", type##_name, sizeof(type##_t));

S("ATTRIBUTES", attributes) S("SECS", secs) S("TCS", tcs) S("EXITINFO", exitinfo) S("GPRSGX", gprsgx)
S("EXINFO", exinfo) S("SECINFO", secinfo) S("PAGEINFO", pageinfo) S("PCMD", pcmd) S("SIGSTRUCT", sigstruct)
S("EINITTOKEN", einittoken) S("REPORTDATA", reportdata) S("REPORT", report) S("TARGETINFO", targetinfo)
S("KEYREQUEST", keyrequest) S("RDINFO", rdinfo)

int main(void) {
#define T attributes
#define F(member) M2(T, member)
#define M2(type, member) M(type, member)
  F(flags) F(xfrm) END(attributes)
#undef T
#define T secs
  F(size) F(baseAddr) F(ssaFrameSize) F(miscSelect) F(cetLegBitmapOffset) F(cetAttributes) F(reserved1) F(attributes)
  F(mrEnclave) F(reserved2) F(mrSigner) F(reserved3) F(configId) F(isvProdId) F(isvSvn) F(configSvn) F(reserved4)
  END(secs)
#undef T
#define T tcs
  F(state) F(flags) F(ossa) F(cssa) F(nssa) F(oentry) F(aep) F(ofsBasgx) F(ogsBasgx) F(fsLimit) F(gsLimit)
  F(ocetSsa) F(prevSsp) F(reserved1) END(tcs)
#undef T
#define T exitinfo
  F(exitInfo) END(exitinfo)
#undef T
#define T gprsgx
  F(rax) F(rcx) F(rdx) F(rbx) F(rsp) F(rbp) F(rsi) F(rdi) F(r8) F(r9) F(r10) F(r11) F(r12) F(r13) F(r14) F(r15)
  F(rflags) F(rip) F(ursp) F(urbp) F(exitInfo) F(reserved1) F(aexNotify) F(fsBase) F(gsBase) END(gprsgx)
#undef T
#define T exinfo
  F(maddr) F(errcd) F(reserved1) END(exinfo)
#undef T
#define T secinfo
  F(flags) F(reserved1) END(secinfo)
#undef T
#define T pageinfo
  F(linAddr) F(srcPge) F(secinfo) F(secs) END(pageinfo)
#undef T
#define T pcmd
  F(secinfo) F(enclaveId) F(reserved1) F(mac) END(pcmd)
#undef T
#define T rdinfo
  F(status) F(flags) F(enclaveContext) END(rdinfo)
#undef T
#define T sigstruct
  F(header) F(vendor) F(date) F(header2) F(swDefined) F(reserved1) F(modulus) F(exponent) F(signature) F(miscSelect)
  F(miscMask) F(cetAttributes) F(cetAttributesMask) F(reserved2) F(isvFamilyId) F(attributes) F(attributeMask)
  F(enclaveHash) F(reserved3) F(isvExtProdId) F(isvProdId) F(isvSvn) F(reserved4) F(q1) F(q2) END(sigstruct)
#undef T
#define T einittoken
  F(valid) F(reserved1) F(attributes) F(mrEnclave) F(reserved2) F(mrSigner) F(reserved3) F(cpuSvnLe) F(isvProdIdLe)
  F(isvSvnLe) F(cetMaskedAttributesLe) F(reserved4) F(maskedMiscSelectLe) F(maskedAttributesLe) F(keyId) F(mac)
  END(einittoken)
#undef T
#define T reportdata
  F(reportData) END(reportdata)
#undef T
#define T report
  F(cpuSvn) F(miscSelect) F(cetAttributes) F(reserved1) F(isvExtProdId) F(attributes) F(mrEnclave) F(reserved2)
  F(mrSigner) F(reserved3) F(configId) F(isvProdId) F(isvSvn) F(configSvn) F(reserved4) F(isvFamilyId) F(reportData)
  F(keyId) F(mac) END(report)
#undef T
#define T targetinfo
  F(measurement) F(attributes) F(cetAttributes) F(reserved1) F(configSvn) F(miscSelect) F(reserved2) F(configId)
  F(reserved3) END(targetinfo)
#undef T
#define T keyrequest
  F(keyName) F(keyPolicy) F(isvSvn) F(cetAttributesMask) F(reserved1) F(cpuSvn) F(attributeMask) F(keyId) F(miscMask)
  F(configSvn) F(reserved2) END(keyrequest)

  union exit_bits exit = {0};
  exit.bits.vector = 14;
  exit.bits.exit_type = 3;
  exit.bits.valid = 1;
  printf("bits EXITINFO %llu\n", (unsigned long long)exit.value);
  union secinfo_bits info;
  memset(&info, 0, sizeof info);
  info.bits.w = 1;
  info.bits.x = 1;
  info.bits.modified = 1;
  info.bits.page_type = 4;
  printf("bits SECINFO %llu\n", (unsigned long long)info.value);
  return 0;
}
