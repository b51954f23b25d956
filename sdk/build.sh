#!/usr/bin/env bash
# Builds the runtime and the sample enclaves with gcc alone, the same bytes for the same gcc and binutils everywhere.
#
#   sdk/build.sh OUT [SAMPLE...]     writes unsigned enclaves OUT/<sample>.so (and the program OUT/kernels.native)
#
# examples/<sample>/*.c become one enclave; a sample is a folder with an enclave.toml. With a file cflags in it, which
# holds options for gcc, runtime and sample are compiled with debugging information. Signing is the next step: see
# sdk/README.md.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:?usage: sdk/build.sh OUT [SAMPLE...]}
shift
mkdir -p "$out/objects"
out=$(cd "$out" && pwd)
cc=${CC:-gcc}
export SOURCE_DATE_EPOCH=1767225600 LC_ALL=C

# No path, time, or random number gets into an object; nothing of a libc is used.
common=(-std=gnu17 -O2 -Wall -Wextra -Werror -frandom-seed=enclavisor "-ffile-prefix-map=$root=."
  -fno-asynchronous-unwind-tables -fno-ident -fcf-protection=none -march=x86-64 -mtune=generic)
enclave=("${common[@]}" -ffreestanding -fno-stack-clash-protection -fPIE -fvisibility=hidden -ftls-model=local-exec
  -ffunction-sections -fdata-sections -fno-tree-loop-distribute-patterns "-I$root/sdk/include")
link=(-nostdlib -static-pie -Wl,-e,enclave_entry -Wl,-E -Wl,--build-id=none -Wl,--gc-sections -Wl,--no-undefined
  -Wl,-z,norelro -Wl,-z,now -Wl,-z,text -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,-z,separate-code
  -Wl,--hash-style=sysv -Wl,--orphan-handling=place)

cd "$root" # the folder that debugging information names, and which -ffile-prefix-map makes "."

# runtime PREFIX [OPTION...]: compiles the runtime into objects/PREFIX*.o, and sets runtime to their names.
runtime() {
  local prefix=$1 source guard
  shift
  runtime=()
  for source in "$root"/sdk/src/*.S "$root"/sdk/src/*.c; do
    # What runs before the guard of the stack protector is set must not look at it.
    guard=-fstack-protector-strong
    case $source in */start.c | */leaves.c | */string.c | *.S) guard=-fno-stack-protector ;; esac
    runtime+=("$prefix$(basename "$source").o")
    "$cc" "${enclave[@]}" "$@" $guard "-I$root/sdk/src" -c "$source" -o "$out/objects/${runtime[-1]}"
  done
}

runtime ""
without_debugging=("${runtime[@]}")

samples=("$@")
if [ ${#samples[@]} -eq 0 ]; then
  for description in "$root"/examples/*/enclave.toml; do
    samples+=("$(basename "$(dirname "$description")")")
  done
fi

for sample in "${samples[@]}"; do
  if [ "$sample" = bare ]; then # has no runtime, and a layout of its own
    "$cc" -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,-s \
      "-Wl,-T,$root/examples/bare/bare.lds" "$root/examples/bare/bare.S" -o "$out/bare.so"
    continue
  fi
  options=()
  runtime=("${without_debugging[@]}")
  if [ -f "$root/examples/$sample/cflags" ]; then
    read -ra options < "$root/examples/$sample/cflags"
    runtime "$sample-runtime-" -g
  fi
  objects=()
  for source in "$root/examples/$sample"/*.c; do
    objects+=("$sample-$(basename "$source").o")
    "$cc" "${enclave[@]}" "${options[@]}" -fstack-protector-strong -c "$source" -o "$out/objects/${objects[-1]}"
  done
  (cd "$out/objects" && "$cc" "${enclave[@]}" "${link[@]}" "${objects[@]}" "${runtime[@]}" -o "$out/$sample.so")
  if readelf -rW "$out/$sample.so" | grep R_X86_64 | grep -qv R_X86_64_RELATIVE; then
    echo "$sample.so: has relocations that the runtime cannot apply" >&2
    exit 1
  fi
done

# The kernels once more as a program of the machine, from the same objects.
if [[ " ${samples[*]} " == *" kernels "* ]]; then
  "$cc" "${enclave[@]}" -fno-stack-protector "-I$root/examples/kernels" -c "$root/examples/kernels/native/main.c" \
    -o "$out/objects/native-main.c.o"
  (cd "$out/objects" && "$cc" -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,noexecstack \
    native-main.c.o kernels-kernels.c.o string.c.o format.c.o -o "$out/kernels.native")
fi
