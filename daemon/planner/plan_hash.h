// The content hash of a plan: what two ranks compare to know that they run one
// plan.
//
// Used by the planner, the check of plans, and whoever wants to verify a hash.
// HashPlan is pure; a PlanHasher is confined to one thread and hashes one plan.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_HASH_H_
#define ITHACA_DAEMON_PLANNER_PLAN_HASH_H_

#include <string>

#include "absl/strings/string_view.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The text that is hashed, as the comment of Plan.hash specifies it. It does
// not depend on the protobuf library, on locale or on the order of anything
// unordered.
std::string CanonicalText(const v1::Plan& plan);

// 64 lower-case hex digits of the SHA-256 of CanonicalText.
std::string HashPlan(const v1::Plan& plan);

// 64 lower-case hex digits of the SHA-256 of `text`.
std::string Sha256Hex(absl::string_view text);

// The pieces of the canonical text, for a plan whose ranks are not messages:
// the head, then three lines for each rank.
std::string HeadText(const v1::Plan& plan);
// `place` may be null: unknown.
void AppendRankLine(uint32_t rank, uint32_t group, const v1::Place* place,
                    std::string& text);
// " 0+5 5+5" and " 0+4 kv 0 1": what follows the word of the line.
std::string TokensText(const v1::Rank& rank);
std::string HeadsText(const v1::Rank& rank);
// "tokens as 3\n" when `first`, the lowest rank of the same indices, is not
// `rank` and has the same text; else "tokens<text>\n".
void AppendPartLine(absl::string_view word, uint32_t rank, uint32_t first,
                    bool same, absl::string_view text, std::string& out);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_HASH_H_
