// The newest net ABI on top of the engine: arguments checked, errors converted.
#include "plugin/abi/net_v12.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "plugin/net/comms.h"
#include "plugin/net/engine.h"
#include "plugin/net/narrow.h"
#include "plugin/net/net.h"
#include "plugin/net/result.h"
#include "plugin/net/runtime.h"

namespace ithaca::net {
namespace {

using abi::Result;

constexpr size_t kMaxP2pBytes = size_t{1} << 30;
constexpr int kMaxComms = 1 << 16;
constexpr int kDefaultSpeedMbps = 10000;  // NCCL's own for an unknown speed

// What NCCL holds as its context.
struct Context {
  std::shared_ptr<Engine> engine;
};

// What NCCL holds as a listen, send or receive communicator; one of the three.
struct Object {
  std::shared_ptr<Engine> engine;
  std::unique_ptr<ListenComm> listen;
  std::unique_ptr<SendComm> send;
  std::unique_ptr<RecvComm> recv;

  Connection* connection() {
    if (send != nullptr) return send->connection();
    return recv != nullptr ? recv->connection() : nullptr;
  }
};

// What NCCL holds as a registration. Host memory needs none; it is remembered
// so that nothing is written to it once it is gone.
struct Registration {
  const char* begin;
  const char* end;
};

using Lock = std::lock_guard<std::mutex>;

// Logs where a call itself is refused; failures of a connection were logged by
// whoever found them.
Result Refuse(const Status& status) {
  ITHACA_WARN(Runtime::Get().log(), "ithaca: %s", status.ToString().c_str());
  return ToResult(status);
}

Result Misuse(const char* what) {
  return Refuse(Status(Code::kInvalidArgument, what));
}

bool Forked() { return Runtime::Get().forked(); }

const Device* FindDevice(int dev) {
  const auto& devices = Runtime::Get().devices();
  return dev >= 0 && dev < static_cast<int>(devices.size()) ? &devices[dev]
                                                            : nullptr;
}

// --- Once per communicator.

Result Init(void** ctx, uint64_t comm_id, abi::NetCommConfigV12*,
            abi::Logger logger, abi::ProfilerCallback) {
  *ctx = nullptr;
  if (Forked()) return Result::kSystemError;
  auto engine = Runtime::Get().NewEngine(comm_id, logger);
  if (!engine.ok()) return Refuse(engine.status());
  *ctx = new Context{std::move(engine).value()};
  return Result::kSuccess;
}

Result Finalize(void* ctx) {
  if (!Forked()) delete static_cast<Context*>(ctx);
  return Result::kSuccess;
}

Result SetNetAttr(void*, abi::NetAttrV12*) {
  // Advice about peers and flows; the receiver measures both itself.
  return Result::kSuccess;
}

// --- Devices.

Result Devices(int* ndev) {
  *ndev = Runtime::Get().devices().size();
  return Result::kSuccess;
}

Result GetProperties(int dev, abi::NetPropertiesV12* props) {
  memset(props, 0, sizeof(*props));
  const Device* const device = FindDevice(dev);
  if (device == nullptr) return Misuse("getProperties: no such device");
  props->name = device->name.c_str();
  props->pciPath =
      device->pci_path.empty() ? nullptr : device->pci_path.c_str();
  props->guid = device->guid;
  props->ptrSupport = abi::kPtrHost;
  props->speed =
      device->speed_mbps > 0 ? device->speed_mbps : kDefaultSpeedMbps;
  props->maxComms = kMaxComms;
  props->maxRecvs = kMaxGroup;
  props->vProps.ndevs = 1;
  props->vProps.devs[0] = dev;
  props->maxP2pBytes = kMaxP2pBytes;
  props->maxCollBytes = kMaxP2pBytes;
  props->maxMultiRequestSize = 1;
  props->railId = abi::kUndefined;
  props->planeId = abi::kUndefined;
  return Result::kSuccess;
}

// --- Connecting.

Result Listen(void* ctx, int dev, void* handle, void** listen_comm) {
  *listen_comm = nullptr;
  if (Forked()) return Result::kSystemError;
  const Device* const device = FindDevice(dev);
  if (ctx == nullptr || handle == nullptr || device == nullptr)
    return Misuse("listen: no context, no handle or no such device");
  auto object = std::make_unique<Object>();
  object->engine = static_cast<Context*>(ctx)->engine;
  const Lock lock(object->engine->mutex());
  auto listener = object->engine->Listen(*device, handle);
  if (!listener.ok()) return Refuse(listener.status());
  object->listen = std::move(listener).value();
  *listen_comm = object.release();
  return Result::kSuccess;
}

Result Connect(void* ctx, int dev, void* handle, void** send_comm,
               abi::NetDeviceHandle** send_dev_comm) {
  *send_comm = nullptr;
  if (send_dev_comm != nullptr) *send_dev_comm = nullptr;
  if (Forked()) return Result::kSystemError;
  const Device* const device = FindDevice(dev);
  if (ctx == nullptr || handle == nullptr || device == nullptr)
    return Misuse("connect: no context, no handle or no such device");
  const std::shared_ptr<Engine> engine = static_cast<Context*>(ctx)->engine;
  const Lock lock(engine->mutex());
  auto comm = engine->Connect(*device, handle);
  if (!comm.ok()) return Refuse(comm.status());
  if (*comm == nullptr) return Result::kSuccess;
  auto* const object = new Object;
  object->engine = engine;
  object->send = std::move(comm).value();
  *send_comm = object;
  return Result::kSuccess;
}

Result Accept(void* listen_comm, void** recv_comm,
              abi::NetDeviceHandle** recv_dev_comm) {
  *recv_comm = nullptr;
  if (recv_dev_comm != nullptr) *recv_dev_comm = nullptr;
  if (Forked()) return Result::kSystemError;
  auto* const listener = static_cast<Object*>(listen_comm);
  if (listener == nullptr || listener->listen == nullptr)
    return Misuse("accept: not a listen communicator");
  const Lock lock(listener->engine->mutex());
  auto comm = listener->engine->Accept(listener->listen.get());
  if (!comm.ok()) return Refuse(comm.status());
  if (*comm == nullptr) return Result::kSuccess;
  auto* const object = new Object;
  object->engine = listener->engine;
  object->recv = std::move(comm).value();
  *recv_comm = object;
  return Result::kSuccess;
}

Result Close(void* comm) {
  auto* const object = static_cast<Object*>(comm);
  if (object == nullptr || Forked()) return Result::kSuccess;
  {
    const Lock lock(object->engine->mutex());
    object->listen.reset();
    if (object->send != nullptr) object->engine->Close(std::move(object->send));
    object->recv.reset();
  }
  delete object;
  return Result::kSuccess;
}

// --- Memory.

Result RegMr(void* comm, void* data, size_t size, int type, void** mhandle) {
  *mhandle = nullptr;
  if (Forked()) return Result::kSystemError;
  if (comm == nullptr) return Misuse("regMr: no communicator");
  if (type != abi::kPtrHost)
    return Misuse("regMr: only host memory is supported (ptrSupport says so)");
  const char* const begin = static_cast<const char*>(data);
  *mhandle = new Registration{begin, begin + size};
  return Result::kSuccess;
}

Result RegMrDmaBuf(void*, void*, size_t, int, uint64_t, int, void** mhandle) {
  *mhandle = nullptr;
  return Misuse("regMrDmaBuf: only host memory is supported");
}

Result DeregMr(void* comm, void* mhandle) {
  if (Forked()) return Result::kSuccess;
  const std::unique_ptr<Registration> registration(
      static_cast<Registration*>(mhandle));
  auto* const object = static_cast<Object*>(comm);
  if (object == nullptr || registration == nullptr) return Result::kSuccess;
  const Lock lock(object->engine->mutex());
  if (Connection* const connection = object->connection())
    connection->OnMemoryGone(registration->begin, registration->end);
  object->engine->Kick();
  return Result::kSuccess;
}

// --- Data.

// Stores the request, or null for "try later".
Result Store(Engine* engine, StatusOr<Request*> started, void** request) {
  engine->Kick();
  if (!started.ok()) return ToResult(started.status());
  if (*started == nullptr) engine->Progress();
  *request = *started;
  return Result::kSuccess;
}

Result Isend(void* send_comm, void* data, size_t size, int tag, void*, void*,
             void** request) {
  *request = nullptr;
  if (Forked()) return Result::kSystemError;
  auto* const object = static_cast<Object*>(send_comm);
  if (object == nullptr || object->send == nullptr)
    return Misuse("isend: not a send communicator");
  if (size > kMaxP2pBytes) return Misuse("isend: more than maxP2pBytes");
  if (data == nullptr && size > 0) return Misuse("isend: no data");
  const Lock lock(object->engine->mutex());
  return Store(object->engine.get(),
               object->send->connection()->Send(data, size, tag), request);
}

Result Irecv(void* recv_comm, int n, void** data, size_t* sizes, int* tags,
             void**, void**, void** request) {
  *request = nullptr;  // NCCL may have left a marker there
  if (Forked()) return Result::kSystemError;
  auto* const object = static_cast<Object*>(recv_comm);
  if (object == nullptr || object->recv == nullptr)
    return Misuse("irecv: not a receive communicator");
  if (n < 1 || n > kMaxGroup)
    return Misuse("irecv: no buffer, or more than maxRecvs");
  const Lock lock(object->engine->mutex());
  return Store(object->engine.get(),
               object->recv->connection()->Receive(n, data, sizes, tags),
               request);
}

Result Iflush(void*, int, void**, int*, void**, void** request) {
  *request = nullptr;  // host memory is visible as soon as it is written
  return Result::kSuccess;
}

Result Test(void* request, int* done, int* sizes) {
  *done = 0;
  if (Forked()) return Result::kSystemError;
  if (request == nullptr) return Misuse("test: no request");
  Connection* const connection = static_cast<Request*>(request)->connection;
  Engine* const engine = static_cast<Engine*>(connection->owner());
  const Lock lock(engine->mutex());
  const int count = static_cast<Request*>(request)->count;
  uint64_t bytes[kMaxGroup];
  auto result = connection->Test(static_cast<Request*>(request), bytes);
  if (result.ok() && !*result) {
    engine->Progress();
    result = connection->Test(static_cast<Request*>(request), bytes);
  }
  if (!result.ok()) return ToResult(result.status());
  if (!*result) return Result::kSuccess;
  *done = 1;
  if (sizes != nullptr) std::copy_n(bytes, count, sizes);
  return Result::kSuccess;
}

}  // namespace

const abi::NetV12 kCanonical = {
    /*name=*/kPluginName,
    Init,
    Devices,
    GetProperties,
    Listen,
    Connect,
    Accept,
    RegMr,
    RegMrDmaBuf,
    DeregMr,
    Isend,
    Irecv,
    Iflush,
    Test,
    /*closeSend=*/Close,
    /*closeRecv=*/Close,
    /*closeListen=*/Close,
    /*getDeviceMr=*/nullptr,
    /*irecvConsumed=*/nullptr,
    /*makeVDevice=*/nullptr,
    Finalize,
    SetNetAttr,
};

}  // namespace ithaca::net

ITHACA_EXPORT_NET(12, ithaca::net::kCanonical);
