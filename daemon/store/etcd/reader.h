// Reads entries from etcd: one, a page, or everything below a prefix at one
// revision, large values put together.
//
// Used by EtcdStore and its watches. Threads: any. Life: goes before its
// client.
#ifndef ITHACA_DAEMON_STORE_ETCD_READER_H_
#define ITHACA_DAEMON_STORE_ETCD_READER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/store/etcd/client.h"
#include "daemon/store/etcd/layout.h"
#include "daemon/store/store.h"

namespace ithaca::store::etcd {

class Reader {
 public:
  Reader(Client* client, const Layout* layout)
      : client_(client), layout_(layout) {}

  // What Store::List gives. `revision`: which to show; 0: the latest. Errors as
  // Client::Explain: OUT_OF_RANGE when that revision was compacted; DATA_LOSS
  // when a value is not ours.
  absl::StatusOr<ListResult> List(std::string_view prefix,
                                  std::string_view after, size_t limit,
                                  int64_t revision, Time deadline) const;

  // Everything below the prefix at one, recent revision.
  absl::StatusOr<ListResult> ListAll(std::string_view prefix) const;

  // The entry, if it is there.
  absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key,
                                              Time deadline) const;

  absl::StatusOr<int64_t> Revision(Time deadline) const;

  // Whether this endpoint answers, and knows a leader.
  bool Answers(const Endpoint& endpoint) const;

  // An entry as etcd gave it, at a revision at which it was there.
  absl::StatusOr<KeyValue> Decode(const mvccpb::KeyValue& entry,
                                  int64_t revision, Time deadline) const;

 private:
  absl::StatusOr<etcdserverpb::RangeResponse> Range(
      const etcdserverpb::RangeRequest& request, Time deadline) const;
  absl::StatusOr<std::string> ReadPieces(const Pieces& pieces, int64_t revision,
                                         Time deadline) const;

  Client* const client_;
  const Layout* const layout_;
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_READER_H_
