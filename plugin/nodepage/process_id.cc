#include "plugin/nodepage/process_id.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace ithaca::nodepage {
namespace {

constexpr int kPidBits = 22;
constexpr uint64_t kPidMask = (uint64_t{1} << kPidBits) - 1;
// Of /proc/<pid>/stat, counted from the one after the command: proc(5).
constexpr int kStartTimeField = 19;

uint64_t Inode(const char* path) {
  struct stat info;
  return stat(path, &info) == 0 ? info.st_ino : 0;
}

}  // namespace

uint64_t ProcessWordFrom(pid_t pid, const std::string& stat) {
  // The command stands in parentheses and may hold any.
  const size_t command_end = stat.rfind(')');
  if (command_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(command_end + 1));
  std::string skipped;
  for (int i = 0; i < kStartTimeField; ++i) fields >> skipped;
  uint64_t start_ticks = 0;
  if (!(fields >> start_ticks)) return 0;
  return start_ticks << kPidBits | (static_cast<uint64_t>(pid) & kPidMask);
}

uint64_t ProcessWord(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  return ProcessWordFrom(pid, {std::istreambuf_iterator<char>(file), {}});
}

bool IsAlive(uint64_t word) {
  return word != 0 && ProcessWord(word & kPidMask) == word;
}

uint64_t ProcessNamespace() { return Inode("/proc/self/ns/pid"); }

uint64_t NetworkNamespace() {
  // Of this thread: a process may have threads in several.
  const uint64_t inode = Inode("/proc/thread-self/ns/net");
  return inode != 0 ? inode : Inode("/proc/self/ns/net");
}

}  // namespace ithaca::nodepage
