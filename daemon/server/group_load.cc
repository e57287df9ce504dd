#include "daemon/server/group_load.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdio>
#include <utility>

namespace ithaca::server {
namespace {

namespace v1 = groups::v1;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr char kService[] = "/ithaca.groups.v1.GroupsService/";

// Calls `varint(field, value)` for varints and `bytes(field)` for what has a
// length, with the input limited to it; the rest is skipped.
template <typename Varint, typename Bytes>
bool ForEachField(CodedInputStream* input, Varint varint, Bytes bytes) {
  while (const uint32_t tag = input->ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT: {
        uint64_t value = 0;
        if (!input->ReadVarint64(&value)) return false;
        varint(field, value);
        break;
      }
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        uint32_t size = 0;
        if (!input->ReadVarint32(&size)) return false;
        const auto limit = input->PushLimit(static_cast<int>(size));
        if (!bytes(field)) return false;
        input->Skip(input->BytesUntilLimit());
        input->PopLimit(limit);
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

}  // namespace

void Tally::Add(uint64_t n) {
  std::lock_guard<std::mutex> lock(mutex_);
  count_ += n;
  if (count_ >= wanted_) changed_.notify_all();
}

void Tally::WaitFor(uint64_t wanted) {
  std::unique_lock<std::mutex> lock(mutex_);
  wanted_ = wanted;
  changed_.wait(lock, [&] { return count_ >= wanted; });
}

uint64_t Tally::value() {
  std::lock_guard<std::mutex> lock(mutex_);
  return count_;
}

Connections::Connections(const std::string& socket, int count) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (int i = 0; i < count; ++i) {
    stubs_.emplace_back(grpc::CreateCustomChannel(
        "unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
  }
  groups_ = v1::GroupsService::NewStub(grpc::CreateCustomChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
}

bool GlanceAt(const grpc::Slice& bytes, Glance* glance) {
  CodedInputStream input(bytes.begin(), static_cast<int>(bytes.size()));
  const auto skip = [](int) { return true; };
  const auto group = [glance](int field, uint64_t value) {
    if (field == v1::Group::kStateFieldNumber) glance->group_state = value;
    if (field == v1::Group::kSequenceFieldNumber)
      glance->group_sequence = value;
  };
  const auto event = [glance](int field, uint64_t value) {
    Glance::Event& last = glance->events.back();
    if (field == v1::GroupEvent::kSequenceFieldNumber) last.sequence = value;
    if (field == v1::GroupEvent::kTypeFieldNumber) last.type = value;
  };
  return ForEachField(
      &input, [](int, uint64_t) {},
      [&](int field) {
        switch (field) {
          case v1::JoinGroupResponse::kGroupFieldNumber:
            return ForEachField(&input, group, skip);
          case v1::JoinGroupResponse::kEventsFieldNumber:
            glance->events.emplace_back();
            return ForEachField(&input, event, skip);
          case v1::JoinGroupResponse::kJoinedFieldNumber:
            glance->joined = true;
            return true;
          default:
            return true;
        }
      });
}

LoadStream::LoadStream(grpc::GenericStub* stub, const std::string& method,
                       const google::protobuf::MessageLite& request,
                       OnMessage on_message, Tally* ended, bool reads)
    : on_message_(std::move(on_message)), ended_(ended) {
  const grpc::Slice bytes(request.SerializeAsString());
  request_ = grpc::ByteBuffer(&bytes, 1);
  stub->PrepareBidiStreamingCall(&context_, kService + method,
                                 grpc::StubOptions(), this);
  StartWriteLast(&request_, grpc::WriteOptions());
  begun_.store(true, std::memory_order_release);
  if (reads) {
    StartRead(&message_);
  } else {
    AddHold();
  }
  StartCall();
}

void LoadStream::Release() {
  StartRead(&message_);
  RemoveHold();
}

void LoadStream::OnReadDone(bool ok) {
  if (!begun_.load(std::memory_order_acquire) || !ok) return;
  grpc::Slice bytes;
  if (!message_.TrySingleSlice(&bytes).ok()) message_.DumpToSingleSlice(&bytes);
  on_message_(bytes);
  message_.Clear();
  StartRead(&message_);
}

void LoadStream::OnDone(const grpc::Status& status) {
  const bool expected = status.ok() ||
                        status.error_code() == grpc::StatusCode::CANCELLED ||
                        status.error_code() == grpc::StatusCode::NOT_FOUND;
  if (!expected)
    std::fprintf(stderr, "stream: %s\n", status.error_message().c_str());
  ended_->Add();
}

void Streams::Join(grpc::GenericStub* stub, const v1::JoinGroupRequest& request,
                   LoadStream::OnMessage on_message) {
  streams_.push_back(std::make_unique<LoadStream>(
      stub, "JoinGroup", request, std::move(on_message), &ended_, true));
}

void Streams::Watch(grpc::GenericStub* stub, const std::string& group_id,
                    uint64_t after, LoadStream::OnMessage on_message) {
  v1::WatchGroupRequest request;
  request.set_group_id(group_id);
  request.set_after_sequence(after);
  streams_.push_back(std::make_unique<LoadStream>(
      stub, "WatchGroup", request, std::move(on_message), &ended_, true));
}

void Streams::WatchLater(grpc::GenericStub* stub, const std::string& group_id,
                         LoadStream::OnMessage on_message) {
  v1::WatchGroupRequest request;
  request.set_group_id(group_id);
  streams_.push_back(std::make_unique<LoadStream>(
      stub, "WatchGroup", request, std::move(on_message), &ended_, false));
}

void Streams::Finish() {
  for (const auto& stream : streams_) stream->Cancel();
  begun_ += streams_.size();
  ended_.WaitFor(begun_);
  streams_.clear();
}

grpc::Status CreateGroupOf(v1::GroupsService::Stub* stub,
                           const std::string& group_id, int members) {
  v1::CreateGroupRequest create;
  create.set_group_id(group_id);
  auto* plan = create.mutable_plan_request();
  plan->mutable_model()->set_hidden_size(8192);
  plan->mutable_model()->set_query_heads(64);
  plan->mutable_workload()->set_sequence_length(1 << 20);
  plan->mutable_constraints()->set_ranks(static_cast<uint32_t>(members));
  // Groups of 8 at most, so that every number of ranks has a plan.
  const int degree = members % 8 == 0 ? 8 : 1;
  plan->mutable_constraints()->set_ulysses_degree(
      static_cast<uint32_t>(degree));
  plan->mutable_constraints()->set_data_parallel_degree(
      static_cast<uint32_t>(members / degree));
  grpc::ClientContext context;
  v1::CreateGroupResponse created;
  return stub->CreateGroup(&context, create, &created);
}

grpc::Status DeleteGroup(v1::GroupsService::Stub* stub,
                         const std::string& group_id) {
  v1::DeleteGroupRequest request;
  request.set_group_id(group_id);
  request.set_force(true);
  grpc::ClientContext context;
  v1::DeleteGroupResponse response;
  return stub->DeleteGroup(&context, request, &response);
}

}  // namespace ithaca::server
