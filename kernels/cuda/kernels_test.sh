#!/bin/bash
# Every kernel was compiled for every target without spilling a register, and
# the wide ones load and store 16 bytes at a time.
# Arguments: what ptxas said, the kernels as PTX.
#
# The toolkit's disassembler is not part of every installation, so the width is
# read from the PTX: ptxas makes one 128-bit instruction of each such access.
set -euo pipefail
resources=$1
ptx=$2

kernels=$(grep -c '^\.visible \.entry ithaca_\|^\.entry ithaca_' "$ptx")
if ((kernels < 30)); then
  echo "only $kernels kernels in the PTX: this test reads it wrongly"
  exit 1
fi
for target in sm_80 sm_90; do
  compiled=$(grep -c "Compiling entry function 'ithaca_.*' for '$target'" "$resources")
  if ((compiled != kernels)); then
    echo "$compiled of $kernels kernels were compiled for $target"
    exit 1
  fi
done

if grep -E 'stack frame' "$resources" | grep -vE '\b0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads'; then
  echo "a kernel spills registers or has a stack:"
  grep -B1 -E '[1-9][0-9]* bytes (stack|spill)' "$resources"
  exit 1
fi

# The accesses of a kernel, by name.
body() {
  awk -v name="$1" '$0 ~ "entry " name "\\(" {on = 1} on {print} on && /^}/ {exit}' "$ptx"
}
for kernel in ithaca_pack_16 ithaca_unpack_16 ithaca_sum_{f32,bf16,f16}_16; do
  body "$kernel" >kernel.ptx
  grep -qE 'ld\.global(\.nc)?\.v4\.(u32|b32|f32)' kernel.ptx ||
    { echo "$kernel does not load 16 bytes at a time" && exit 1; }
  grep -qE 'st\.global\.v4\.(u32|b32|f32)' kernel.ptx ||
    { echo "$kernel does not store 16 bytes at a time" && exit 1; }
done
echo "$kernels kernels, no spills, 16-byte accesses"
