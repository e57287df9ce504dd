#!/bin/bash
# never_test.sh FOUND CONTROL: the file FOUND is empty and the file CONTROL is not.
set -eu
found="$1"
control="$2"
if [ ! -s "$control" ]; then
  echo "The control found nothing, so the query says nothing: see the never() of this test."
  exit 1
fi
if [ -s "$found" ]; then
  echo "These must not be depended on, but are:"
  cat "$found"
  echo "For the way: bazel query 'somepath(<the artefact>, <the label above>)'"
  exit 1
fi
