#include "daemon/server/call_meter.h"

#include <chrono>
#include <utility>

#include "daemon/cluster/handover.h"
#include "daemon/groups/rpc_status.h"
#include "daemon/server/version.h"

namespace ithaca::server {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

// One call. gRPC makes it when the call comes, and destroys it when the call is
// over, however it ended.
class CallMeter : public grpc::experimental::Interceptor {
 public:
  CallMeter(metrics::Metrics* metrics, std::string method, bool unary)
      : metrics_(metrics),
        method_(std::move(method)),
        unary_(unary),
        begun_(std::chrono::steady_clock::now()) {
    if (!unary_) metrics_->streams.Child({method_}).Increment();
    cluster::HandOver(this);
  }

  ~CallMeter() override {
    cluster::TakeBack(this);
    Count();
    // gRPC ends a call before its server's Shutdown returns.
    cluster::HandOver(metrics_);
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace(kVersionKey, kVersion);
    }
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      reason_ = status.ok() ? "OK" : groups::FromRpcStatus(status).reason;
      cluster::HandOver(this);
    }
    methods->Proceed();
  }

 private:
  void Count() {
    metrics_->calls.Count({method_, reason_});
    if (!unary_) {
      metrics_->streams.Child({method_}).Decrement();
      return;
    }
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - begun_;
    metrics_->call_seconds.Child({method_}).Observe(took.count());
  }

  metrics::Metrics* const metrics_;
  const std::string method_;
  const bool unary_;
  const std::chrono::steady_clock::time_point begun_;
  // Of a call that ended without an answer.
  std::string reason_ = "CANCELLED";
};

}  // namespace

CallMeterFactory::CallMeterFactory(metrics::Metrics* metrics,
                                   const MethodTable* methods)
    : metrics_(metrics), methods_(methods) {
  cluster::HandOver(this);
}

grpc::experimental::Interceptor* CallMeterFactory::CreateServerInterceptor(
    ServerRpcInfo* info) {
  cluster::TakeBack(this);
  const std::string method = info->method();
  // Only names of our own become labels.
  const bool known = methods_->count(method) != 0;
  return new CallMeter(metrics_, known ? method.substr(1) : metrics::kOther,
                       info->type() == ServerRpcInfo::Type::UNARY);
}

}  // namespace ithaca::server
