#!/bin/bash
# Two processes on one host: data goes through shared memory and not over
# loopback; over loopback when told so, and when the two cannot reach each
# other's memory. Every byte is checked by ithaca-perf.
set -euo pipefail
perf=$PWD/plugin/ithaca-perf
plugin=$PWD/plugin/libnccl-net-ithaca.so
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# A loopback of our own, so that nobody else's bytes are counted.
if [[ ${1:-} != inside ]]; then
  if ! unshare --net --mount ip link set lo up 2>"$out/why" ||
    ! unshare --pid --fork true 2>"$out/why"; then
    echo "SKIPPED: cannot make namespaces: $(cat "$out/why")"
    exit 0
  fi
  unshare --net "$0" inside
  exit
fi
ip link set lo up

# run NAME [PREFIX...]: an all-to-all of 2 x 32 MiB, rank 1 behind PREFIX; sets
# `carried` to the bytes that crossed loopback.
run() {
  local name=$1 before other
  shift
  local arguments=(--plugin "$plugin" --ranks 2 --rendezvous 127.0.0.1:5556
    --bytes "8,8M" --iters 4 --warmup 0 --verbose)
  before=$(lo_bytes)
  ITHACA_RAILS=lo timeout 100 "$@" "$perf" --rank 1 "${arguments[@]}" >"$out/1" 2>&1 &
  other=$!
  ITHACA_RAILS=lo timeout 100 "$perf" --rank 0 "${arguments[@]}" >"$out/0" 2>&1 ||
    { cat "$out/0" "$out/1"; exit 1; }
  wait "$other" || { cat "$out/0" "$out/1"; exit 1; }
  carried=$(($(lo_bytes) - before))
  echo "$name: loopback carried $carried bytes"
}
lo_bytes() { awk '$1 == "lo:" { print $10 }' /proc/net/dev; }

fail() {
  echo "FAILED: $1"
  cat "$out/0" "$out/1"
  exit 1
}

run "one host" env
((carried < 4 << 20)) || fail "the data did not go through shared memory"
run "ITHACA_SHM=0 on one side" env ITHACA_SHM=0
((carried > 60 << 20)) || fail "the data did not go over sockets"
run "another NCCL_HOSTID" env NCCL_HOSTID=elsewhere
((carried > 60 << 20)) || fail "the data did not go over sockets"
# Process ids of its own: neither finds the memory of the other, one of them at
# the handshake, the other one after it.
run "other process ids" unshare --pid --fork
((carried > 60 << 20)) || fail "the data did not go over sockets"
grep -q "not shared memory" "$out/0" || fail "rank 0 did not say so"
