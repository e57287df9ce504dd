#include "tests/histories/daemon_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

namespace ithaca::histories {
namespace {

constexpr int64_t kLongMs = 60'000;

}  // namespace

std::string ShortFolder(const std::string& parent) {
  // Bazel's temporary folder is too deep for the path of a socket.
  for (std::string folder :
       {parent + "/ithaca.XXXXXX", std::string("/tmp/ithaca.XXXXXX")}) {
    if (mkdtemp(folder.data()) != nullptr) return folder;
  }
  return "";
}

bool CanConnect(const std::string& socket_path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const bool connected =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

Status DaemonProcess::Start() {
  fabric::ProcessOptions options;
  options.argv = {options_.program, "--run_dir=" + options_.run_dir};
  options.argv.insert(options.argv.end(), options_.arguments.begin(),
                      options_.arguments.end());
  options.netns = options_.netns;
  options.environment = options_.environment;
  options.err_path = options_.run_dir + "/log";
  auto process = fabric::Process::Start(options);
  if (!process.ok()) return process.status();
  process_ = std::move(*process);
  return Status();
}

bool DaemonProcess::WaitUntilServing() {
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
  while (std::chrono::steady_clock::now() < give_up) {
    if (CanConnect(socket())) return true;
    if (process_->Wait(0).ok()) {
      process_.reset();
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

void DaemonProcess::Kill() {
  // Its destructor kills and reaps.
  process_.reset();
}

int DaemonProcess::Terminate() {
  process_->Signal(SIGTERM);
  const auto status = process_->Wait(kLongMs);
  process_.reset();
  return status.ok() ? *status : -SIGKILL;
}

void DaemonProcess::Pause() {
  process_->Signal(SIGSTOP);
  // Stopped, not only told to.
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(process_->pid()), &info, WSTOPPED | WNOWAIT);
}

void DaemonProcess::Resume() { process_->Signal(SIGCONT); }

std::string DaemonProcess::LogText() const {
  std::ifstream in(options_.run_dir + "/log");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace ithaca::histories
