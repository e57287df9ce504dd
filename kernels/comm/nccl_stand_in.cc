// A libnccl.so.2 for machines without a GPU: ranks are threads of one process,
// memory is the host's, and every call is done when it returns (a group's when
// the group ends).
//
// Used by comm_nccl_test alone, through LD_LIBRARY_PATH.
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#define STAND_IN extern "C" __attribute__((visibility("default")))

namespace {

// Messages that were sent and not yet received, in order, by (from, to).
struct Hub {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, int>, std::vector<std::string>> mail;
};

struct Comm {
  std::shared_ptr<Hub> hub;
  int rank = 0;
  int ranks = 0;
  int error = 0;
};

struct Pending {
  Comm* comm;
  bool sends;
  int peer;
  void* data;
  size_t bytes;
};
thread_local int t_depth = 0;
thread_local std::vector<Pending> t_pending;
// Which kinds of exchange were used.
int g_all_to_alls = 0, g_groups = 0, g_windows = 0;

void Run(const Pending& p) {
  Hub& hub = *p.comm->hub;
  std::unique_lock<std::mutex> lock(hub.mutex);
  if (p.sends) {
    hub.mail[{p.comm->rank, p.peer}].emplace_back(
        static_cast<const char*>(p.data), p.bytes);
    hub.changed.notify_all();
    return;
  }
  auto& box = hub.mail[{p.peer, p.comm->rank}];
  hub.changed.wait(lock, [&box] { return !box.empty(); });
  if (box.front().size() != p.bytes) p.comm->error = 5;
  memcpy(p.data, box.front().data(), std::min(p.bytes, box.front().size()));
  box.erase(box.begin());
}

int Add(const Pending& pending) {
  t_pending.push_back(pending);
  if (t_depth > 0) return 0;
  Run(pending);
  t_pending.clear();
  return 0;
}

}  // namespace

STAND_IN void* stand_in_comms(int ranks) {
  auto hub = std::make_shared<Hub>();
  auto* comms = new std::vector<Comm>(ranks);
  for (int r = 0; r < ranks; ++r) (*comms)[r] = {hub, r, ranks, 0};
  return comms->data();
}
STAND_IN void* stand_in_comm(void* comms, int rank) {
  return static_cast<Comm*>(comms) + rank;
}
STAND_IN void stand_in_break(void* comm) {
  static_cast<Comm*>(comm)->error = 6;
}
STAND_IN void stand_in_counts(int* all_to_alls, int* groups, int* windows) {
  *all_to_alls = g_all_to_alls;
  *groups = g_groups;
  *windows = g_windows;
}

STAND_IN int ncclCommCount(void* comm, int* count) {
  *count = static_cast<Comm*>(comm)->ranks;
  return 0;
}
STAND_IN int ncclCommUserRank(void* comm, int* rank) {
  *rank = static_cast<Comm*>(comm)->rank;
  return 0;
}
STAND_IN int ncclCommGetAsyncError(void* comm, int* error) {
  *error = static_cast<Comm*>(comm)->error;
  return 0;
}
STAND_IN const char* ncclGetErrorString(int) { return "an error"; }
STAND_IN const char* ncclGetLastError(void*) { return "of the stand-in"; }
STAND_IN int ncclGroupStart() {
  ++t_depth;
  return 0;
}
STAND_IN int ncclGroupEnd() {
  if (--t_depth > 0) return 0;
  __atomic_add_fetch(&g_groups, 1, __ATOMIC_RELAXED);
  for (const Pending& p : t_pending) {
    if (p.sends) Run(p);
  }
  for (const Pending& p : t_pending) {
    if (!p.sends) Run(p);
  }
  t_pending.clear();
  return 0;
}
STAND_IN int ncclSend(const void* data, size_t count, int, int peer, void* comm,
                      void*) {
  return Add(
      {static_cast<Comm*>(comm), true, peer, const_cast<void*>(data), count});
}
STAND_IN int ncclRecv(void* data, size_t count, int, int peer, void* comm,
                      void*) {
  return Add({static_cast<Comm*>(comm), false, peer, data, count});
}
STAND_IN int ncclAlltoAll(const void* send, void* recv, size_t count, int type,
                          void* comm, void* stream) {
  __atomic_add_fetch(&g_all_to_alls, 1, __ATOMIC_RELAXED);
  const int ranks = static_cast<Comm*>(comm)->ranks;
  ++t_depth;
  for (int r = 0; r < ranks; ++r) {
    ncclSend(static_cast<const char*>(send) + r * count, count, type, r, comm,
             stream);
    ncclRecv(static_cast<char*>(recv) + r * count, count, type, r, comm,
             stream);
  }
  __atomic_sub_fetch(&g_groups, 1, __ATOMIC_RELAXED);
  return ncclGroupEnd();
}
STAND_IN int ncclAllGather(const void* send, void* recv, size_t count, int type,
                           void* comm, void* stream) {
  const int ranks = static_cast<Comm*>(comm)->ranks;
  ++t_depth;
  for (int r = 0; r < ranks; ++r) {
    ncclSend(send, count, type, r, comm, stream);
    ncclRecv(static_cast<char*>(recv) + r * count, count, type, r, comm,
             stream);
  }
  __atomic_sub_fetch(&g_groups, 1, __ATOMIC_RELAXED);
  return ncclGroupEnd();
}
STAND_IN int ncclCommWindowRegister(void*, void*, size_t, void** window, int) {
  __atomic_add_fetch(&g_windows, 1, __ATOMIC_RELAXED);
  *window = &g_windows;
  return 0;
}
