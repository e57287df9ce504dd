// A member of a group in a process of its own, for tests and benchmarks.
//
// Threads: the owner's. Life: the process, and the child that it may leave, are
// gone with the object.
#ifndef ITHACA_DAEMON_SERVER_MEMBER_PROCESS_FOR_TEST_H_
#define ITHACA_DAEMON_SERVER_MEMBER_PROCESS_FOR_TEST_H_

#include <sys/types.h>

#include <string>

namespace ithaca::server {

class MemberProcess {
 public:
  // Joins, and returns when it has. `program` is group_member_for_test. Check
  // joined().
  MemberProcess(const std::string& program, const std::string& socket,
                const std::string& group, const std::string& member);
  ~MemberProcess();
  MemberProcess(const MemberProcess&) = delete;
  MemberProcess& operator=(const MemberProcess&) = delete;

  bool joined() const { return joined_; }
  void Signal(int signal) const;
  // Ends as programs do.
  void Exit() const { Tell("exit"); }
  // Ends and leaves its connection open to a child. Returns when the child is
  // there.
  void LeaveConnectionToChild();

 private:
  void Tell(const std::string& line) const;
  std::string ReadLine() const;

  pid_t pid_ = -1;
  pid_t child_ = -1;
  int input_ = -1;
  int output_ = -1;
  bool joined_ = false;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_MEMBER_PROCESS_FOR_TEST_H_
