// The demo's work: a daemon, a plan, a group, a process per rank, a check.
//
// Used by `ithacactl demo`. Everything runs on this host, in a folder that is
// removed at the end; nothing is left running. Threads: one.
#ifndef ITHACA_DAEMON_CLI_DEMO_RUN_H_
#define ITHACA_DAEMON_CLI_DEMO_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/cli/child_process.h"
#include "daemon/clients/cc/client.h"
#include "ithaca/planner/v1/planner.pb.h"
#include "nlohmann/json.hpp"

namespace ithaca::cli {

struct DemoOptions {
  std::string input;    // the text
  uint64_t tokens = 0;  // how many of its bytes (repeated when shorter)
  planner::v1::DataType data_type = planner::v1::DATA_TYPE_BF16;
  std::string daemon;  // programs and the plugin
  std::string plugin;
  std::string rank_program;
  int timeout_s = 300;  // for the ranks of one model
  bool keep_folder = false;
};

// A model whose attention layer is run.
struct DemoModel {
  std::string name;    // "Llama-3.1-8B"
  std::string config;  // its config.json
  uint32_t ranks = 0;
};

// The two that the demo shows: one that divides evenly, one that does not.
const std::vector<DemoModel>& DemoModels();

struct DemoResult {
  planner::v1::Plan plan;
  std::vector<nlohmann::json> ranks;  // the reports of demo_rank.cc, by rank
  nlohmann::json check;               // the report of the one process
  bool bytes_as_planned = false;
  bool equal = false;
};

class DemoRun {
 public:
  // Makes the folder and starts the daemon in it.
  static absl::StatusOr<std::unique_ptr<DemoRun>> Start(
      const DemoOptions& options);
  ~DemoRun();

  // Plans for the model; OK and a plan, or why there is none.
  absl::StatusOr<planner::v1::Plan> Plan(const DemoModel& model);
  // Runs the plan's ranks, and the check. `progress` gets a line per step.
  // An error when a process failed; differences are in the result.
  absl::StatusOr<DemoResult> Run(
      const planner::v1::Plan& plan, const std::string& group,
      const std::function<void(const std::string&)>& progress);

  const std::string& folder() const { return folder_; }

 private:
  DemoRun(DemoOptions options, std::string folder)
      : options_(std::move(options)), folder_(std::move(folder)) {}

  absl::Status StartDaemon();
  absl::Status RunRanks(const std::string& group, uint32_t ranks);
  absl::Status WaitForAll(std::vector<std::unique_ptr<ChildProcess>>* children);
  absl::Status Check(const planner::v1::Plan& plan, const std::string& group);
  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

  const DemoOptions options_;
  const std::string folder_;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<client::Client> client_;
};

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_DEMO_RUN_H_
