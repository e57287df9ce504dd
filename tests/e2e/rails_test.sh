#!/bin/bash
# Two hosts (network namespaces) with two rails each: an all-to-all through the
# plugin uses both rails, and every byte is right; over sockets and over UCX.
set -euo pipefail
perf=$PWD/plugin/ithaca-perf
plugin=$PWD/plugin/libnccl-net-ithaca.so
a=ithaca-rails-a-$$ b=ithaca-rails-b-$$
out=$(mktemp -d)

cleanup() {
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  rm -rf "$out"
}
trap cleanup EXIT

# Both fail without the right to; the second one also in a chroot.
if ! ip netns add "$a" 2>"$out/why" || ! ip netns exec "$a" true 2>"$out/why"; then
  echo "SKIPPED: cannot make network namespaces: $(cat "$out/why")"
  exit 0
fi
ip netns add "$b"
for rail in 0 1; do
  ip link add "r$rail" netns "$a" type veth peer name "r$rail" netns "$b"
  ip -n "$a" addr add "10.9$rail.0.1/24" dev "r$rail"
  ip -n "$b" addr add "10.9$rail.0.2/24" dev "r$rail"
  for host in "$a" "$b"; do ip -n "$host" link set "r$rail" up; done
done
# A rail counts once its carrier is up.
for host in "$a" "$b"; do
  for rail in 0 1; do
    for _ in $(seq 100); do
      [[ $(ip -n "$host" -br link show "r$rail") == *LOWER_UP* ]] && break
      sleep 0.05
    done
  done
done

# Bytes that left host a over a rail.
sent() { ip netns exec "$a" cat "/sys/class/net/r$1/statistics/tx_bytes"; }

# run LANES: the all-to-all, and what each rail carried.
run() {
  local before0 before1 carried0 carried1 other
  before0=$(sent 0) before1=$(sent 1)
  local arguments=(--plugin "$plugin" --ranks 2 --rendezvous 10.90.0.1:5555
    --bytes 0,1,8K,1M,8M --iters 3 --output json)
  ITHACA_LANES=$1 ip netns exec "$b" timeout 100 "$perf" --rank 1 "${arguments[@]}" \
    >"$out/b" 2>&1 &
  other=$!
  ITHACA_LANES=$1 ip netns exec "$a" timeout 100 "$perf" --rank 0 "${arguments[@]}" \
    >"$out/a" 2>"$out/a.err" || { cat "$out/a.err" "$out/b"; exit 1; }
  wait "$other" || { cat "$out/b"; exit 1; }
  carried0=$(($(sent 0) - before0)) carried1=$(($(sent 1) - before1))
  echo "lanes $1: rail 0 carried $carried0 bytes, rail 1 $carried1"
  grep -q '"device": *"r0+r1"' "$out/a" || { echo "not one device of two rails:"; cat "$out/a"; exit 1; }
  # Neither less than a tenth: which is faster is up to the machine.
  if ((carried0 * 10 < carried0 + carried1 || carried1 * 10 < carried0 + carried1)); then
    echo "FAILED: one rail carried almost everything"
    exit 1
  fi
}

run socket
if compgen -G '/usr/lib/*/libucp.so.0' >/dev/null; then
  run ucx
else
  echo "SKIPPED: UCX is not installed"
fi
