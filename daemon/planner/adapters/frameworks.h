// One reader and one writer for each framework; adapter.h
// says what they do.
//
// Used by the table of adapters alone. Pure functions.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_FRAMEWORKS_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_FRAMEWORKS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/job_config.h"

namespace ithaca::planner {

using ConfigOr = absl::StatusOr<JobConfig>;

ConfigOr ReadDeepSpeed(absl::string_view text, const ReadOptions& options);
Wording WriteDeepSpeed(const JobConfig& config);

ConfigOr ReadAlst(absl::string_view text, const ReadOptions& options);
Wording WriteAlst(const JobConfig& config);

ConfigOr ReadMegatron(absl::string_view text, const ReadOptions& options);
Wording WriteMegatron(const JobConfig& config);

ConfigOr ReadAccelerate(absl::string_view text, const ReadOptions& options);
Wording WriteAccelerate(const JobConfig& config);

ConfigOr ReadTorchtitan(absl::string_view text, const ReadOptions& options);
Wording WriteTorchtitan(const JobConfig& config);

ConfigOr ReadVerl(absl::string_view text, const ReadOptions& options);
Wording WriteVerl(const JobConfig& config);

ConfigOr ReadSwift(absl::string_view text, const ReadOptions& options);
Wording WriteSwift(const JobConfig& config);

ConfigOr ReadYunchang(absl::string_view text, const ReadOptions& options);
Wording WriteYunchang(const JobConfig& config);

ConfigOr ReadXdit(absl::string_view text, const ReadOptions& options);
Wording WriteXdit(const JobConfig& config);

ConfigOr ReadVllm(absl::string_view text, const ReadOptions& options);
Wording WriteVllm(const JobConfig& config);

ConfigOr ReadMaxtext(absl::string_view text, const ReadOptions& options);
Wording WriteMaxtext(const JobConfig& config);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_FRAMEWORKS_H_
