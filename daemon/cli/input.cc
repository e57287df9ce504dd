#include "daemon/cli/input.h"

#include <fstream>
#include <istream>

#include "absl/strings/str_cat.h"

namespace ithaca::cli {
namespace {

constexpr size_t kMaxBytes = 64 << 20;

absl::StatusOr<std::string> ReadAll(std::istream& in, const std::string& name) {
  std::string text;
  char buffer[65536];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > kMaxBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": is larger than 64 MiB"));
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadInput(const Context& context,
                                      const std::string& path) {
  if (path == "-") return ReadAll(context.in, "standard input");
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be read; give the path of a file, or -"));
  }
  return ReadAll(file, path);
}

}  // namespace ithaca::cli
