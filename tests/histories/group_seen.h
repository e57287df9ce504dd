// What clients of ithaca.groups.v1 see, in the words of the checkers.
//
// Used by the group actors. Threads: pure functions.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_SEEN_H_
#define ITHACA_TESTS_HISTORIES_GROUP_SEEN_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "ithaca/groups/v1/groups.pb.h"
#include "tests/histories/group_model.h"
#include "tests/histories/watch_rules.h"

namespace ithaca::histories {

// ns of the clock of all histories: CLOCK_MONOTONIC.
int64_t NowNs();

GroupView ViewOf(const groups::v1::Group& group);
// Its members and epoch as text: equal for equal states of a group.
std::string WholeText(const groups::v1::Group& group);
WatchEvent EventOf(const groups::v1::GroupEvent& event);

enum class Outcome {
  kOk,
  // With a reason of the group's.
  kRefused,
  // The daemon says that nothing was changed.
  kNothing,
  // The call may have been done, or may yet be.
  kUnknown,
};

// Sets answered, reason and told_epoch of the call. `sure`: STORE_FAILED means
// that nothing was changed, as on a disk.
Outcome Conclude(const grpc::Status& status, bool sure, GroupCall* call);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_SEEN_H_
