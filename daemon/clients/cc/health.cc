#include "daemon/clients/cc/health.h"

#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "daemon/clients/cc/rpc_error.h"

namespace ithaca::client {
namespace {

// HealthCheckRequest: string service = 1.
grpc::ByteBuffer Encode(const std::string& service) {
  std::string bytes("\x0a", 1);
  bytes +=
      static_cast<char>(service.size());  // names are shorter than 128 bytes
  bytes += service;
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// HealthCheckResponse: ServingStatus status = 1.
std::string Decode(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "UNKNOWN";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  if (bytes == std::string("\x08\x01", 2)) return "SERVING";
  if (bytes == std::string("\x08\x02", 2)) return "NOT_SERVING";
  return "UNKNOWN";
}

}  // namespace

absl::StatusOr<std::string> CheckHealth(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
    int64_t timeout_ms) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(timeout_ms));
  const grpc::ByteBuffer request = Encode(service);
  grpc::ByteBuffer response;
  std::mutex mutex;
  std::condition_variable done;
  std::optional<grpc::Status> status;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(),
                 &request, &response, [&](grpc::Status result) {
                   std::lock_guard<std::mutex> lock(mutex);
                   status = std::move(result);
                   done.notify_one();
                 });
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&status] { return status.has_value(); });
  if (status->ok()) return Decode(response);
  if (status->error_code() == grpc::StatusCode::NOT_FOUND)
    return std::string("UNKNOWN");
  return FromRpc(*status);
}

}  // namespace ithaca::client
