#include "daemon/cli/plan_answer.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/output.h"
#include "daemon/planner/plan_table.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

// Rows of ranks that a terminal shows at once.
constexpr int kNarrowRanks = 16;

// What follows the enum's prefix, in lower case with spaces.
std::string Lower(const std::string& name, const std::string& prefix) {
  std::string text = absl::AsciiStrToLower(
      absl::StartsWith(name, prefix) ? name.substr(prefix.size()) : name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

// Lines no longer than `width`: what is beyond is cut, with a mark.
std::string Cut(const std::string& text, size_t width) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.size() <= width) {
      absl::StrAppend(&out, line, "\n");
    } else {
      absl::StrAppend(&out, line.substr(0, width - 1), "~\n");
    }
  }
  out.pop_back();  // the text ended with a line feed itself
  return out;
}

std::string PlanText(const v1::Plan& plan, bool wide) {
  if (wide || plan.ranks_size() <= kNarrowRanks)
    return planner::PlanTable(plan);
  v1::Plan shown = plan;
  const int more = shown.ranks_size() - kNarrowRanks;
  shown.mutable_ranks()->DeleteSubrange(kNarrowRanks, more);
  return absl::StrCat(planner::PlanTable(shown), "... and ", more,
                      " more ranks; --wide shows all\n");
}

std::string StrategyText(const v1::Strategy& s) {
  std::vector<std::string> parts = {absl::StrCat("ZeRO ", s.zero_stage())};
  if (s.recompute() != v1::RECOMPUTE_UNSPECIFIED &&
      s.recompute() != v1::RECOMPUTE_NONE) {
    parts.push_back(absl::StrCat(
        Lower(v1::Recompute_Name(s.recompute()), "RECOMPUTE_"), " recompute"));
  }
  std::vector<std::string> host;
  if (s.offload_optimizer()) host.push_back("optimizer");
  if (s.offload_parameters()) host.push_back("parameters");
  if (s.offload_checkpoints()) host.push_back("checkpoints");
  if (!host.empty())
    parts.push_back(absl::StrCat(absl::StrJoin(host, "+"), " on host"));
  if (s.tiled_mlp()) parts.push_back("tiled MLP");
  if (s.tiled_loss()) parts.push_back("tiled loss");
  if (s.attention_chunk() > 0)
    parts.push_back(absl::StrCat("chunks of ", s.attention_chunk()));
  if (s.expert_parallel() > 1)
    parts.push_back(absl::StrCat("experts over ", s.expert_parallel()));
  return absl::StrJoin(parts, ", ");
}

std::string MemoryText(const v1::MemoryEstimate& memory) {
  std::string text = absl::StrCat(
      "memory    ", planner::FormatBytes(memory.device_bytes()), " of a rank");
  if (memory.has_device_limit_bytes()) {
    absl::StrAppend(&text, ", limit ",
                    planner::FormatBytes(memory.device_limit_bytes()));
  }
  if (memory.has_margin_bytes()) {
    const int64_t margin = memory.margin_bytes();
    absl::StrAppend(&text, margin < 0 ? ", too much by " : ", left ",
                    planner::FormatBytes(
                        static_cast<uint64_t>(margin < 0 ? -margin : margin)));
  }
  if (!memory.binding_constraint().empty())
    absl::StrAppend(&text, " (", memory.binding_constraint(), ")");
  return absl::StrCat(text, "\n");
}

// The largest parts first.
std::string MemoryPartsText(const v1::MemoryEstimate& memory) {
  std::vector<v1::MemoryPart> parts(memory.parts().begin(),
                                    memory.parts().end());
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) {
                     return a.device_bytes() > b.device_bytes();
                   });
  std::vector<std::vector<std::string>> rows;
  for (const v1::MemoryPart& part : parts) {
    if (part.device_bytes() == 0 && part.host_bytes() == 0) continue;
    rows.push_back({absl::StrCat("          ", part.name()),
                    planner::FormatBytes(part.device_bytes()),
                    part.host_bytes() == 0
                        ? ""
                        : absl::StrCat(planner::FormatBytes(part.host_bytes()),
                                       " on the host")});
  }
  return Columns(rows);
}

std::string EstimateText(const v1::Plan& plan, bool wide) {
  if (!plan.has_estimate()) return "";
  const v1::Estimate& estimate = plan.estimate();
  std::string text =
      absl::StrCat("strategy  ", StrategyText(plan.strategy()), "\n");
  if (estimate.has_time()) {
    absl::StrAppend(&text, "time      ",
                    FormatSeconds(estimate.time().step_seconds()), " a step, ",
                    FormatSeconds(estimate.time().seconds_per_sequence()),
                    " a sequence\n");
    if (wide) {
      for (const v1::TimePart& part : estimate.time().parts()) {
        absl::StrAppend(&text, "          ", part.name(), "  ",
                        FormatSeconds(part.seconds()), "\n");
      }
    }
  }
  if (estimate.has_memory()) {
    absl::StrAppend(&text, MemoryText(estimate.memory()));
    if (wide) absl::StrAppend(&text, MemoryPartsText(estimate.memory()));
  }
  if (wide) {
    for (const std::string& assumption : estimate.assumptions())
      absl::StrAppend(&text, WrapText(absl::StrCat("assumes ", assumption),
                                      "          ", kWide));
  }
  return text;
}

std::string MeshText(const v1::Mesh& mesh) {
  std::vector<std::string> parts;
  const auto add = [&parts](const char* name, uint32_t degree) {
    if (degree > 1) parts.push_back(absl::StrCat(name, degree));
  };
  add("dp", mesh.data_parallel());
  add("pp", mesh.pipeline());
  add("ring", mesh.ring());
  add("u", mesh.ulysses());
  add("tp", mesh.tensor());
  return parts.empty() ? "1" : absl::StrJoin(parts, " ");
}

std::string AlternativesText(const v1::PlanResponse& response, bool wide) {
  if (response.alternatives().empty()) return "";
  std::vector<std::vector<std::string>> rows = {
      {"next best", "strategy", "time/seq", "memory"}};
  for (const v1::Alternative& next : response.alternatives()) {
    rows.push_back(
        {MeshText(next.mesh()), StrategyText(next.strategy()),
         next.has_seconds_per_sequence()
             ? FormatSeconds(next.seconds_per_sequence())
             : "-",
         next.has_device_bytes()
             ? absl::StrCat(planner::FormatBytes(next.device_bytes()),
                            next.fits() ? "" : " !")
             : "-"});
    if (!wide && rows.size() > 6) break;
  }
  // The words give way to the figures.
  const size_t room = wide ? 64 : 34;
  for (auto& row : rows) {
    if (row[1].size() > room) row[1] = row[1].substr(0, room - 1) + "~";
  }
  return absl::StrCat("\n", Columns(rows));
}

std::string CrossoverText(const v1::PlanResponse& response, size_t width) {
  std::string text;
  for (const v1::Crossover& crossover : response.crossovers()) {
    absl::StrAppend(&text, WrapText(crossover.text(), "  ", width));
  }
  return text.empty() ? "" : absl::StrCat("\ncrossovers\n", text);
}

std::string RejectedText(const v1::PlanResponse& response, size_t width) {
  std::string text;
  for (const v1::Rejection& rejection : response.rejected()) {
    const std::string what =
        rejection.family() == v1::FAMILY_UNSPECIFIED
            ? "no plan"
            : "not " + Lower(v1::Family_Name(rejection.family()), "FAMILY_");
    std::string code = v1::RejectionCode_Name(rejection.code());
    constexpr absl::string_view kPrefix = "REJECTION_CODE_";
    if (absl::StartsWith(code, kPrefix)) code = code.substr(kPrefix.size());
    absl::StrAppend(&text, what, ": ", code, "\n",
                    WrapText(rejection.reason(), "    ", width));
  }
  return text.empty() ? "" : absl::StrCat("\n", text);
}

}  // namespace

std::string WrapText(const std::string& text, const std::string& indent,
                     size_t width) {
  std::string out;
  std::string line = indent;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (line.size() > indent.size() && line.size() + 1 + word.size() > width) {
      absl::StrAppend(&out, line, "\n");
      line = indent;
    }
    absl::StrAppend(&line, line.size() > indent.size() ? " " : "", word);
  }
  return absl::StrCat(out, line, "\n");
}

std::string FormatSeconds(double seconds) {
  if (seconds >= 7200) return absl::StrFormat("%.2f h", seconds / 3600);
  if (seconds >= 120) return absl::StrFormat("%.1f min", seconds / 60);
  if (seconds >= 1) return absl::StrFormat("%.2f s", seconds);
  if (seconds >= 1e-3) return absl::StrFormat("%.1f ms", seconds * 1e3);
  return absl::StrFormat("%.1f us", seconds * 1e6);
}

std::string PlanAnswerText(const v1::PlanResponse& response, bool wide) {
  const size_t width = wide ? kWide : kNarrow;
  std::string text;
  if (response.plans_size() > 0) {
    const v1::Plan& plan = response.plans(0);
    const std::string ranks = PlanText(plan, wide);
    // What the plan is as a whole comes before its ranks.
    const size_t table = std::min(ranks.find("\n\n"), ranks.size());
    absl::StrAppend(&text, ranks.substr(0, table),
                    table < ranks.size() ? "\n" : "", EstimateText(plan, wide),
                    table < ranks.size() ? ranks.substr(table + 1) : "");
  }
  absl::StrAppend(&text, AlternativesText(response, wide),
                  CrossoverText(response, width),
                  RejectedText(response, width));
  return Cut(text, width);
}

std::string FindingsText(const v1::ValidateResponse& response,
                         const std::string& subject) {
  std::string text;
  for (const v1::Finding& finding : response.findings()) {
    const std::string severity =
        finding.severity() == v1::SEVERITY_UNSPECIFIED
            ? "error"
            : Lower(v1::Severity_Name(finding.severity()), "SEVERITY_");
    absl::StrAppend(
        &text, severity, finding.code().empty() ? "" : ": ", finding.code(),
        "\n",
        WrapText(absl::StrCat(finding.field(), ": ", finding.message()), "    ",
                 kNarrow));
    if (!finding.remedy().empty()) {
      absl::StrAppend(&text, WrapText(absl::StrCat("-> ", finding.remedy()),
                                      "    ", kNarrow));
    }
  }
  if (!text.empty()) text += "\n";
  return absl::StrCat(text, subject, ": ",
                      response.valid() ? "holds together" : "NOT sound", "\n");
}

}  // namespace ithaca::cli
