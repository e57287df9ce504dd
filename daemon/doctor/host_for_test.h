// A machine on which the doctor has nothing to say, made of a folder and
// lambdas; each test breaks one thing.
//
// Threads: the test's. Life: the folder goes with the object.
#ifndef ITHACA_DAEMON_DOCTOR_HOST_FOR_TEST_H_
#define ITHACA_DAEMON_DOCTOR_HOST_FOR_TEST_H_

#include <gtest/gtest.h>

#include <string>

#include "daemon/doctor/finding.h"
#include "daemon/doctor/host.h"

namespace ithaca::doctor {

class HostForTest {
 public:
  HostForTest();
  ~HostForTest();
  HostForTest(const HostForTest&) = delete;
  HostForTest& operator=(const HostForTest&) = delete;

  const std::string& folder() const { return folder_; }
  // Writes a file that the checks see at `path` of the machine's root.
  void Write(const std::string& path, const std::string& text);
  void Set(const std::string& name, const std::string& value) {
    host.environment[name] = value;
  }

  Host host;

 private:
  std::string folder_;
  int listener_ = -1;
};

// Whether a finding of this level has both texts; its whole list is printed
// when it has not.
testing::AssertionResult Says(const Findings& findings, Level level,
                              const std::string& seen,
                              const std::string& remedy);
// Whether nothing is to be done.
testing::AssertionResult AllWell(const Findings& findings);

}  // namespace ithaca::doctor

#endif  // ITHACA_DAEMON_DOCTOR_HOST_FOR_TEST_H_
