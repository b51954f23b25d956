package org.enclavisor.host;

import java.util.Optional;

/**
 * The SDK's status codes, {@code sgx_status_t} (sgx_error.h of the Intel SGX SDK), with what they mean here. The names
 * are the SDK's.
 */
public enum SgxStatus {
  SGX_SUCCESS(0x0, "done"),
  SGX_ERROR_UNEXPECTED(
      0x1,
      "something unexpected went wrong; if it came from the enclave's start code, the enclave "
          + "will refuse all further calls"),
  SGX_ERROR_INVALID_PARAMETER(0x2, "a parameter is wrong, or a buffer lies where it must not"),
  SGX_ERROR_OUT_OF_MEMORY(
      0x3,
      "there is not enough memory; the enclave's heap is fixed when it is signed (HeapMaxSize)"),
  SGX_ERROR_ENCLAVE_LOST(0x4, "the enclave is gone"),
  SGX_ERROR_INVALID_STATE(0x5, "the call does not fit the state or the order of calls"),
  SGX_ERROR_FEATURE_NOT_SUPPORTED(0x8, "the platform does not have this feature"),
  SGX_PTHREAD_EXIT(0x9, "the thread left the enclave with pthread_exit"),
  SGX_ERROR_MEMORY_MAP_FAILURE(0xa, "address space for the enclave could not be reserved"),
  SGX_ERROR_INVALID_FUNCTION(0x1001, "the enclave and its EDL disagree about the number of the function"),
  SGX_ERROR_OUT_OF_TCS(
      0x1003,
      "all threads of the enclave are in use; their number is fixed when it is signed (TCSNum)"),
  SGX_ERROR_ENCLAVE_CRASHED(0x1006, "the enclave has crashed and takes no more calls"),
  SGX_ERROR_ECALL_NOT_ALLOWED(
      0x1007,
      "the ECALL may not be made now: it is private, or not in the OCALL's allow list"),
  SGX_ERROR_OCALL_NOT_ALLOWED(0x1008, "OCALLs may not be made now, for example while an exception is handled"),
  SGX_ERROR_STACK_OVERRUN(0x1009, "the enclave ran out of stack; its size is fixed when it is signed (StackMaxSize)"),
  SGX_ERROR_UNDEFINED_SYMBOL(0x2000, "the image refers to a symbol that is not in it"),
  SGX_ERROR_INVALID_ENCLAVE(0x2001, "the image is no enclave, or damaged"),
  SGX_ERROR_INVALID_ENCLAVE_ID(0x2002, "there is no enclave with this id"),
  SGX_ERROR_INVALID_SIGNATURE(0x2003, "the signature does not verify"),
  SGX_ERROR_NDEBUG_ENCLAVE(0x2004, "the enclave was signed for production and cannot be debugged"),
  SGX_ERROR_OUT_OF_EPC(0x2005, "there is not enough enclave memory"),
  SGX_ERROR_NO_DEVICE(0x2006, "there is no SGX device"),
  SGX_ERROR_MEMORY_MAP_CONFLICT(0x2007, "a page could not be mapped"),
  SGX_ERROR_INVALID_METADATA(0x2009, "the image's metadata is wrong"),
  SGX_ERROR_DEVICE_BUSY(0x200c, "the device is busy"),
  SGX_ERROR_INVALID_VERSION(0x200d, "the metadata's version does not fit"),
  SGX_ERROR_MODE_INCOMPATIBLE(0x200e, "the image was built for another mode (32 or 64 bits, simulation or hardware)"),
  SGX_ERROR_ENCLAVE_FILE_ACCESS(0x200f, "the image's file cannot be opened"),
  SGX_ERROR_INVALID_MISC(0x2010, "MISCSELECT does not fit the signature or the platform"),
  SGX_ERROR_INVALID_LAUNCH_TOKEN(0x2011, "the launch token is wrong"),
  SGX_ERROR_MAC_MISMATCH(0x3001, "a MAC does not verify: a report or sealed data was changed or belongs to another"),
  SGX_ERROR_INVALID_ATTRIBUTE(0x3002, "the enclave may not have the attribute or key it asks for"),
  SGX_ERROR_INVALID_CPUSVN(0x3003, "the CPUSVN is above the platform's"),
  SGX_ERROR_INVALID_ISVSVN(0x3004, "the ISVSVN is above the enclave's"),
  SGX_ERROR_INVALID_KEYNAME(0x3005, "there is no such key"),
  SGX_ERROR_UNSUPPORTED_FUNCTION(0x3006, "this function is not supported"),
  SGX_ERROR_SERVICE_UNAVAILABLE(0x4001, "the platform service (AESM) does not answer or does not know the request"),
  SGX_ERROR_SERVICE_TIMEOUT(0x4002, "the platform service took too long"),
  SGX_ERROR_AE_INVALID_EPIDBLOB(0x4003, "the EPID blob does not verify"),
  SGX_ERROR_SERVICE_INVALID_PRIVILEGE(
      0x4004,
      "the enclave lacks the privilege to run here, for example PROVISIONKEY was not granted"),
  SGX_ERROR_EPID_MEMBER_REVOKED(0x4005, "the EPID membership was revoked"),
  SGX_ERROR_UPDATE_NEEDED(0x4006, "the platform needs an update"),
  SGX_ERROR_NETWORK_FAILURE(0x4007, "the network failed"),
  SGX_ERROR_AE_SESSION_INVALID(0x4008, "the session is over or wrong"),
  SGX_ERROR_BUSY(0x400a, "the service is busy; try again"),
  SGX_ERROR_MC_NOT_FOUND(0x400c, "there is no such monotonic counter"),
  SGX_ERROR_MC_NO_ACCESS_RIGHT(0x400d, "the monotonic counter belongs to another"),
  SGX_ERROR_MC_USED_UP(0x400e, "the monotonic counter is used up"),
  SGX_ERROR_MC_OVER_QUOTA(0x400f, "there are too many monotonic counters"),
  SGX_ERROR_KDF_MISMATCH(0x4011, "both sides derive the key in different ways"),
  SGX_ERROR_UNRECOGNIZED_PLATFORM(0x4012, "the provisioning service does not know this platform"),
  SGX_ERROR_UNSUPPORTED_CONFIG(0x4013, "the configuration is not supported"),
  SGX_ERROR_NO_PRIVILEGE(0x5002, "the caller lacks the privilege"),
  SGX_ERROR_PCL_ENCRYPTED(0x6001, "the image is encrypted already"),
  SGX_ERROR_PCL_NOT_ENCRYPTED(0x6002, "the image is not encrypted"),
  SGX_ERROR_PCL_MAC_MISMATCH(0x6003, "an encrypted section was changed"),
  SGX_ERROR_PCL_SHA_MISMATCH(0x6004, "the unsealed key is not the one the image was encrypted with"),
  SGX_ERROR_PCL_GUID_MISMATCH(0x6005, "the sealed key belongs to another image"),
  SGX_ERROR_FILE_BAD_STATUS(0x7001, "the protected file is in an error state"),
  SGX_ERROR_FILE_NO_KEY_ID(0x7002, "the protected file names no key"),
  SGX_ERROR_FILE_NAME_MISMATCH(0x7003, "the protected file was renamed"),
  SGX_ERROR_FILE_NOT_SGX_FILE(0x7004, "this is no protected file"),
  SGX_ERROR_FILE_CANT_OPEN_RECOVERY_FILE(0x7005, "the recovery file cannot be opened"),
  SGX_ERROR_FILE_CANT_WRITE_RECOVERY_FILE(0x7006, "the recovery file cannot be written"),
  SGX_ERROR_FILE_RECOVERY_NEEDED(0x7007, "the protected file needs recovery, which failed"),
  SGX_ERROR_FILE_FLUSH_FAILED(0x7008, "the protected file could not be flushed"),
  SGX_ERROR_FILE_CLOSE_FAILED(0x7009, "the protected file could not be closed"),
  SGX_ERROR_UNSUPPORTED_ATT_KEY_ID(0x8001, "the platform does not support the attestation key"),
  SGX_ERROR_ATT_KEY_CERTIFICATION_FAILURE(0x8002, "the attestation key could not be certified"),
  SGX_ERROR_ATT_KEY_UNINITIALIZED(0x8003, "there is no attestation key yet"),
  SGX_ERROR_INVALID_ATT_KEY_CERT_DATA(0x8004, "the attestation key's certificate is wrong"),
  SGX_ERROR_PLATFORM_CERT_UNAVAILABLE(0x8005, "the platform's certificate is not available"),
  SGX_ERROR_TLS_X509_INVALID_EXTENSION(0x9001, "the certificate's extension is wrong"),
  SGX_INTERNAL_ERROR_ENCLAVE_CREATE_INTERRUPTED(0xf001, "creating the enclave was interrupted");

  private final int code;
  private final String explanation;

  SgxStatus(int code, String explanation) {
    this.code = code;
    this.explanation = explanation;
  }

  /** The number in C. */
  public int code() {
    return code;
  }

  /** What it means, for a person. */
  public String explanation() {
    return explanation;
  }

  /** The status of a number; empty if the SDK has none. */
  public static Optional<SgxStatus> of(int code) {
    for (SgxStatus status : values()) {
      if (status.code == code) {
        return Optional.of(status);
      }
    }
    return Optional.empty();
  }

  /** Name, number and meaning of any number. */
  public static String describe(int code) {
    return of(code)
        .map(status -> "%s (0x%x): %s".formatted(status.name(), code, status.explanation))
        .orElseGet(() -> "unknown status 0x%x".formatted(code));
  }
}
