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
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    const bool waits_for_it = it->second.name == blob.name;
    if (waits_for_it) effects->answers.push_back({it->first, blob});
    it = waits_for_it ? waiters_.erase(it) : std::next(it);
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

Result<std::optional<Blob>> BlobBoard::Get(const std::string& name,
                                           WaiterId waiter, Millis deadline,
                                           Millis now,
                                           const std::string& situation) {
  const auto found = blobs_.find(name);
  if (found != blobs_.end()) return std::optional<Blob>(found->second);
  if (deadline <= now) return NotPublished(name, 0, situation);
  if (waiters_.size() >= limits_.max_waiters_per_group) {
    return Refusal{absl::StatusCode::kResourceExhausted,
                   "LIMIT_EXCEEDED",
                   absl::StrCat("the group has ", waiters_.size(),
                                " waiting GetBlob calls"),
                   "wait with one call per blob and rank",
                   {}};
  }
  waiters_[waiter] = Waiter{name, deadline, now};
  return std::optional<Blob>();
}

bool BlobBoard::Clear(const Refusal& why, Effects* effects) {
  for (const auto& [id, waiter] : waiters_)
    effects->answers.push_back({id, why});
  waiters_.clear();
  const bool had_blobs = !blobs_.empty();
  blobs_.clear();
  bytes_ = 0;
  return had_blobs;
}

void BlobBoard::Tick(Millis now, const std::string& situation,
                     Effects* effects) {
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    const Waiter& waiter = it->second;
    const bool late = waiter.deadline <= now;
    if (late) {
      effects->answers.push_back(
          {it->first,
           NotPublished(waiter.name, now - waiter.since, situation)});
    }
    it = late ? waiters_.erase(it) : std::next(it);
  }
}

std::optional<Millis> BlobBoard::NextDeadline() const {
  std::optional<Millis> next;
  for (const auto& [id, waiter] : waiters_) {
    if (!next.has_value() || waiter.deadline < *next) next = waiter.deadline;
  }
  return next;
}

}  // namespace ithaca::groups
