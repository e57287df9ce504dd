// The settings of a configuration that is written: those that say the strategy,
// then what the text had besides.
//
// Used by the writers of frameworks' configurations. Confined to one thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_COMPOSE_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_COMPOSE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/planner/adapters/job_config.h"
#include "daemon/planner/adapters/settings.h"

namespace ithaca::planner {

class Composer {
 public:
  void Count(const std::string& path, uint64_t value);
  void Number(const std::string& path, double value);
  void Flag(const std::string& path, bool value);
  void Word(const std::string& path, const std::string& value);
  void Counts(const std::string& path, const std::vector<uint64_t>& values);
  void Words(const std::string& path, const std::vector<std::string>& values);

  // What was set, in that order, then what no reader understood of `config`
  // and was not set.
  std::vector<Setting> With(const JobConfig& config) const;

 private:
  void Put(const std::string& path, std::string value);

  std::vector<Setting> settings_;
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_COMPOSE_H_
