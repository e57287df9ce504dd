#include "daemon/groups/fanout.h"

#include <algorithm>
#include <utility>

namespace ithaca::groups {
namespace {

// Streams that are looked at before news is taken up.
constexpr size_t kSlice = 64;
// A message of events; readers accept 4 MiB.
constexpr size_t kMessageBytes = size_t{1} << 20;
// A log's bytes while all of them together are too many.
constexpr size_t kScarceBytes = size_t{64} << 10;

}  // namespace

Fanout::Fanout(Options options)
    : options_(std::move(options)),
      next_bookmarks_(Clock::now() + options_.bookmark_every) {
  thread_ = std::thread([this] { Loop(); });
}

Fanout::~Fanout() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

// ---- from any thread

void Fanout::Post(Command command) {
  std::lock_guard<std::mutex> lock(mutex_);
  commands_.push_back(std::move(command));
  wake_.notify_one();
}

void Fanout::Ready(StreamId id) {
  std::lock_guard<std::mutex> lock(mutex_);
  ready_.push_back(id);
  wake_.notify_one();
}

void Fanout::Add(StreamId id, const std::string& group_id, Start start,
                 std::unique_ptr<EventStream> stream) {
  // Shared because a std::function must be copyable.
  auto call = std::make_shared<std::unique_ptr<EventStream>>(std::move(stream));
  Post([this, id, group_id, start = std::move(start), call] {
    AddNow(id, group_id, start, std::move(*call));
  });
}

void Fanout::Append(const std::string& group_id, News news) {
  Post([this, group_id, news = std::move(news)] {
    const auto feed = feeds_.find(group_id);
    if (feed != feeds_.end()) AppendTo(feed->second.get(), news);
  });
}

void Fanout::Offer(const std::string& group_id, SnapshotPtr snapshot) {
  Post([this, group_id, snapshot = std::move(snapshot)] {
    const auto found = feeds_.find(group_id);
    if (found == feeds_.end()) return;
    Feed* feed = found->second.get();
    feed->asked = false;
    feed->snapshot = snapshot;
    for (StreamId id : std::exchange(feed->behind, {})) {
      const auto stream = streams_.find(id);
      if (stream == streams_.end()) continue;
      stream->second.waits_for_group = false;
      Queue(id, &stream->second);
    }
  });
}

void Fanout::End(StreamId id, const grpc::Status& status) {
  Post([this, id, status] {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    if (!found->second.end.has_value()) found->second.end = status;
    Queue(id, &found->second);
  });
}

void Fanout::EndGroup(const std::string& group_id,
                      const grpc::Status& watchers) {
  Post([this, group_id, watchers] {
    const auto feed = feeds_.find(group_id);
    if (feed == feeds_.end()) return;
    for (StreamId id : feed->second->streams) {
      Stream& stream = streams_.at(id);
      if (stream.member || stream.end.has_value()) continue;
      stream.end = watchers;
      Queue(id, &stream);
    }
    feeds_.erase(feed);
  });
}

void Fanout::EndAll(const grpc::Status& status) {
  Post([this, status] {
    for (auto& [id, stream] : streams_) {
      if (!stream.end.has_value()) stream.end = status;
      Queue(id, &stream);
    }
  });
}

void Fanout::Remove(StreamId id) {
  Post([this, id] { Forget(id); });
}

// ---- the thread

void Fanout::Loop() {
  std::vector<Command> commands;
  std::vector<StreamId> ready;
  while (TakeWork(&commands, &ready)) {
    for (Command& command : commands) command();
    commands.clear();
    for (StreamId id : ready) {
      const auto stream = streams_.find(id);
      if (stream != streams_.end()) Queue(id, &stream->second);
    }
    ready.clear();
    Work(&members_);
    Work(&watchers_);
    const Clock::time_point now = Clock::now();
    if (now >= next_bookmarks_) SendBookmarks(now);
  }
}

bool Fanout::TakeWork(std::vector<Command>* commands,
                      std::vector<StreamId>* ready) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (members_.empty() && watchers_.empty()) {
    wake_.wait_until(lock, next_bookmarks_, [this] {
      return stopping_ || !commands_.empty() || !ready_.empty();
    });
  }
  commands->swap(commands_);
  ready->swap(ready_);
  return !stopping_ || !commands->empty();
}

void Fanout::Work(std::deque<StreamId>* queue) {
  for (size_t i = 0; i < kSlice && !queue->empty(); ++i) {
    const StreamId id = queue->front();
    queue->pop_front();
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    found->second.queued = false;
    Advance(id, &found->second);
  }
}

void Fanout::Queue(StreamId id, Stream* stream) {
  if (stream->queued || stream->finished) return;
  // What is under way ends with Ready.
  if (!stream->call->idle()) return;
  stream->queued = true;
  (stream->member ? members_ : watchers_).push_back(id);
}

void Fanout::AddNow(StreamId id, const std::string& group_id,
                    const Start& start, std::unique_ptr<EventStream> call) {
  std::shared_ptr<Feed>& feed = feeds_[group_id];
  if (feed == nullptr) {
    feed = std::make_shared<Feed>();
    feed->group_id = group_id;
  }
  Stream& stream = streams_[id];
  stream.call = std::move(call);
  stream.feed = feed;
  stream.index = feed->streams.size();
  stream.member = start.member;
  stream.reader.sequence = start.sequence;
  stream.reader.quiet = start.quiet;
  // What the log holds is older than the stream.
  stream.reader.position = feed->log.end();
  stream.first = start.first;
  stream.plan = start.plan;
  if (start.plan.size() > 0 && !start.first.empty())
    stream.first.push_back(start.plan);
  stream.sent_at = Clock::now();
  feed->streams.push_back(id);
  Advance(id, &stream);
}

void Fanout::AppendTo(Feed* feed, const News& news) {
  const EventLog::Position before = feed->log.end();
  AppendToLog(feed, news.events);
  if (news.group != nullptr) feed->snapshot = news.group;
  const bool wakes_quiet = news.group != nullptr ||
                           std::any_of(news.events.begin(), news.events.end(),
                                       [](const EventPtr& event) {
                                         return EventLog::IsLoud(event->type);
                                       });
  for (const auto& [id, joined] : news.joined) {
    const auto stream = streams_.find(id);
    if (stream == streams_.end()) continue;
    stream->second.joined = joined;
    stream->second.renew = true;
  }
  for (StreamId id : feed->streams) {
    Stream& stream = streams_.at(id);
    if (news.plan.size() > 0 && stream.plan.size() > 0) stream.plan = news.plan;
    stream.renew = stream.renew || news.renewed;
    if (!stream.reader.quiet || wakes_quiet) {
      Queue(id, &stream);
    } else if (stream.reader.position == before) {
      stream.reader.position = feed->log.end();
    }
  }
}

void Fanout::AppendToLog(Feed* feed, const std::vector<EventPtr>& events) {
  EventLog& log = feed->log;
  log_bytes_ -= log.bytes();
  const EventLog::Position before = log.end();
  for (const EventPtr& event : events) log.Append(*event);
  const bool scarce = log_bytes_ + log.bytes() > options_.total_bytes;
  log.Trim(
      scarce ? std::min(kScarceBytes, options_.log_bytes) : options_.log_bytes,
      before);
  log_bytes_ += log.bytes();
}

// ---- one stream

void Fanout::Advance(StreamId id, Stream* stream) {
  if (stream->finished || !stream->call->idle()) return;
  std::vector<grpc::Slice> slices;
  if (stream->call->broken()) {
    stream->finished = true;
    stream->call->End(grpc::Status::CANCELLED);
  } else if (Next(id, stream, &slices)) {
    Send(stream, &slices);
  } else if (stream->end.has_value()) {
    stream->finished = true;
    stream->call->End(*stream->end);
  }
}

void Fanout::Send(Stream* stream, std::vector<grpc::Slice>* slices) {
  stream->sent_at = Clock::now();
  stream->call->Write(slices);
}

bool Fanout::Next(StreamId id, Stream* stream,
                  std::vector<grpc::Slice>* slices) {
  if (!stream->first.empty()) {
    *slices = std::exchange(stream->first, {});
    return true;
  }
  const Feed& feed = *stream->feed;
  EventLog::Reader& reader = stream->reader;
  // It may know by number what the log has forgotten.
  if (reader.position < feed.log.begin() &&
      feed.log.forgotten() <= reader.sequence) {
    reader.position = feed.log.After(reader.sequence);
  }
  if (!WantsGroup(*stream))
    return feed.log.Take(&reader, kMessageBytes, slices);
  if (feed.snapshot == nullptr ||
      feed.snapshot->sequence < feed.log.forgotten()) {
    if (!stream->end.has_value()) AskForGroup(id, stream);
    return false;
  }
  TakeGroup(stream, slices);
  return true;
}

bool Fanout::WantsGroup(const Stream& stream) const {
  const SnapshotPtr& group = stream.feed->snapshot;
  const EventLog::Reader& reader = stream.reader;
  if (stream.renew || reader.position < stream.feed->log.begin()) return true;
  return reader.quiet && group != nullptr && group->complete &&
         group->sequence > reader.sequence;
}

void Fanout::TakeGroup(Stream* stream, std::vector<grpc::Slice>* slices) {
  const EventLog& log = stream->feed->log;
  const Snapshot& group = *stream->feed->snapshot;
  EventLog::Reader& reader = stream->reader;
  if (stream->joined.size() > 0)
    slices->push_back(std::exchange(stream->joined, grpc::Slice()));
  slices->push_back(group.bytes);
  if (stream->plan.size() > 0) slices->push_back(stream->plan);
  if (!reader.quiet && reader.position >= log.begin())
    log.Take(&reader, kMessageBytes, slices);
  reader.sequence = std::max(reader.sequence, group.sequence);
  reader.position = std::max(reader.position, log.After(group.sequence));
  reader.quiet = reader.quiet && !group.complete;
  stream->renew = false;
}

void Fanout::AskForGroup(StreamId id, Stream* stream) {
  Feed* feed = stream->feed.get();
  if (std::exchange(stream->waits_for_group, true)) return;
  feed->behind.push_back(id);
  if (!std::exchange(feed->asked, true)) options_.behind(feed->group_id);
}

void Fanout::SendBookmarks(Clock::time_point now) {
  next_bookmarks_ = now + options_.bookmark_every / 4;
  for (auto& [id, stream] : streams_) {
    if (stream.member || stream.finished || stream.queued) continue;
    if (now - stream.sent_at < options_.bookmark_every) continue;
    // Only to those who know all there is.
    if (!stream.call->idle() || stream.call->broken() ||
        stream.end.has_value() ||
        stream.reader.position != stream.feed->log.end()) {
      continue;
    }
    std::vector<grpc::Slice> slices{EncodeBookmark(stream.reader.sequence)};
    Send(&stream, &slices);
  }
}

void Fanout::Forget(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const std::shared_ptr<Feed> feed = std::move(found->second.feed);
  const size_t index = found->second.index;
  feed->streams[index] = feed->streams.back();
  streams_.at(feed->streams[index]).index = index;
  feed->streams.pop_back();
  streams_.erase(found);
  if (!feed->streams.empty()) return;
  log_bytes_ -= feed->log.bytes();
  const auto current = feeds_.find(feed->group_id);
  if (current != feeds_.end() && current->second == feed) feeds_.erase(current);
}

}  // namespace ithaca::groups
