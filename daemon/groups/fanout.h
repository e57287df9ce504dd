// Sends what happens in groups to all their streams, on a thread of its own, so
// that nobody who joins waits until others were told.
//
// What a group's streams are sent lies in one log of encoded events per group;
// a stream is a position in it. A stream whose position the log has forgotten,
// because its reader is slow, is sent the whole group instead. Members come
// before watchers, and both in slices, so that news is taken up while older
// news is still on its way: what piled up for a stream goes out in one message.
//
// Used by StreamHub. Threads: all methods from any; what one thread asked for
// happens in that order. Life: every stream must have been removed before the
// destructor.
#ifndef ITHACA_DAEMON_GROUPS_FANOUT_H_
#define ITHACA_DAEMON_GROUPS_FANOUT_H_

#include <grpcpp/support/slice.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/groups/encode.h"
#include "daemon/groups/event_log.h"
#include "daemon/groups/event_stream.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

// What happened in a group at one moment.
struct News {
  // With ascending numbers.
  std::vector<EventPtr> events;
  // The group after them, or later. Null: nobody is to be sent it.
  SnapshotPtr group;
  // Whether every stream is sent the group, in one message with the events;
  // otherwise quiet streams are, when it is complete.
  bool renewed = false;
  // Streams that are sent the group in any case, and in the same message this
  // (an encoded `joined`).
  std::vector<std::pair<StreamId, grpc::Slice>> joined;
  // The group's plan from now on, encoded as in Start; empty: as before.
  grpc::Slice plan;
};

class Fanout {
 public:
  struct Options {
    // Of one group's log; less when all logs together are above `total_bytes`.
    size_t log_bytes = size_t{1} << 20;
    size_t total_bytes = size_t{64} << 20;
    // A watcher that was sent nothing for so long is sent a bookmark.
    std::chrono::milliseconds bookmark_every{10'000};
    // Streams of the group fell behind: Offer is wanted. On this object's
    // thread.
    std::function<void(const std::string& group_id)> behind;
  };

  struct Start {
    bool member = false;
    // Nothing is said of who joins until the group was complete once; then the
    // whole group, and from then on everything.
    bool quiet = false;
    // The first message, without the plan; empty: none.
    std::vector<grpc::Slice> first;
    // Number of the last event that the reader knows after it.
    uint64_t sequence = 0;
    // Goes with every whole group: an encoded `group` with nothing but the
    // plan. Empty: no plan is wanted.
    grpc::Slice plan;
  };

  explicit Fanout(Options options);
  ~Fanout();

  void Add(StreamId id, const std::string& group_id, Start start,
           std::unique_ptr<EventStream> stream);
  void Append(const std::string& group_id, News news);
  // The whole group, to streams that are behind.
  void Offer(const std::string& group_id, SnapshotPtr snapshot);
  // Ends a stream, or those of a group that are not members', or all, after
  // what was appended before. Nothing happens to those that have ended.
  void End(StreamId id, const grpc::Status& status);
  // A group of that name that comes later is another one.
  void EndGroup(const std::string& group_id, const grpc::Status& watchers);
  void EndAll(const grpc::Status& status);
  // Deletes a stream that gRPC is done with.
  void Remove(StreamId id);
  // The stream's on_ready hook.
  void Ready(StreamId id);

 private:
  using Clock = std::chrono::steady_clock;
  using Command = std::function<void()>;
  struct Feed;
  struct Stream {
    std::unique_ptr<EventStream> call;
    // Shared by the streams of one group; the last of them takes it along.
    std::shared_ptr<Feed> feed;
    // Its index in the feed's list.
    size_t index = 0;
    bool member = false;
    EventLog::Reader reader;
    // The first message; empty once it was sent.
    std::vector<grpc::Slice> first;
    // Whether the next message has the group, and this with it.
    bool renew = false;
    grpc::Slice joined;
    grpc::Slice plan;
    Clock::time_point sent_at;
    bool queued = false;
    bool waits_for_group = false;
    bool finished = false;
    std::optional<grpc::Status> end;
  };
  struct Feed {
    std::string group_id;
    EventLog log;
    SnapshotPtr snapshot;
    bool asked = false;
    std::vector<StreamId> streams;
    std::vector<StreamId> behind;
  };

  void Post(Command command);
  void Loop();
  // False: it is time to go.
  bool TakeWork(std::vector<Command>* commands, std::vector<StreamId>* ready);
  // Looks at some of the queued streams.
  void Work(std::deque<StreamId>* queue);
  void Queue(StreamId id, Stream* stream);
  void Advance(StreamId id, Stream* stream);
  // What the stream is sent now; false: nothing.
  bool Next(StreamId id, Stream* stream, std::vector<grpc::Slice>* slices);
  bool WantsGroup(const Stream& stream) const;
  // The group, and the events on the way to it for those who followed.
  void TakeGroup(Stream* stream, std::vector<grpc::Slice>* slices);
  void AskForGroup(StreamId id, Stream* stream);
  void AppendTo(Feed* feed, const News& news);
  void AppendToLog(Feed* feed, const std::vector<EventPtr>& events);
  void SendBookmarks(Clock::time_point now);
  void Send(Stream* stream, std::vector<grpc::Slice>* slices);
  void AddNow(StreamId id, const std::string& group_id, const Start& start,
              std::unique_ptr<EventStream> call);
  void Forget(StreamId id);

  const Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> commands_;  // guarded by mutex_
  std::vector<StreamId> ready_;    // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_

  // Below: the thread's own.
  std::unordered_map<StreamId, Stream> streams_;
  // Of groups that were not deleted.
  std::unordered_map<std::string, std::shared_ptr<Feed>> feeds_;
  // Queued streams.
  std::deque<StreamId> members_;
  std::deque<StreamId> watchers_;
  size_t log_bytes_ = 0;
  Clock::time_point next_bookmarks_;
  std::thread thread_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_FANOUT_H_
