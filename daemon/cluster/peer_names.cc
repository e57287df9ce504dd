#include "daemon/cluster/peer_names.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::cluster {
namespace {

constexpr char kSpiffe[] = "spiffe://";
constexpr size_t kMaxName = 2048;
constexpr size_t kShown = 200;
constexpr size_t kShownNames = 4;

// "*" in `pattern` stands for one or more characters, none of which is `stop`
// (0: any). Linear: on a mismatch only the latest "*" is tried longer.
bool Matches(std::string_view pattern, std::string_view text, char stop) {
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, star_end = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      if (stop != 0 && text[t] == stop) return false;
      star = p++;
      star_end = ++t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos &&
               (stop == 0 || text[star_end] != stop)) {
      p = star + 1;
      t = ++star_end;
    } else {
      return false;
    }
  }
  return p == pattern.size();
}

bool IsDnsPattern(std::string_view text) {
  const auto good = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
           c == '-' || c == '_' || c == '*';
  };
  return !text.empty() && text.size() <= 253 &&
         std::all_of(text.begin(), text.end(), good);
}

void Show(const std::string& kind, const std::vector<std::string>& names,
          std::vector<std::string>* shown) {
  for (const std::string& name : names) {
    if (shown->size() == kShownNames) return;
    shown->push_back(
        absl::StrCat(kind, " ", absl::CHexEscape(name.substr(0, kShown))));
  }
}

}  // namespace

std::string PeerIdentity::Describe() const {
  std::vector<std::string> shown;
  Show("DNS", dns, &shown);
  Show("URI", uris, &shown);
  return shown.empty() ? "no name" : absl::StrJoin(shown, ", ");
}

PeerNames::PeerNames() : dns_{"ithacad"}, uris_{"spiffe://*/ithacad"} {}

absl::StatusOr<PeerNames> PeerNames::Parse(
    const std::vector<std::string>& patterns) {
  PeerNames names;
  names.dns_.clear();
  names.uris_.clear();
  for (const std::string& pattern : patterns) {
    if (absl::StartsWith(pattern, kSpiffe) && pattern.size() <= kMaxName) {
      names.uris_.push_back(pattern);
    } else if (IsDnsPattern(pattern)) {
      names.dns_.push_back(absl::AsciiStrToLower(pattern));
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "--peer_names: '", absl::CHexEscape(pattern.substr(0, kShown)),
          "' is neither a DNS name nor a SPIFFE id; give for instance "
          "ithacad or spiffe://example.org/ithacad"));
    }
  }
  if (names.dns_.empty() && names.uris_.empty()) {
    return absl::InvalidArgumentError(
        "--peer_names: is empty, so no daemon could reach another; leave it "
        "out for the default, ithacad");
  }
  return names;
}

bool PeerNames::Allows(const PeerIdentity& peer) const {
  for (const std::string& name : peer.dns) {
    const std::string lower = absl::AsciiStrToLower(name);
    for (const std::string& pattern : dns_) {
      if (name.size() <= kMaxName && Matches(pattern, lower, '.')) return true;
    }
  }
  if (peer.uris.size() != 1) return false;
  const std::string& uri = peer.uris.front();
  for (const std::string& pattern : uris_) {
    if (uri.size() <= kMaxName && Matches(pattern, uri, 0)) return true;
  }
  return false;
}

std::string PeerNames::Describe() const {
  std::vector<std::string> all = dns_;
  all.insert(all.end(), uris_.begin(), uris_.end());
  return absl::StrJoin(all, ", ");
}

}  // namespace ithaca::cluster
