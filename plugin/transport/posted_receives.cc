#include "plugin/transport/posted_receives.h"

#include <iterator>
#include <utility>

namespace ithaca {
namespace {

// Appends to and takes from the singly linked lists.
template <typename T>
void Append(T* item, T** first, T** last) {
  item->next = nullptr;
  (*first == nullptr ? *first : (*last)->next) = item;
  *last = item;
}

template <typename T>
T* TakeFirst(T** first) {
  T* const item = *first;
  if (item != nullptr) *first = std::exchange(item->next, nullptr);
  return item;
}

}  // namespace

PostedReceives::Receive* PostedReceives::Open(int n, void* const* data,
                                              const size_t* sizes,
                                              const int* tags) {
  if (free_.empty()) {
    if (receives_.size() == kMaxRequests) return nullptr;
    free_.push_back(&receives_.emplace_back());
    free_.back()->connection = connection_;
  }
  Receive* const receive = free_.back();
  free_.pop_back();
  receive->state = Request::State::kActive;
  receive->count = n;
  receive->open = n;
  for (int i = 0; i < n; ++i) {
    Buffer& buffer = receive->buffers[i];
    buffer.data = static_cast<char*>(data[i]);
    buffer.bytes = data[i] != nullptr ? sizes[i] : 0;
    buffer.tag = tags[i];
    buffer.receive = receive;
    buffer.open = true;
  }
  ++pending_;
  return receive;
}

PostedReceives::Waiting& PostedReceives::ByTag(int32_t tag) {
  const auto known = tags_.find(tag);
  if (known != tags_.end()) return known->second;
  if (tags_.size() >= sweep_at_) {
    for (auto entry = tags_.begin(); entry != tags_.end();) {
      const bool idle = entry->second.first_buffer == nullptr &&
                        entry->second.first_message == nullptr;
      entry = idle ? tags_.erase(entry) : std::next(entry);
    }
    sweep_at_ = 2 * tags_.size() + 64;
  }
  return tags_[tag];
}

PostedReceives::Arrival* PostedReceives::Post(Buffer* buffer) {
  Waiting& waiting = ByTag(buffer->tag);
  Arrival* const message = TakeFirst(&waiting.first_message);
  if (message == nullptr)
    Append(buffer, &waiting.first_buffer, &waiting.last_buffer);
  return message;
}

PostedReceives::Buffer* PostedReceives::Arrive(Arrival* message) {
  Waiting& waiting = ByTag(message->tag);
  Buffer* const buffer = TakeFirst(&waiting.first_buffer);
  if (buffer == nullptr)
    Append(message, &waiting.first_message, &waiting.last_message);
  return buffer;
}

void PostedReceives::Fill(Buffer* buffer, uint64_t bytes) {
  Receive* const receive = buffer->receive;
  buffer->open = false;
  receive->bytes[buffer - receive->buffers] = bytes;
  if (--receive->open > 0) return;
  receive->state = Request::State::kDone;
  --pending_;
}

void PostedReceives::Close(Request* request) {
  request->state = Request::State::kFree;
  free_.push_back(static_cast<Receive*>(request));
}

bool PostedReceives::Uses(const void* begin, const void* end) const {
  for (const Receive& receive : receives_) {
    if (receive.state != Request::State::kActive) continue;
    for (int i = 0; i < receive.count; ++i) {
      const Buffer& buffer = receive.buffers[i];
      if (buffer.open && buffer.bytes > 0 && buffer.data < end &&
          buffer.data + buffer.bytes > begin)
        return true;
    }
  }
  return false;
}

}  // namespace ithaca
