#!/bin/bash
# Builds what the GPU checks need and puts it into a folder, with the script that
# runs them: for a machine with one GPU and no build tools.
#
#   tests/gpu/bundle.sh FOLDER      FOLDER must not exist
#   FOLDER/run                      on the machine with the GPU
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder="${1:?usage: tests/gpu/bundle.sh FOLDER}"
[[ ! -e "$folder" ]] || { echo "$folder exists" >&2; exit 2; }

bazel build --config=opt //tests/gpu/... //kernels:libithaca_ulysses.so \
  //kernels/torch:package //plugin:libnccl-net-ithaca.so //plugin:ithaca-perf
mkdir -p "$folder"
cp -L bazel-bin/tests/gpu/kernels_device_test bazel-bin/tests/gpu/exchange_bench \
  bazel-bin/kernels/libithaca_ulysses.so bazel-bin/plugin/libnccl-net-ithaca.so \
  bazel-bin/plugin/ithaca-perf tests/gpu/run "$folder"
cp -rL bazel-bin/kernels/torch/package "$folder/python"
cp kernels/torch/tests/{ulysses_test.py,ulysses_rank.py,local_attention.py} "$folder"
chmod -R u+w "$folder"
du -sh "$folder"
