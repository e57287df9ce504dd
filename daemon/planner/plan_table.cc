#include "daemon/planner/plan_table.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace ithaca::planner {
namespace {

constexpr size_t kMaxPlaceWidth = 20;

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
std::string PlaceText(const v1::Place& place) {
  std::string name = place.node();
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return c <= ' ' || c > '~'; }, '?');
  const std::string index = absl::StrCat("/", place.local_index());
  const size_t room = kMaxPlaceWidth - index.size();
  if (name.size() > room) name = "~" + name.substr(name.size() - room + 1);
  return name + index;
}

Row HeaderRow(bool places, bool backward) {
  Row row = {"rank"};
  if (places) row.push_back("place");
  row.insert(row.end(),
             {"tokens", "pad", "q heads", "kv heads", "fwd sent", "fwd recv"});
  if (backward) row.insert(row.end(), {"bwd sent", "bwd recv"});
  return row;
}

Row RankRow(const v1::Rank& rank, bool places, bool backward) {
  Row row = {absl::StrCat(rank.rank())};
  if (places) row.push_back(rank.has_place() ? PlaceText(rank.place()) : "-");
  row.insert(row.end(),
             {Tokens(rank), absl::StrCat(rank.pad_tokens()),
              Range(rank.query_heads().start(), rank.query_heads().count()),
              KvHeads(rank), FormatBytes(rank.sent().forward_wire_bytes()),
              FormatBytes(rank.received().forward_wire_bytes())});
  if (backward) {
    row.insert(row.end(), {FormatBytes(rank.sent().backward_wire_bytes()),
                           FormatBytes(rank.received().backward_wire_bytes())});
  }
  return row;
}

// Columns as wide as their widest cell, aligned right, cut at kTableWidth.
std::string Align(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : "  ",
                      std::string(widths[i] - row[i].size(), ' '), row[i]);
    }
    absl::StrAppend(&text, line.substr(0, kTableWidth), "\n");
  }
  return text;
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
      "heads     busiest rank %.3f x the mean, %d key/value heads with "
      "copies\n",
      plan.head_imbalance(), plan.kv_head_copies());
  absl::StrAppend(&text, "wire      ",
                  FormatBytes(plan.total().forward_wire_bytes()), " forward");
  if (plan.workload().mode() == v1::MODE_TRAINING) {
    absl::StrAppend(&text, ", ",
                    FormatBytes(plan.total().backward_wire_bytes()),
                    " backward");
  }
  return text + ", all ranks, one layer\n";
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
  if (plan.ranks().empty()) return text;
  const bool backward = plan.workload().mode() == v1::MODE_TRAINING;
  const bool places =
      std::any_of(plan.ranks().begin(), plan.ranks().end(),
                  [](const v1::Rank& r) { return r.has_place(); });
  std::vector<Row> rows = {HeaderRow(places, backward)};
  for (const v1::Rank& rank : plan.ranks()) {
    rows.push_back(RankRow(rank, places, backward));
  }
  return absl::StrCat(text, "\n", Align(rows));
}

std::string RejectionText(const v1::PlanResponse& response) {
  std::string text;
  for (const v1::Rejection& rejection : response.rejected()) {
    const std::string family =
        rejection.family() == v1::FAMILY_UNSPECIFIED
            ? "every family"
            : Lower(v1::Family_Name(rejection.family()), "FAMILY_");
    absl::StrAppend(
        &text, "not ", family, ": ",
        ShortName(v1::RejectionCode_Name(rejection.code()), "REJECTION_CODE_"),
        "\n", Wrap(rejection.reason(), "    "));
  }
  return text;
}

}  // namespace ithaca::planner
