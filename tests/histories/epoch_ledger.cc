#include "tests/histories/epoch_ledger.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace ithaca::histories {

void EpochLedger::Saw(uint64_t number, const std::string& owner,
                      int64_t call_ns, int64_t return_ns) {
  seen_.push_back({number, owner, call_ns, return_ns, false});
}

void EpochLedger::Made(uint64_t number, const std::string& owner,
                       int64_t call_ns, int64_t return_ns) {
  seen_.push_back({number, owner, call_ns, return_ns, true});
}

std::vector<std::string> EpochLedger::Check() const {
  std::vector<std::string> violations;
  std::map<uint64_t, std::string> owners;
  for (const Sight& sight : seen_) {
    const auto [it, is_new] = owners.emplace(sight.number, sight.owner);
    if (!is_new && it->second != sight.owner)
      violations.push_back(absl::StrCat("repeated: ", sight.number, " of ",
                                        sight.owner, " and of ", it->second));
  }
  // Returns in the order of time, and what was the highest by then.
  std::vector<const Sight*> by_call, by_return;
  for (const Sight& sight : seen_) {
    by_call.push_back(&sight);
    by_return.push_back(&sight);
  }
  std::sort(by_call.begin(), by_call.end(), [](const Sight* a, const Sight* b) {
    return a->call_ns < b->call_ns;
  });
  std::sort(by_return.begin(), by_return.end(),
            [](const Sight* a, const Sight* b) {
              return a->return_ns < b->return_ns;
            });
  uint64_t highest = 0;
  std::map<std::string, uint64_t> highest_of;
  size_t returned = 0;
  for (const Sight* sight : by_call) {
    for (; returned < by_return.size() &&
           by_return[returned]->return_ns < sight->call_ns;
         ++returned) {
      const Sight& before = *by_return[returned];
      highest = std::max(highest, before.number);
      uint64_t& of = highest_of[before.owner];
      of = std::max(of, before.number);
    }
    const uint64_t before = highest_of[sight->owner];
    if (sight->number < before)
      violations.push_back(absl::StrCat("went back: ", sight->owner, " was at ",
                                        before, ", and then at ",
                                        sight->number));
    if (sight->made && sight->number <= highest)
      violations.push_back(absl::StrCat("given out again: ", sight->number,
                                        " was made for ", sight->owner,
                                        " when ", highest, " was known"));
  }
  return violations;
}

}  // namespace ithaca::histories
