#!/bin/bash
# The shared library exports the calls that the headers declare, no more and no
# fewer, and needs nothing but the C library.
# Arguments: the library, the headers.
set -euo pipefail
library=$1
shift

exported=$(nm -D --defined-only "$library" | awk '{print $3}' | sort)
declared=$(grep -oE '\bithaca_ulysses_[a-z_]+\(' -h "$@" | tr -d '(' | sort -u)
if [[ "$exported" != "$declared" ]]; then
  echo "exported (<) and declared (>) differ:"
  diff <(echo "$exported") <(echo "$declared")
  exit 1
fi
if [[ $(wc -l <<<"$exported") -lt 10 ]]; then
  echo "only $(wc -l <<<"$exported") symbols found: this test reads the header wrongly"
  exit 1
fi

needed=$(readelf -d "$library" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p')
for n in $needed; do
  case $n in
    libc.so.6 | libm.so.6 | ld-linux-x86-64.so.2) ;;
    libasan.* | libubsan.* | libtsan.*) echo "sanitized build: its runtime is needed" && exit 0 ;;
    *) echo "needs $n, expected the C library alone" && exit 1 ;;
  esac
done
