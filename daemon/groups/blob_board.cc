#include "daemon/groups/blob_board.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::groups {
namespace {

Refusal NotPublished(const std::string& name, Millis waited,
                     const std::string& situation) {
  return Refusal{absl::StatusCode::kDeadlineExceeded,
                 "BLOB_NOT_PUBLISHED",
                 absl::StrCat("nobody published ", name, " within ", waited,
                              " ms; ", situation),
                 "check that its publisher has joined, and wait longer",
                 {}};
}

}  // namespace

Result<bool> BlobBoard::Publish(Blob blob, Effects* effects) {
  const auto found = blobs_.find(blob.name);
  if (found != blobs_.end()) {
    if (*found->second.data == *blob.data) return false;
    const uint32_t publisher = found->second.publisher_slot;
    return Refusal{
        absl::StatusCode::kAlreadyExists,
        "BLOB_CONFLICT",
        absl::StrCat("slot ", publisher, " published other bytes as ",
                     blob.name, " in epoch ", blob.epoch),
        "let one rank publish, or use a name per rank",
        {{"publisher_slot", absl::StrCat(publisher)}}};
  }
  if (blobs_.size() >= limits_.max_blobs_per_group ||
      bytes_ + blob.data->size() > limits_.max_blob_bytes_per_group) {
    return Refusal{
        absl::StatusCode::kResourceExhausted,
        "LIMIT_EXCEEDED",
        absl::StrCat("the group has ", blobs_.size(), " blobs with ", bytes_,
                     " bytes in this epoch; ", limits_.max_blobs_per_group,
                     " blobs and ", limits_.max_blob_bytes_per_group,
                     " bytes are possible"),
        "publish fewer or smaller ones",
        {}};
  }
  const auto waiting = by_name_.find(blob.name);
  if (waiting != by_name_.end()) {
    for (const WaiterId id : std::set<WaiterId>(waiting->second)) {
      effects->answers.push_back({id, Waited{blob}});
      CancelWaiter(id);
    }
  }
  return Restore(std::move(blob));
}

bool BlobBoard::Restore(Blob blob) {
  const size_t bytes = blob.data->size();
  const std::string name = blob.name;
  if (!blobs_.emplace(name, std::move(blob)).second) return false;
  bytes_ += bytes;
  return true;
}

Result<std::optional<Blob>> BlobBoard::Get(const Request& request, Millis now,
                                           const std::string& situation) {
  const auto found = blobs_.find(request.name);
  if (found != blobs_.end()) return std::optional<Blob>(found->second);
  if (request.deadline <= now) return NotPublished(request.name, 0, situation);
  if (waiters_.size() >= limits_.max_waiters_per_group) {
    return Refusal{absl::StatusCode::kResourceExhausted,
                   "LIMIT_EXCEEDED",
                   absl::StrCat("the group has ", waiters_.size(),
                                " waiting GetBlob calls"),
                   "wait with one call per blob and rank",
                   {}};
  }
  waiters_[request.waiter] = Waiter{request, now};
  by_name_[request.name].insert(request.waiter);
  due_.insert({request.deadline, request.waiter});
  return std::optional<Blob>();
}

void BlobBoard::CancelWaiter(WaiterId waiter) {
  const auto found = waiters_.find(waiter);
  if (found == waiters_.end()) return;
  const Request& request = found->second.request;
  const auto waiting = by_name_.find(request.name);
  waiting->second.erase(waiter);
  if (waiting->second.empty()) by_name_.erase(waiting);
  due_.erase({request.deadline, waiter});
  waiters_.erase(found);
}

bool BlobBoard::Clear(const Refusal& why, Effects* effects) {
  for (const auto& [id, waiter] : waiters_)
    effects->answers.push_back({id, why});
  waiters_.clear();
  by_name_.clear();
  due_.clear();
  const bool had_blobs = !blobs_.empty();
  blobs_.clear();
  bytes_ = 0;
  return had_blobs;
}

void BlobBoard::Tick(Millis now, const std::string& situation,
                     Effects* effects) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const WaiterId id = due_.begin()->second;
    const Waiter& waiter = waiters_.at(id);
    effects->answers.push_back(
        {id, NotPublished(waiter.request.name, now - waiter.since, situation)});
    CancelWaiter(id);
  }
}

std::optional<Millis> BlobBoard::NextDeadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

std::vector<Waiting> BlobBoard::Waits() const {
  std::vector<Waiting> waits;
  for (const auto& [name, ids] : by_name_) {
    Waiting wait;
    wait.code = "BLOB";
    wait.text = absl::StrCat("nobody published ", name, " yet");
    for (const WaiterId id : ids) {
      const Request& request = waiters_.at(id).request;
      wait.waiting_slots.push_back(request.slot);
      if (!wait.deadline.has_value() || request.deadline < *wait.deadline)
        wait.deadline = request.deadline;
    }
    waits.push_back(std::move(wait));
  }
  return waits;
}

}  // namespace ithaca::groups
