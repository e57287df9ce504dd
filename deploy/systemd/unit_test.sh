#!/bin/bash
# unit_test.sh UNIT: the unit is well-formed and hardened, as far as systemd's own
# tools can tell offline.
set -eu
unit="$1"
if ! systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
  echo "SKIPPED: this machine has no systemd-analyze that works offline (systemd 250)"
  exit 0
fi
# The program is not installed here; everything else must be understood.
unknown="$(systemd-analyze verify "$unit" 2>&1 | grep -v 'is not executable' || true)"
if grep -E 'ithacad.service' <<<"$unknown"; then
  echo "the unit is not understood (above)"
  exit 1
fi
systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" | tail -n 1
