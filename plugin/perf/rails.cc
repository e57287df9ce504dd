#include "plugin/perf/rails.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace ithaca::perf {
namespace {

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

uint64_t Grown(uint64_t from, uint64_t to) {
  return to >= from ? to - from : to;
}

}  // namespace

// Each line: "name: bytes packets errs drop fifo frame compressed multicast
// bytes ...", received ones first.
std::vector<RailBytes> ParseNetDev(const std::string& text) {
  constexpr int kFieldsBetween = 7;
  std::vector<RailBytes> rails;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const size_t begin = line.find_first_not_of(' ');
    if (colon == line.npos || begin >= colon) continue;
    RailBytes rail;
    rail.name = line.substr(begin, colon - begin);
    std::stringstream fields(line.substr(colon + 1));
    fields >> rail.received;
    uint64_t skipped = 0;
    for (int i = 0; i < kFieldsBetween; ++i) fields >> skipped;
    fields >> rail.sent;
    if (fields) rails.push_back(std::move(rail));
  }
  return rails;
}

std::vector<RailBytes> ReadRails() {
  std::ifstream file("/proc/self/net/dev");
  std::stringstream text;
  text << file.rdbuf();
  return ParseNetDev(text.str());
}

std::vector<RailBytes> MovedBetween(const std::vector<RailBytes>& a,
                                    const std::vector<RailBytes>& b) {
  std::vector<RailBytes> moved;
  for (const RailBytes& after : b) {
    const auto before = std::find_if(
        a.begin(), a.end(),
        [&after](const RailBytes& r) { return r.name == after.name; });
    if (before == a.end()) continue;
    moved.push_back({after.name, Grown(before->sent, after.sent),
                     Grown(before->received, after.received)});
  }
  return moved;
}

RailChoice::RailChoice(const char* ithaca_rails,
                       const char* nccl_socket_ifname) {
  const std::string rails = ithaca_rails == nullptr ? "" : ithaca_rails;
  if (rails != "auto") exact_ = Split(rails);
  std::string list = nccl_socket_ifname == nullptr ? "" : nccl_socket_ifname;
  // What is left by excluding is not what is in use: wait who moves.
  if (list.empty() || list[0] == '^') return;
  const bool exact = list[0] == '=';
  if (exact) list.erase(0, 1);
  for (const std::string& part : Split(list)) {
    const std::string name = part.substr(0, part.find(':'));  // maybe a port
    if (!name.empty()) (exact ? exact_ : prefixes_).push_back(name);
  }
}

bool RailChoice::Names(const std::string& interface) const {
  return std::count(exact_.begin(), exact_.end(), interface) > 0 ||
         std::any_of(prefixes_.begin(), prefixes_.end(),
                     [&interface](const std::string& prefix) {
                       return interface.compare(0, prefix.size(), prefix) == 0;
                     });
}

std::vector<RailBytes> RailChoice::Of(
    const std::vector<RailBytes>& rails) const {
  std::vector<RailBytes> named, moved;
  for (const RailBytes& rail : rails) {
    if (Names(rail.name)) named.push_back(rail);
    if (rail.sent + rail.received > 0) moved.push_back(rail);
  }
  return named.empty() ? moved : named;
}

}  // namespace ithaca::perf
