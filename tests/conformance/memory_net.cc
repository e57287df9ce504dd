// A canonical net plugin in one process's memory: the smallest thing that keeps
// the contract. The conformance tests run against it too, so that a test which
// asks for more than the contract, or a fault of the narrowing, shows without
// the transport.
//
// A send copies its bytes at once. One lock for everything.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "plugin/abi/versions.h"
#include "plugin/net/narrow.h"
#include "plugin/net/net.h"

namespace ithaca::net {
namespace {

using abi::Result;

constexpr uint64_t kMagic = 0x4D454D4E45543031;
constexpr size_t kWindow = 256;
constexpr int kMaxRecvs = 8;

struct Message {
  int tag;
  std::vector<char> bytes;
};

struct Request {
  int waiting = 0;         // buffers of a receive without their message
  std::vector<int> sizes;  // of the messages
  Result result = Result::kSuccess;
};

// One buffer of a receive.
struct Buffer {
  Request* request;
  size_t index;
  int tag;
  char* data;
  size_t capacity;
};

// One connection; both ends refer to it.
struct Channel {
  bool send_closed = false;
  bool recv_closed = false;
  std::deque<Message> messages;
  std::deque<Buffer> posted;
};

struct Comm {
  std::shared_ptr<Channel> channel;
  bool sends = false;
  std::set<Request*> requests;
};

struct Listener {
  uint64_t id;
  std::deque<std::shared_ptr<Channel>> pending;
};

struct World {
  std::mutex mutex;
  uint64_t next_id = 1;
  std::map<uint64_t, Listener*> listeners;
  std::map<Request*, Comm*> requests;
};
World& world() {
  static World* instance = new World;
  return *instance;
}

std::atomic<abi::Logger> latest_logger{nullptr};

void Fill(const Buffer& buffer, const std::vector<char>& bytes) {
  Request* request = buffer.request;
  --request->waiting;
  request->sizes[buffer.index] = static_cast<int>(bytes.size());
  if (bytes.size() > buffer.capacity) {
    request->result = Result::kInvalidUsage;
    if (abi::Logger logger = latest_logger)
      logger(abi::DebugLevel::kWarn, abi::kSubsysNet, __FILE__, __LINE__,
             "message of %zu bytes for a receive of %zu", bytes.size(),
             buffer.capacity);
  } else if (!bytes.empty()) {
    std::memcpy(buffer.data, bytes.data(), bytes.size());
  }
}

void Match(Channel* channel) {
  for (auto message = channel->messages.begin();
       message != channel->messages.end();) {
    auto found = std::find_if(
        channel->posted.begin(), channel->posted.end(),
        [&](const Buffer& buffer) { return buffer.tag == message->tag; });
    if (found == channel->posted.end()) {
      ++message;
      continue;
    }
    Fill(*found, message->bytes);
    channel->posted.erase(found);
    message = channel->messages.erase(message);
  }
}

Result Init(void** ctx, uint64_t, abi::NetCommConfigV12*, abi::Logger logger,
            abi::ProfilerCallback) {
  if (logger != nullptr) latest_logger = logger;
  *ctx = new char;
  return Result::kSuccess;
}
Result Devices(int* ndev) {
  *ndev = 2;
  return Result::kSuccess;
}
Result GetProperties(int dev, abi::NetPropertiesV12* props) {
  if (dev < 0 || dev > 1) return Result::kInvalidUsage;
  *props = {};
  props->name = dev == 0 ? "memory0" : "memory1";
  props->guid = dev + 1;
  props->ptrSupport = abi::kPtrHost;
  props->speed = 100000;
  props->maxComms = 1 << 20;
  props->maxRecvs = kMaxRecvs;
  props->vProps = {1, {dev}};
  props->maxP2pBytes = abi::kMaxNetBytes;
  props->maxCollBytes = abi::kMaxNetBytes;
  props->maxMultiRequestSize = 1;
  props->railId = abi::kUndefined;
  props->planeId = abi::kUndefined;
  return Result::kSuccess;
}
Result Listen(void*, int dev, void* handle, void** listen_comm) {
  *listen_comm = nullptr;
  if (dev < 0 || dev > 1) return Result::kInvalidUsage;
  std::lock_guard<std::mutex> lock(world().mutex);
  auto* listener = new Listener{world().next_id++, {}};
  world().listeners[listener->id] = listener;
  const uint64_t words[2] = {kMagic, listener->id};
  std::memcpy(handle, words, sizeof(words));
  *listen_comm = listener;
  return Result::kSuccess;
}
Result Connect(void*, int dev, void* handle, void** send_comm,
               abi::NetDeviceHandle**) {
  *send_comm = nullptr;
  if (dev < 0 || dev > 1) return Result::kInvalidUsage;
  uint64_t words[2];
  std::memcpy(words, handle, sizeof(words));
  std::lock_guard<std::mutex> lock(world().mutex);
  auto found = world().listeners.find(words[1]);
  if (words[0] != kMagic) return Result::kInvalidUsage;
  if (found == world().listeners.end()) return Result::kRemoteError;
  auto channel = std::make_shared<Channel>();
  found->second->pending.push_back(channel);
  *send_comm = new Comm{channel, true, {}};
  return Result::kSuccess;
}
Result Accept(void* listen_comm, void** recv_comm, abi::NetDeviceHandle**) {
  *recv_comm = nullptr;
  auto* listener = static_cast<Listener*>(listen_comm);
  std::lock_guard<std::mutex> lock(world().mutex);
  if (listener->pending.empty()) return Result::kSuccess;
  *recv_comm = new Comm{listener->pending.front(), false, {}};
  listener->pending.pop_front();
  return Result::kSuccess;
}
Result RegMr(void*, void*, size_t, int type, void** mhandle) {
  *mhandle = nullptr;
  return type == abi::kPtrHost ? Result::kSuccess : Result::kInvalidUsage;
}
Result RegMrDmaBuf(void*, void*, size_t, int, uint64_t, int, void** mhandle) {
  *mhandle = nullptr;
  return Result::kInvalidUsage;
}
Result DeregMr(void*, void*) { return Result::kSuccess; }

Request* NewRequest(Comm* comm) {
  auto* request = new Request;
  comm->requests.insert(request);
  world().requests[request] = comm;
  return request;
}
Result Isend(void* send_comm, void* data, size_t size, int tag, void*, void*,
             void** out) {
  *out = nullptr;
  auto* comm = static_cast<Comm*>(send_comm);
  std::lock_guard<std::mutex> lock(world().mutex);
  Channel* channel = comm->channel.get();
  if (channel->recv_closed) return Result::kRemoteError;
  if (channel->messages.size() >= kWindow) return Result::kSuccess;
  const char* bytes = static_cast<const char*>(data);
  channel->messages.push_back({tag, std::vector<char>(bytes, bytes + size)});
  Request* request = NewRequest(comm);
  request->sizes = {static_cast<int>(size)};
  Match(channel);
  *out = request;
  return Result::kSuccess;
}
Result Irecv(void* recv_comm, int n, void** data, size_t* sizes, int* tags,
             void**, void**, void** out) {
  *out = nullptr;
  if (n < 1 || n > kMaxRecvs) return Result::kInternalError;
  auto* comm = static_cast<Comm*>(recv_comm);
  std::lock_guard<std::mutex> lock(world().mutex);
  Channel* channel = comm->channel.get();
  if (channel->posted.size() >= kWindow * kMaxRecvs) return Result::kSuccess;
  Request* request = NewRequest(comm);
  request->waiting = n;
  request->sizes.resize(n);
  for (int i = 0; i < n; ++i)
    channel->posted.push_back({request, static_cast<size_t>(i), tags[i],
                               static_cast<char*>(data[i]), sizes[i]});
  Match(channel);
  *out = request;
  return Result::kSuccess;
}
Result Iflush(void*, int, void**, int*, void**, void** request) {
  *request = nullptr;
  return Result::kSuccess;
}
Result Test(void* opaque, int* done, int* sizes) {
  *done = 0;
  auto* request = static_cast<Request*>(opaque);
  std::lock_guard<std::mutex> lock(world().mutex);
  Comm* comm = world().requests.at(request);
  if (request->result != Result::kSuccess) return request->result;
  if (request->waiting > 0)
    return comm->channel->send_closed ? Result::kRemoteError : Result::kSuccess;
  *done = 1;
  if (sizes != nullptr)
    std::copy(request->sizes.begin(), request->sizes.end(), sizes);
  comm->requests.erase(request);
  world().requests.erase(request);
  delete request;
  return Result::kSuccess;
}
Result Close(void* opaque) {
  auto* comm = static_cast<Comm*>(opaque);
  std::lock_guard<std::mutex> lock(world().mutex);
  (comm->sends ? comm->channel->send_closed : comm->channel->recv_closed) =
      true;
  if (!comm->sends) comm->channel->posted.clear();
  for (Request* request : comm->requests) {
    world().requests.erase(request);
    delete request;
  }
  delete comm;
  return Result::kSuccess;
}
Result CloseListen(void* opaque) {
  auto* listener = static_cast<Listener*>(opaque);
  std::lock_guard<std::mutex> lock(world().mutex);
  for (const auto& channel : listener->pending) channel->recv_closed = true;
  world().listeners.erase(listener->id);
  delete listener;
  return Result::kSuccess;
}
Result Finalize(void* ctx) {
  delete static_cast<char*>(ctx);
  return Result::kSuccess;
}
Result SetNetAttr(void*, abi::NetAttrV12*) { return Result::kSuccess; }

}  // namespace

extern const abi::NetV12 kCanonical = {
    kPluginName, Init,    Devices,     GetProperties, Listen,      Connect,
    Accept,      RegMr,   RegMrDmaBuf, DeregMr,       Isend,       Irecv,
    Iflush,      Test,    Close,       Close,         CloseListen, nullptr,
    nullptr,     nullptr, Finalize,    SetNetAttr,
};

}  // namespace ithaca::net

ITHACA_EXPORT_NET(12, ithaca::net::kCanonical);
