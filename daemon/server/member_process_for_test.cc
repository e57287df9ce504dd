#include "daemon/server/member_process_for_test.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace ithaca::server {

MemberProcess::MemberProcess(const std::string& program,
                             const std::string& socket,
                             const std::string& group,
                             const std::string& member) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, from[1], STDOUT_FILENO);
  const char* const arguments[] = {program.c_str(), socket.c_str(),
                                   group.c_str(), member.c_str(), nullptr};
  if (posix_spawn(&pid_, program.c_str(), &files, nullptr,
                  const_cast<char**>(arguments), environ) != 0) {
    pid_ = -1;
  }
  posix_spawn_file_actions_destroy(&files);
  close(to[0]);
  close(from[1]);
  input_ = to[1];
  output_ = from[0];
  joined_ = ReadLine() == "joined";
}

MemberProcess::~MemberProcess() {
  for (pid_t pid : {pid_, child_}) {
    if (pid > 0) kill(pid, SIGKILL);
  }
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  for (int fd : {input_, output_}) {
    if (fd >= 0) close(fd);
  }
}

void MemberProcess::Signal(int signal) const { kill(pid_, signal); }

void MemberProcess::LeaveConnectionToChild() {
  Tell("fork");
  child_ = std::atoi(ReadLine().c_str());
}

void MemberProcess::Tell(const std::string& line) const {
  const std::string text = line + "\n";
  if (write(input_, text.data(), text.size()) < 0) {
    // It has ended, which its owner sees.
  }
}

std::string MemberProcess::ReadLine() const {
  std::string line;
  char byte = 0;
  while (read(output_, &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

}  // namespace ithaca::server
