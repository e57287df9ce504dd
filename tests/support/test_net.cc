#include "tests/support/test_net.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include "tests/support/fault_plan.h"
#include "tests/support/test_comm.h"
#include "tests/support/test_process.h"

namespace ithaca::testing {
namespace {

using abi::Result;

constexpr uint64_t kHandleMagic = 0x74656e2d74736574;
constexpr size_t kMaxRequests = 32;

struct Handle {
  uint64_t magic;
  char name[48];
  // The connector's own state between polls; lives in its copy of the handle.
  uint64_t polls;
};
static_assert(sizeof(Handle) <= abi::kHandleBytes, "");

struct Listener {
  int fd = -1;
  uint64_t polls = 0;
  Listener() { ++ThisProcess().objects; }
  ~Listener() {
    if (fd >= 0) close(fd);
    --ThisProcess().objects;
  }
};

socklen_t Address(const char* name, sockaddr_un* address) {
  memset(address, 0, sizeof(*address));
  address->sun_family = AF_UNIX;
  snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s", name);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                strlen(name));
}

}  // namespace

// Faults are those of the environment when a job begins: the first init of all,
// or one that finds no connection left and something used up or changed.
Result TestNetInit(void** ctx, abi::Logger logger) {
  *ctx = nullptr;
  Process& p = ThisProcess();
  std::lock_guard<std::mutex> lock(p.init_mutex);
  const char* variable = getenv("ITHACA_TEST_NET");
  const std::string text = variable == nullptr ? "" : variable;
  const bool used = p.isends + p.tests + p.receives > 0;
  if (!p.configured || (p.objects == 0 && (used || text != p.text))) {
    p.logger = logger;
    p.faults = FaultPlan();
    p.isends = p.tests = p.receives = 0;
    p.text = text;
    p.configured = false;
    std::string error;
    if (!p.faults.Parse(text.c_str(), &error)) {
      TEST_NET_WARN("%s", error.c_str());
      return Result::kInvalidUsage;
    }
    p.configured = true;
  }
  if (p.faults.fail_init != 0) {
    TEST_NET_WARN("test-net: init was told to fail");
    return Result::kSystemError;
  }
  *ctx = &p;
  return Result::kSuccess;
}

Result TestNetDevices(int* count) {
  *count = ThisProcess().faults.no_devices != 0 ? 0 : 1;
  return Result::kSuccess;
}

Result TestNetProperties(int, abi::NetPropertiesV12* props) {
  *props = {};
  props->name = "test0";
  props->guid = 1;
  props->ptrSupport = abi::kPtrHost;
  props->speed = 1000;
  props->maxComms = 1 << 16;
  props->maxRecvs = 1;
  props->vProps.ndevs = 1;
  props->maxP2pBytes = size_t{1} << 30;
  props->maxCollBytes = size_t{1} << 30;
  props->maxMultiRequestSize = 1;
  props->railId = abi::kUndefined;
  props->planeId = abi::kUndefined;
  return Result::kSuccess;
}

Result TestNetListen(int, void* handle, void** listen_comm) {
  *listen_comm = nullptr;
  auto listener = std::make_unique<Listener>();
  Handle h = {};
  h.magic = kHandleMagic;
  // Process ids repeat between sandboxes that share one network.
  snprintf(h.name, sizeof(h.name), "ithaca-test-net-%llx-%llu",
           static_cast<unsigned long long>(ThisProcess().id),
           static_cast<unsigned long long>(ThisProcess().names.fetch_add(1)));
  sockaddr_un address;
  const socklen_t size = Address(h.name, &address);
  listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener->fd < 0 ||
      bind(listener->fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener->fd, 64) != 0) {
    TEST_NET_WARN("test-net: cannot listen: %s", strerror(errno));
    return Result::kSystemError;
  }
  memcpy(handle, &h, sizeof(h));
  *listen_comm = listener.release();
  return Result::kSuccess;
}

Result TestNetConnect(int, void* handle, void** send_comm) {
  *send_comm = nullptr;
  Handle* h = static_cast<Handle*>(handle);
  if (h->magic != kHandleMagic || h->name[sizeof(h->name) - 1] != '\0') {
    TEST_NET_WARN("test-net: this handle is not one of ours");
    return Result::kInvalidArgument;
  }
  if (h->polls++ < ThisProcess().faults.connect_delay) return Result::kSuccess;
  auto comm = std::make_unique<Comm>();
  comm->sends = true;
  comm->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un address;
  const socklen_t size = Address(h->name, &address);
  if (connect(comm->fd, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    if (errno == EAGAIN || errno == EINTR) return Result::kSuccess;
    TEST_NET_WARN("test-net: cannot connect: %s", strerror(errno));
    return Result::kRemoteError;
  }
  *send_comm = comm.release();
  return Result::kSuccess;
}

Result TestNetAccept(void* listen_comm, void** recv_comm) {
  *recv_comm = nullptr;
  Listener* listener = static_cast<Listener*>(listen_comm);
  const FaultPlan& faults = ThisProcess().faults;
  if (faults.never_accept != 0) return Result::kSuccess;
  if (listener->polls++ < faults.connect_delay) return Result::kSuccess;
  const int fd =
      accept4(listener->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    return errno == EAGAIN || errno == EINTR ? Result::kSuccess
                                             : Result::kSystemError;
  }
  auto comm = std::make_unique<Comm>();
  comm->fd = fd;
  *recv_comm = comm.release();
  return Result::kSuccess;
}

Result TestNetRegMr(void* comm, void* data, size_t, int type, void** mhandle) {
  *mhandle = nullptr;
  if (type != abi::kPtrHost) return Result::kInvalidArgument;
  static_cast<Comm*>(comm)->registered.insert(data);
  *mhandle = data;
  return Result::kSuccess;
}

Result TestNetDeregMr(void* comm, void* mhandle) {
  if (static_cast<Comm*>(comm)->registered.erase(mhandle) == 1) {
    return Result::kSuccess;
  }
  TEST_NET_WARN("test-net: deregMr of something that is not registered");
  return Result::kInvalidArgument;
}

Result TestNetIsend(void* send_comm, void* data, size_t bytes, int,
                    void* mhandle, void** request) {
  *request = nullptr;
  Comm* comm = static_cast<Comm*>(send_comm);
  Process& p = ThisProcess();
  if (comm->registered.count(mhandle) == 0) {
    TEST_NET_WARN("test-net: isend from memory that is not registered");
    return Result::kInvalidArgument;
  }
  if (comm->queue.size() >= kMaxRequests || Chance(p.faults.null_percent)) {
    return Result::kSuccess;
  }
  const uint64_t turn = p.isends.fetch_add(1) + 1;
  if (turn == p.faults.error_at_isend) {
    TEST_NET_WARN("test-net: isend %llu was told to fail",
                  static_cast<unsigned long long>(turn));
    return Result::kSystemError;
  }
  if (turn == p.faults.drop_at) {
    auto message = std::make_unique<Message>();
    message->comm = comm;
    message->complete = true;
    *request = message.get();
    comm->finished.push_back(std::move(message));
    return Result::kSuccess;
  }
  return Post(comm, data, bytes, /*early=*/false, request);
}

Result TestNetIrecv(void* recv_comm, int n, void** data, size_t* bytes, int*,
                    void** mhandles, void** request) {
  const bool optional =
      *request == reinterpret_cast<void*>(abi::kOptionalRecvCompletion);
  const FaultPlan& faults = ThisProcess().faults;
  if (optional && faults.keep_preset != 0) return Result::kSuccess;
  *request = nullptr;
  Comm* comm = static_cast<Comm*>(recv_comm);
  if (n != 1) return Result::kInvalidUsage;
  std::lock_guard<std::mutex> lock(comm->mutex);
  if (comm->registered.count(mhandles[0]) == 0) {
    TEST_NET_WARN("test-net: irecv into memory that is not registered");
    return Result::kInvalidArgument;
  }
  if (comm->queue.size() >= kMaxRequests || Chance(faults.null_percent)) {
    return Result::kSuccess;
  }
  return Post(comm, data[0], bytes[0], optional && faults.early_ll != 0,
              request);
}

Result TestNetTest(void* request, int* done, int* sizes) {
  *done = 0;
  Message* m = static_cast<Message*>(request);
  Process& p = ThisProcess();
  const uint64_t turn = p.tests.fetch_add(1) + 1;
  if (turn == p.faults.block_in_test) {
    for (;;) pause();
  }
  if (turn == p.faults.error_at_test) {
    TEST_NET_WARN("test-net: test %llu was told to fail",
                  static_cast<unsigned long long>(turn));
    return Result::kRemoteError;
  }
  std::lock_guard<std::mutex> lock(m->comm->mutex);
  const Result result = Progress(m->comm);
  if (result != Result::kSuccess) return result;
  if (!m->complete) return Result::kSuccess;
  if (m->held_back > 0) {
    --m->held_back;
    return Result::kSuccess;
  }
  *done = 1;
  if (sizes != nullptr) {
    sizes[0] = static_cast<int>(m->size);
    if (p.faults.extra_sizes != 0 && !m->comm->sends) sizes[1] = 1;
  }
  Retire(m);
  return Result::kSuccess;
}

Result TestNetCloseComm(void* comm) {
  delete static_cast<Comm*>(comm);
  return Result::kSuccess;
}

Result TestNetCloseListen(void* listen_comm) {
  delete static_cast<Listener*>(listen_comm);
  return Result::kSuccess;
}

}  // namespace ithaca::testing
