# shellcheck shell=bash
# Sourced by the scripts in this folder. After it, $root is the top of the repository,
# messages name the script, and run_bazel and prepare_environment are there.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
script="deploy/$(basename "$0")"
readonly root script

say() { printf '%s: %s\n' "$script" "$*" >&2; }

die() {
  say "error: $*"
  exit 2
}

# Prints the comment that opens the script.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# A service or a container may start us without HOME or USER, or with a HOME that
# cannot be written; bazel insists on all of them.
prepare_environment() {
  export USER="${USER:-$(id -un 2>/dev/null || id -u)}"
  if [[ -z "${HOME:-}" || ! -d "$HOME" || ! -w "$HOME" ]]; then
    HOME="${TMPDIR:-/tmp}/ithaca-home-$(id -u)"
    export HOME
    (umask 077 && mkdir -p "$HOME")
    [[ -O "$HOME" ]] || die "$HOME belongs to somebody else; set HOME to a folder of your own"
    say "no usable HOME; bazel keeps its files in $HOME"
  fi
}

# bazel COMMAND ARGS..., from the top of the repository, never reading stdin.
run_bazel() {
  local command="$1"
  shift
  (cd "$root" && exec bazel "$command" "$@" </dev/null)
}

# Options for progress: bazel's own on a terminal; a line now and then where the
# output goes to a file; none in CI.
progress_options() {
  if [[ -n "${CI:-}" ]]; then
    echo --curses=no --color=no --noshow_progress
  elif [[ ! -t 2 ]]; then
    echo --curses=no --color=no --show_progress_rate_limit=20
  fi
}
