#include "tests/histories/group_watcher.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "ithaca/groups/v1/groups.grpc.pb.h"
#include "tests/histories/group_actor.h"
#include "tests/histories/member_stream.h"

namespace ithaca::histories {
namespace {

namespace v1 = groups::v1;

// Notes what a message says; where the watcher is then.
int64_t Note(const v1::WatchGroupResponse& message, int64_t at, WatchLog* log) {
  LogMessage(message.has_group() ? &message.group() : nullptr, message.events(),
             log);
  for (const v1::GroupEvent& event : message.events())
    at = std::max(at, static_cast<int64_t>(event.sequence()));
  if (message.has_group())
    at = std::max(at, static_cast<int64_t>(message.group().sequence()));
  if (!message.has_bookmark()) return at;
  const auto bookmark = static_cast<int64_t>(message.bookmark());
  log->items.push_back({WatchItem::Kind::kBookmark, bookmark, "", {}});
  return std::max(at, bookmark);
}

}  // namespace

void GroupWatcher::Run(const std::atomic<bool>& stop) const {
  std::mt19937_64 random(seed);
  const auto channel = ActorChannel(socket);
  const auto stub = v1::GroupsService::NewStub(channel);
  WatchLog log{name, {}};
  int64_t at = 0;
  while (!stop) {
    grpc::ClientContext context;
    // It breaks off by itself, at some moment.
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(20 + random() % 500));
    v1::WatchGroupRequest request;
    request.set_group_id(recorder->group());
    request.set_after_sequence(static_cast<uint64_t>(at));
    auto reader = stub->WatchGroup(&context, request);
    v1::WatchGroupResponse message;
    bool first = true;
    while (reader->Read(&message)) {
      if (std::exchange(first, false))
        log.items.push_back({WatchItem::Kind::kStart, at, "", {}});
      at = Note(message, at, &log);
    }
    if (reader->Finish().error_code() != grpc::StatusCode::DEADLINE_EXCEEDED)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  recorder->AddWatch(std::move(log));
}

}  // namespace ithaca::histories
