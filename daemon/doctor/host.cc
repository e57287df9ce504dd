#include "daemon/doctor/host.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_split.h"

namespace ithaca::doctor {

std::string Host::Env(const std::string& name) const {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

std::optional<std::string> Host::Read(const std::string& path) const {
  std::ifstream file(root + path);
  if (!file.is_open()) return std::nullopt;
  std::ostringstream out;
  out << file.rdbuf();
  std::string text = out.str();
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::optional<int64_t> Host::ReadNumber(const std::string& path) const {
  const std::optional<std::string> text = Read(path);
  if (!text.has_value()) return std::nullopt;
  std::istringstream words(*text);
  int64_t number = 0;
  if (!(words >> number)) return std::nullopt;
  return number;
}

std::vector<std::string> SplitFolders(const std::string& list) {
  return absl::StrSplit(list, ':', absl::SkipEmpty());
}

}  // namespace ithaca::doctor
