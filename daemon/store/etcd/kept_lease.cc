#include "daemon/store/etcd/kept_lease.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::store::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between attempts that failed at once.
constexpr milliseconds kPause(50);

}  // namespace

milliseconds KeptLease::Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

absl::StatusOr<std::unique_ptr<KeptLease>> KeptLease::Grant(Client* client,
                                                            milliseconds ttl,
                                                            LeaseLost lost) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl((ttl.count() + 999) / 1000);
  etcdserverpb::LeaseGrantResponse response;
  Millis sent{};
  // A grant whose answer is lost leaves a lease that nobody keeps: it runs out.
  const absl::Status status = client->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        sent = Now();
        return endpoint.lease->LeaseGrant(context, request, &response);
      },
      client->Deadline());
  if (!status.ok()) return status;
  return std::unique_ptr<KeptLease>(
      new KeptLease(client, response.id(), milliseconds(response.ttl() * 1000),
                    sent, std::move(lost)));
}

KeptLease::KeptLease(Client* client, int64_t id, Millis ttl, Millis sent,
                     LeaseLost lost)
    : client_(client),
      id_(id),
      ttl_(ttl),
      lost_(std::move(lost)),
      sent_(sent),
      thread_([this] { Run(); }) {}

milliseconds KeptLease::Remaining() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (over_) return Millis(0);
  return std::max(Millis(0), Deadline() - Now());
}

void KeptLease::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  Millis renew = sent_ + ttl_ / 3;
  std::string cause = "the daemon did not run";
  for (;;) {
    const Millis wait = std::min(renew, Deadline()) - Now();
    wake_.wait_for(lock, std::max(Millis(0), wait), [this] { return stop_; });
    if (stop_) return;
    if (Now() >= Deadline()) {
      Lose(std::move(lock),
           absl::StrCat("could not be renewed in time: ", cause));
      return;
    }
    if (Now() < renew) continue;
    const Millis until = Deadline();
    Millis sent{};
    lock.unlock();
    const Renewal renewal = Renew(until, &sent, &cause);
    lock.lock();
    if (renewal == Renewal::kGone) {
      Lose(std::move(lock), "etcd does not have it any more");
      return;
    }
    if (renewal == Renewal::kDone) sent_ = sent;
    renew = renewal == Renewal::kDone ? sent_ + ttl_ / 3 : Now() + kPause;
  }
}

KeptLease::Renewal KeptLease::Renew(Millis until, Millis* sent,
                                    std::string* cause) {
  const size_t index = client_->preferred();
  const Endpoint& endpoint = client_->endpoint(index);
  *sent = Now();
  const Millis attempt = std::clamp(ttl_ / 6, Millis(200), Millis(1500));
  grpc::ClientContext context;
  // See Client::Call.
  context.set_wait_for_ready(true);
  Client::Prepare(&context,
                  steady_clock::now() + std::min(attempt, until - *sent));
  auto stream = endpoint.lease->LeaseKeepAlive(&context);
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(id_);
  stream->Write(request);
  stream->WritesDone();
  etcdserverpb::LeaseKeepAliveResponse response;
  const bool answered = stream->Read(&response);
  const grpc::Status status = stream->Finish();
  if (answered) return response.ttl() > 0 ? Renewal::kDone : Renewal::kGone;
  *cause = absl::StrCat(endpoint.name, ": ", status.error_message());
  client_->Avoid(index);
  return Renewal::kNoAnswer;
}

void KeptLease::Lose(std::unique_lock<std::mutex> lock,
                     const std::string& why) {
  over_ = true;
  lock.unlock();
  if (lost_)
    lost_(absl::UnavailableError(
        absl::StrCat("store etcd: lease ", id_, " is lost: ", why)));
}

absl::Status KeptLease::Revoke() {
  std::lock_guard<std::mutex> revoking(revoke_mutex_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(over_, true)) return absl::OkStatus();
  }
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(id_);
  etcdserverpb::LeaseRevokeResponse response;
  const absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.lease->LeaseRevoke(context, request, &response);
      },
      steady_clock::now() + 2 * client_->attempt_timeout());
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace ithaca::store::etcd
