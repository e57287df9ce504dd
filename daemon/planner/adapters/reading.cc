#include "daemon/planner/adapters/reading.h"

#include <cctype>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         c == '.' || c == '-';
}

// Whether a word of the text is "--name..." or "name=...".
bool LooksLikeWords(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts =
        i == 0 || std::isspace(static_cast<unsigned char>(text[i - 1])) != 0;
    if (!starts) continue;
    const absl::string_view rest = text.substr(i);
    if (rest[0] == '#' || rest[0] == '"' || rest[0] == '{') {
      if (rest[0] == '{') return false;
      if (rest[0] == '"') continue;
      const size_t end = text.find('\n', i);
      if (end == absl::string_view::npos) return false;
      i = end;
      continue;
    }
    if (absl::StartsWith(rest, "--") && rest.size() > 2 &&
        std::isalpha(static_cast<unsigned char>(rest[2])) != 0)
      return true;
    size_t length = 0;
    while (length < rest.size() && IsNameCharacter(rest[length])) ++length;
    if (length > 0 && length < rest.size() && rest[length] == '=') return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<Setting>> ReadWordsOrYaml(absl::string_view what,
                                                     absl::string_view text) {
  return LooksLikeWords(text) ? ReadWords(what, text) : ReadYaml(what, text);
}

std::string Locate(const std::vector<Setting>& settings,
                   const std::string& name) {
  const std::string below = absl::StrCat(".", name);
  const Setting* found = nullptr;
  for (const Setting& setting : settings) {
    if (setting.path == name) return name;
    if (found == nullptr && absl::EndsWith(setting.path, below) &&
        setting.path.find('.') == setting.path.size() - below.size())
      found = &setting;
  }
  return found != nullptr ? found->path : name;
}

absl::StatusOr<JobConfig> Finish(JobConfig config, const ReadOptions& options,
                                 const Fields& fields) {
  if (!fields.status().ok()) return fields.status();
  if (options.ranks) config.ranks = options.ranks;
  Strategy& s = config.strategy;
  uint64_t others = 1;
  for (const uint32_t degree :
       {s.pipeline, s.ring, s.ulysses, s.tensor,
        config.data_parallel_said ? s.data_parallel : uint32_t{1}}) {
    others *= degree;
    if (others > kMaxRanks) {
      return absl::InvalidArgumentError(
          absl::StrCat(fields.what(), ": the degrees multiply to more than ",
                       kMaxRanks, " ranks; lower one"));
    }
  }
  if (!config.data_parallel_said && config.ranks &&
      *config.ranks % others == 0) {
    s.data_parallel = static_cast<uint32_t>(*config.ranks / others);
  }
  return config;
}

std::string WordOf(Recompute recompute) {
  switch (recompute) {
    case Recompute::kNone:
      return "none";
    case Recompute::kSelective:
      return "selective";
    case Recompute::kFull:
      return "full";
  }
  return "none";
}

}  // namespace ithaca::planner
