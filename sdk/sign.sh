#!/usr/bin/env bash
# Signs what sdk/build.sh built with the sample key, and puts it into examples/.
#
#   sdk/sign.sh OUT [SAMPLE...]
#
# The date is fixed, so that signing the same enclave gives the same file.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
out=$(cd "${1:?usage: sdk/sign.sh OUT [SAMPLE...]}" && pwd)
shift
samples=("$@")
if [ ${#samples[@]} -eq 0 ]; then
  for description in "$root"/examples/*/enclave.toml; do
    samples+=("$(basename "$(dirname "$description")")")
  done
fi
for sample in "${samples[@]}"; do
  folder="$root/examples/$sample"
  if [ -f "$folder/enclave.xml" ]; then
    "$root/enclavisor" sign --key "$root/sdk/keys/sample-key.pem" --config "$folder/enclave.xml" --date 2026-01-01 \
      --out "$folder/$sample.signed.so" "$out/$sample.so"
  else
    cp "$out/$sample.so" "$folder/$sample.so"
  fi
done
if [[ " ${samples[*]} " == *" kernels "* ]]; then
  cp "$out/kernels.native" "$root/examples/kernels/kernels.native"
fi
{ "${CC:-gcc}" --version | head -1 && ld --version | head -1; } > "$root/examples/toolchain.txt"
