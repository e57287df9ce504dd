// One reader, one writer and one choice of engine for each framework; adapter.h
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
Engine DeepSpeedEngine(const Strategy& strategy);

ConfigOr ReadAlst(absl::string_view text, const ReadOptions& options);
Wording WriteAlst(const JobConfig& config);
Engine AlstEngine(const Strategy& strategy);

ConfigOr ReadMegatron(absl::string_view text, const ReadOptions& options);
Wording WriteMegatron(const JobConfig& config);
Engine MegatronEngine(const Strategy& strategy);

ConfigOr ReadAccelerate(absl::string_view text, const ReadOptions& options);
Wording WriteAccelerate(const JobConfig& config);
Engine AccelerateEngine(const Strategy& strategy);

ConfigOr ReadTorchtitan(absl::string_view text, const ReadOptions& options);
Wording WriteTorchtitan(const JobConfig& config);
Engine TorchtitanEngine(const Strategy& strategy);

ConfigOr ReadVerl(absl::string_view text, const ReadOptions& options);
Wording WriteVerl(const JobConfig& config);
Engine VerlEngine(const Strategy& strategy);

ConfigOr ReadSwift(absl::string_view text, const ReadOptions& options);
Wording WriteSwift(const JobConfig& config);
Engine SwiftEngine(const Strategy& strategy);

ConfigOr ReadYunchang(absl::string_view text, const ReadOptions& options);
Wording WriteYunchang(const JobConfig& config);
Engine YunchangEngine(const Strategy& strategy);

ConfigOr ReadXdit(absl::string_view text, const ReadOptions& options);
Wording WriteXdit(const JobConfig& config);
Engine XditEngine(const Strategy& strategy);

ConfigOr ReadVllm(absl::string_view text, const ReadOptions& options);
Wording WriteVllm(const JobConfig& config);
Engine VllmEngine(const Strategy& strategy);

ConfigOr ReadMaxtext(absl::string_view text, const ReadOptions& options);
Wording WriteMaxtext(const JobConfig& config);
Engine MaxtextEngine(const Strategy& strategy);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_FRAMEWORKS_H_
