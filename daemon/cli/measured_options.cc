#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/input.h"
#include "daemon/cli/option_values.h"
#include "daemon/cli/plan_options.h"
#include "daemon/planner/cost/measurements.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

// What the planner takes of one table, and of its name.
constexpr size_t kMostPoints = 1024;
constexpr size_t kMostNameBytes = 128;

constexpr struct {
  const char* word;
  v1::LinkClass link;
} kClasses[] = {{"nvlink", v1::LINK_CLASS_NVLINK},
                {"node", v1::LINK_CLASS_NODE},
                {"leaf", v1::LINK_CLASS_LEAF},
                {"uplink", v1::LINK_CLASS_UPLINK}};

v1::LinkClass ClassOf(const std::string& word) {
  for (const auto& known : kClasses) {
    if (word == known.word) return known.link;
  }
  return v1::LINK_CLASS_UNSPECIFIED;
}

// The file's name without its folders, as valid text.
std::string NameOf(const std::string& path) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  return path == "-"
             ? "standard input"
             : absl::Utf8SafeCEscape(name.substr(0, kMostNameBytes / 4));
}

absl::Status FillLink(const Context& context, const std::string& path,
                      uint32_t ranks, v1::LinkRate* link) {
  const absl::StatusOr<std::string> text = ReadInput(context, path);
  if (!text.ok()) return text.status();
  const auto points = planner::ParseMeasurements(*text, ranks);
  if (!points.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", points.status().message()));
  }
  for (const planner::MeasuredTime& point : *points) {
    if (point.bytes <= 0) continue;  // a barrier, not an exchange
    v1::MeasuredPoint& added = *link->add_measured();
    added.set_bytes(point.bytes);
    added.set_seconds(point.seconds);
  }
  const size_t count = static_cast<size_t>(link->measured_size());
  if (count > 0 && count <= kMostPoints) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": has ", count, " sizes above 0; 1 to ", kMostPoints,
                   " are taken, measure fewer"));
}

// One part of the list, "leaf=FILE".
absl::Status FillPart(const Context& context, const std::string& part,
                      uint32_t ranks, v1::Hardware* hardware) {
  const std::vector<std::string> words =
      absl::StrSplit(part, absl::MaxSplits('=', 1));
  const v1::LinkClass link = ClassOf(words[0]);
  if (words.size() < 2 || words[1].empty() ||
      link == v1::LINK_CLASS_UNSPECIFIED) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--measured ", part,
        ": give CLASS=FILE, with a CLASS of nvlink, node, leaf, uplink"));
  }
  const auto& links = hardware->links();
  if (std::any_of(links.begin(), links.end(), [link](const v1::LinkRate& rate) {
        return rate.link_class() == link;
      })) {
    return absl::InvalidArgumentError(
        absl::StrCat("--measured: gives ", words[0], " twice"));
  }
  v1::LinkRate& rate = *hardware->add_links();
  rate.set_link_class(link);
  rate.set_measured_source(NameOf(words[1]));
  return FillLink(context, words[1], ranks, &rate);
}

}  // namespace

std::vector<Option> MeasuredOptions() {
  return {
      {"measured", "CLASS=FILE,...",
       "Measured all-to-all times of links (nvlink, node, leaf, uplink): "
       "ithaca-perf --json or nccl-tests' alltoall_perf, text or JSON."},
      {"measured-ranks", "N",
       "Ranks of those nccl-tests runs. Default: what the file says."},
  };
}

absl::Status FillMeasured(const Context& context, v1::PlanRequest* request) {
  uint32_t ranks = 0;
  absl::Status s =
      FillCount(context, "measured-ranks", 2, [&](uint32_t n) { ranks = n; });
  if (!s.ok() || !context.args.Has("measured")) return s;
  const std::vector<std::string> parts =
      absl::StrSplit(context.args.Get("measured"), ',');
  for (const std::string& part : parts) {
    s = FillPart(context, part, ranks, request->mutable_hardware());
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace ithaca::cli
