#include "daemon/planner/plan_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace ithaca::planner {
namespace {

// Of the place column, which gives way to the others.
constexpr size_t kMaxPlaceWidth = 28;
constexpr size_t kMinPlaceWidth = 8;

using Row = std::vector<std::string>;

// "MORE_RANKS" of REJECTION_CODE_MORE_RANKS: what follows the enum's prefix.
std::string ShortName(const std::string& name, const std::string& prefix) {
  return name.empty() ? "?" : name.substr(std::min(prefix.size(), name.size()));
}

std::string Lower(const std::string& name, const std::string& prefix) {
  std::string text = absl::AsciiStrToLower(ShortName(name, prefix));
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

// First and last of a range; an empty one is a dash.
std::string Range(uint64_t start, uint64_t count) {
  if (count == 0) return "-";
  return count == 1 ? absl::StrCat(start)
                    : absl::StrCat(start, "-", start + count - 1);
}

std::string Tokens(const v1::Rank& rank) {
  std::vector<std::string> ranges;
  for (const v1::TokenRange& r : rank.token_ranges()) {
    ranges.push_back(Range(r.start(), r.count()));
  }
  return absl::StrJoin(ranges, ",");
}

std::string KvHeads(const v1::Rank& rank) {
  const auto& heads = rank.kv_heads();
  if (heads.empty()) return "-";
  const bool dense = heads[heads.size() - 1] - heads[0] + 1 ==
                     static_cast<uint32_t>(heads.size());
  return dense ? Range(heads[0], heads.size()) : absl::StrJoin(heads, ",");
}

// The end of a long node name tells nodes apart. Names come from outside, so
// what is not printable is not printed.
std::string PlaceText(const v1::Rank& rank, size_t width) {
  if (!rank.has_place()) return "-";
  std::string name = rank.place().node();
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return c <= ' ' || c > '~'; }, '?');
  const std::string index = absl::StrCat("/", rank.place().local_index());
  const size_t room = width - std::min(width - 1, index.size());
  if (name.size() > room) name = "~" + name.substr(name.size() - room + 1);
  return name + index;
}

// `place_width` 0 leaves the places out.
std::vector<Row> MakeRows(const v1::Plan& plan, size_t place_width) {
  std::vector<Row> rows = {
      {"rank", "tokens", "pad", "q heads", "kv heads", "sends", "receives"}};
  if (place_width > 0) rows[0].insert(rows[0].begin() + 1, "place");
  for (const v1::Rank& rank : plan.ranks()) {
    Row row = {absl::StrCat(rank.rank()),
               Tokens(rank),
               absl::StrCat(rank.pad_tokens()),
               Range(rank.query_heads().start(), rank.query_heads().count()),
               KvHeads(rank),
               FormatBytes(rank.sent().forward_wire_bytes()),
               FormatBytes(rank.received().forward_wire_bytes())};
    if (place_width > 0)
      row.insert(row.begin() + 1, PlaceText(rank, place_width));
    rows.push_back(std::move(row));
  }
  return rows;
}

// Columns as wide as their widest cell, aligned right.
std::string Align(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "  ",
                      std::string(widths[i] - row[i].size(), ' '), row[i]);
    }
    text += '\n';
  }
  return text;
}

std::string RankTable(const v1::Plan& plan) {
  const bool places =
      std::any_of(plan.ranks().begin(), plan.ranks().end(),
                  [](const v1::Rank& r) { return r.has_place(); });
  const std::string table = Align(MakeRows(plan, places ? kMaxPlaceWidth : 0));
  const size_t width = table.find('\n');
  if (!places || width <= kTableWidth) return table;
  const size_t excess =
      std::min(width - kTableWidth, kMaxPlaceWidth - kMinPlaceWidth);
  return Align(MakeRows(plan, kMaxPlaceWidth - excess));
}

std::string MeshText(const v1::Plan& plan) {
  const v1::Mesh& mesh = plan.mesh();
  return absl::StrFormat(
      "mesh      data %d x pipeline %d x ring %d x Ulysses %d x tensor %d "
      "(%s)\n",
      mesh.data_parallel(), mesh.pipeline(), mesh.ring(), mesh.ulysses(),
      mesh.tensor(), Lower(v1::Family_Name(plan.family()), "FAMILY_"));
}

std::string ModelText(const v1::Plan& plan) {
  const v1::Model& m = plan.model();
  return absl::StrFormat(
      "model     %d query heads, %d key/value heads of %d, %s, %s%s\n",
      m.query_heads(), m.kv_heads(), m.head_size(),
      Lower(v1::DataType_Name(plan.workload().data_type()), "DATA_TYPE_"),
      plan.workload().causal() ? "causal, " : "",
      Lower(v1::Mode_Name(plan.workload().mode()), "MODE_"));
}

std::string SequenceText(const v1::Plan& plan) {
  const uint64_t length = plan.workload().sequence_length();
  const uint64_t padding = plan.padded_sequence_length() - length;
  return absl::StrFormat(
      "sequence  %d tokens x batch %d, %s\n", length, plan.workload().batch(),
      padding == 0 ? "no padding"
                   : absl::StrCat(padding, " padded at the end"));
}

std::string TotalText(const v1::Plan& plan) {
  std::string text = absl::StrFormat(
      "heads     busiest rank %.3f x the mean, %d key/value heads with copies\n"
      "wire      %s forward in one layer, all ranks",
      plan.head_imbalance(), plan.kv_head_copies(),
      FormatBytes(plan.total().forward_wire_bytes()));
  if (plan.workload().mode() == v1::MODE_TRAINING) {
    absl::StrAppend(&text,
                    "\n          backward each rank sends what it received");
  }
  return text + "\n";
}

// `text` in lines of at most kTableWidth, each after `indent`.
std::string Wrap(const std::string& text, const std::string& indent) {
  std::string out;
  std::string line = indent;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (line.size() > indent.size() &&
        line.size() + 1 + word.size() > kTableWidth) {
      absl::StrAppend(&out, line, "\n");
      line = indent;
    }
    absl::StrAppend(&line, line.size() > indent.size() ? " " : "", word);
  }
  return absl::StrCat(out, line, "\n");
}

}  // namespace

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB",
                                           "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string PlanTable(const v1::Plan& plan) {
  std::string text =
      absl::StrCat("plan      ", plan.hash(), "\n", ModelText(plan),
                   SequenceText(plan), MeshText(plan), TotalText(plan));
  return plan.ranks().empty() ? text
                              : absl::StrCat(text, "\n", RankTable(plan));
}

std::string RejectionText(const v1::PlanResponse& response) {
  std::string text;
  for (const v1::Rejection& rejection : response.rejected()) {
    const std::string what =
        rejection.family() == v1::FAMILY_UNSPECIFIED
            ? "no plan"
            : "not " + Lower(v1::Family_Name(rejection.family()), "FAMILY_");
    const std::string code =
        ShortName(v1::RejectionCode_Name(rejection.code()), "REJECTION_CODE_");
    absl::StrAppend(&text, what, ": ", code, "\n",
                    Wrap(rejection.reason(), "    "));
  }
  return text;
}

}  // namespace ithaca::planner
