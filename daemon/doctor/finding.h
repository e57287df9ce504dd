// What one check of the doctor found.
//
// Threads: values.
#ifndef ITHACA_DAEMON_DOCTOR_FINDING_H_
#define ITHACA_DAEMON_DOCTOR_FINDING_H_

#include <string>
#include <utility>
#include <vector>

namespace ithaca::doctor {

enum class Level { kOk, kWarn, kFail };

struct Finding {
  Level level = Level::kOk;
  // What is looked at, e.g. "socket".
  std::string subject;
  // What was seen, without a full stop.
  std::string seen;
  // What to do; empty when it is well.
  std::string remedy;
};

using Findings = std::vector<Finding>;

// The findings of one subject, as a check makes them.
class Report {
 public:
  explicit Report(std::string subject) : subject_(std::move(subject)) {}
  void Ok(std::string seen) { Add(Level::kOk, std::move(seen), ""); }
  void Warn(std::string seen, std::string remedy) {
    Add(Level::kWarn, std::move(seen), std::move(remedy));
  }
  void Fail(std::string seen, std::string remedy) {
    Add(Level::kFail, std::move(seen), std::move(remedy));
  }
  bool empty() const { return findings_.empty(); }
  Findings Take() { return std::move(findings_); }

 private:
  void Add(Level level, std::string seen, std::string remedy) {
    findings_.push_back({level, subject_, std::move(seen), std::move(remedy)});
  }
  const std::string subject_;
  Findings findings_;
};

}  // namespace ithaca::doctor

#endif  // ITHACA_DAEMON_DOCTOR_FINDING_H_
