#include "daemon/store/etcd/reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::store::etcd {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

constexpr size_t kPage = 256;
// How often what was compacted while it was read is read anew.
constexpr int kTries = 3;

}  // namespace

absl::StatusOr<RangeResponse> Reader::Range(const RangeRequest& request,
                                            Time deadline) const {
  RangeResponse response;
  const absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.kv->Range(context, request, &response);
      },
      deadline);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<std::string> Reader::ReadPieces(const Pieces& pieces,
                                               int64_t revision,
                                               Time deadline) const {
  RangeRequest request;
  request.set_key(layout_->AllPieces(pieces.base));
  request.set_range_end(PrefixEnd(request.key()));
  request.set_revision(revision);
  const auto response = Range(request, deadline);
  if (!response.ok()) return response.status();
  std::string value;
  for (const auto& piece : response->kvs()) value += piece.value();
  if (value.size() != pieces.bytes) {
    return absl::DataLossError(absl::StrCat(
        "store etcd: a value of ", pieces.bytes, " bytes has only ",
        value.size(),
        " left: pieces of it were deleted by hand; restore a backup"));
  }
  return value;
}

absl::StatusOr<KeyValue> Reader::Decode(const mvccpb::KeyValue& entry,
                                        int64_t revision, Time deadline) const {
  KeyValue out;
  out.key = std::string(layout_->KeyOf(entry.key()));
  out.create_revision = entry.create_revision();
  out.mod_revision = entry.mod_revision();
  out.lease = entry.lease();
  auto envelope = DecodeEnvelope(entry.value());
  if (!envelope.ok()) {
    return absl::DataLossError(absl::StrCat("store etcd: key ", entry.key(),
                                            ": ", envelope.status().message()));
  }
  out.value = std::move(envelope->value);
  if (!envelope->pieces.has_value()) return out;
  auto value = ReadPieces(*envelope->pieces, revision, deadline);
  if (!value.ok()) return value.status();
  out.value = std::move(*value);
  return out;
}

absl::StatusOr<std::optional<KeyValue>> Reader::Get(std::string_view key,
                                                    Time deadline) const {
  RangeRequest request;
  request.set_key(layout_->Entry(key));
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    const auto response = Range(request, deadline);
    if (!response.ok()) return response.status();
    if (response->kvs_size() == 0) return std::optional<KeyValue>();
    auto entry =
        Decode(response->kvs(0), response->header().revision(), deadline);
    if (entry.ok()) return std::optional<KeyValue>(std::move(*entry));
    status = entry.status();
    if (!absl::IsOutOfRange(status)) break;
  }
  return status;
}

absl::StatusOr<ListResult> Reader::List(std::string_view prefix,
                                        std::string_view after, size_t limit,
                                        int64_t revision, Time deadline) const {
  RangeRequest request;
  request.set_key(layout_->Entry(prefix));
  request.set_range_end(PrefixEnd(request.key()));
  if (!after.empty() && after >= prefix) {
    request.set_key(layout_->Entry(after));
    request.mutable_key()->push_back('\0');
  }
  ListResult result;
  result.revision = revision;
  if (request.key() >= request.range_end()) {
    // etcd would take an empty range for a mistake.
    const auto now =
        revision != 0 ? absl::StatusOr<int64_t>(revision) : Revision(deadline);
    if (!now.ok()) return now.status();
    result.revision = *now;
    return result;
  }
  request.set_revision(revision);
  request.set_limit(
      static_cast<int64_t>(std::min<size_t>(limit, size_t{1} << 30)));
  const auto response = Range(request, deadline);
  if (!response.ok()) return response.status();
  result.more = response->more();
  if (revision == 0) result.revision = response->header().revision();
  for (const auto& raw : response->kvs()) {
    auto entry = Decode(raw, result.revision, deadline);
    if (!entry.ok()) return entry.status();
    result.entries.push_back(std::move(*entry));
  }
  return result;
}

absl::StatusOr<ListResult> Reader::ListAll(std::string_view prefix) const {
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    ListResult all;
    std::string after;
    do {
      auto page = List(prefix, after, kPage, all.revision, client_->Deadline());
      status = page.status();
      if (!status.ok()) break;
      all.revision = page->revision;
      all.more = page->more;
      for (KeyValue& entry : page->entries)
        all.entries.push_back(std::move(entry));
      if (!all.entries.empty()) after = all.entries.back().key;
    } while (all.more);
    if (status.ok()) return all;
    if (!absl::IsOutOfRange(status)) break;
  }
  return status;
}

absl::StatusOr<int64_t> Reader::Revision(Time deadline) const {
  RangeRequest request;
  request.set_key(layout_->Entry(""));
  request.set_count_only(true);
  const auto response = Range(request, deadline);
  if (!response.ok()) return response.status();
  return response->header().revision();
}

bool Reader::Answers(const Endpoint& endpoint) const {
  RangeRequest request;
  request.set_key(layout_->Entry(""));
  request.set_count_only(true);
  grpc::ClientContext context;
  // See Client::Call.
  context.set_wait_for_ready(true);
  Client::Prepare(
      &context, std::chrono::steady_clock::now() + client_->attempt_timeout());
  RangeResponse response;
  return endpoint.kv->Range(&context, request, &response).ok();
}

}  // namespace ithaca::store::etcd
