// Errors of what a file says.
//
// Used by the readers of files. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_FILE_ERROR_H_
#define ITHACA_DAEMON_TOPOLOGY_FILE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ithaca::topology {

// "path:line: problem" as INVALID_ARGUMENT; `line` from 1, 0 for none.
// `problem` says what is wrong and the remedy.
inline absl::Status FileError(absl::string_view path, int line,
                              absl::string_view problem) {
  return absl::InvalidArgumentError(
      line > 0 ? absl::StrCat(path, ":", line, ": ", problem)
               : absl::StrCat(path, ": ", problem));
}

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_FILE_ERROR_H_
