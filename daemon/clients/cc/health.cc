#include "daemon/clients/cc/health.h"

#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <future>
#include <utility>
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

// Health/Check of one service, until it is answered.
grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& service, int64_t timeout_ms,
                 grpc::ClientContext* context, grpc::ByteBuffer* response) {
  grpc::GenericStub stub(channel);
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::milliseconds(timeout_ms));
  const grpc::ByteBuffer request = Encode(service);
  std::promise<grpc::Status> answered;
  stub.UnaryCall(context, "/grpc.health.v1.Health/Check", grpc::StubOptions(),
                 &request, response, [&answered](grpc::Status status) {
                   answered.set_value(std::move(status));
                 });
  return answered.get_future().get();
}

}  // namespace

absl::StatusOr<std::string> CheckHealth(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
    int64_t timeout_ms) {
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  const grpc::Status status =
      Ask(channel, service, timeout_ms, &context, &response);
  if (status.ok()) return Decode(response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND)
    return std::string("UNKNOWN");
  return FromRpc(status);
}

absl::StatusOr<std::string> DaemonVersion(
    const std::shared_ptr<grpc::Channel>& channel, int64_t timeout_ms) {
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  const grpc::Status status = Ask(channel, "", timeout_ms, &context, &response);
  if (!status.ok()) return FromRpc(status);
  const auto& metadata = context.GetServerInitialMetadata();
  const auto found = metadata.find("ithaca-version");
  if (found == metadata.end()) return std::string();
  return std::string(found->second.data(), found->second.size());
}

}  // namespace ithaca::client
