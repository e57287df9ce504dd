#include "plugin/driver/stage_planner.h"

#include <algorithm>
#include <iterator>

#include "plugin/driver/p2p_plan.h"

namespace ithaca::driver {
namespace {

Part MakePart(Connection* connection, char* data, const PartBounds& bounds,
              const TransferShape& shape) {
  Part part;
  part.connection = connection;
  part.user = data + bounds.begin;
  part.bytes = bounds.end - bounds.begin;
  part.chunk_bytes = shape.chunk_bytes;
  part.protocol = shape.protocol;
  return part;
}

// The batch of this direction and channel among those from `first` on.
BatchPlan* FindBatch(Stage* stage, size_t first, bool sends, int channel) {
  for (size_t i = first; i < stage->batches.size(); ++i) {
    BatchPlan& plan = stage->batches[i];
    if (plan.sends == sends && plan.channel == channel) return &plan;
  }
  stage->batches.push_back({sends, channel, {}});
  return &stage->batches.back();
}

template <typename List>
Status CheckPeers(const List& list, int ranks, const char* what) {
  std::vector<bool> seen(ranks, false);
  for (const auto& entry : list) {
    if (entry.rank < 0 || entry.rank >= ranks) {
      return Errorf(Code::kInvalidArgument, "a %s rank %d of %d", what,
                    entry.rank, ranks);
    }
    if (seen[entry.rank]) {
      return Errorf(Code::kInvalidArgument, "two entries %s rank %d", what,
                    entry.rank);
    }
    seen[entry.rank] = true;
  }
  return Status();
}

template <typename Entry>
const Entry* FindRank(const std::vector<Entry>& list, int rank) {
  for (const Entry& entry : list) {
    if (entry.rank == rank) return &entry;
  }
  return nullptr;
}

}  // namespace

// Rounds in NCCL's order; kPeersPerBatch of them share a batch per channel.
StatusOr<Stage> StagePlanner::Plan(const std::vector<Outgoing>& sends,
                                   const std::vector<Incoming>& recvs) const {
  ITHACA_RETURN_IF_ERROR(CheckPeers(sends, core_.ranks, "to"));
  ITHACA_RETURN_IF_ERROR(CheckPeers(recvs, core_.ranks, "from"));
  Stage stage;
  const std::vector<P2pRound> rounds = P2pSchedule(core_.rank, core_.ranks);
  for (size_t first = 0; first < rounds.size(); first += kPeersPerBatch) {
    const size_t batch = stage.batches.size();
    const size_t end = std::min(first + kPeersPerBatch, rounds.size());
    for (size_t i = first; i < end; ++i) {
      ITHACA_RETURN_IF_ERROR(AddRound(FindRank(sends, rounds[i].send_to),
                                      FindRank(recvs, rounds[i].recv_from),
                                      batch, &stage));
    }
  }
  return stage;
}

Status StagePlanner::AddRound(const Outgoing* send, const Incoming* recv,
                              size_t first_batch, Stage* stage) const {
  const bool own = (send != nullptr && send->rank == core_.rank) ||
                   (recv != nullptr && recv->rank == core_.rank);
  if (own) return AddOwn(send, recv, stage);
  if (send != nullptr) {
    // The plugin's isend takes a mutable pointer and does not write.
    char* data = static_cast<char*>(const_cast<void*>(send->data));
    ITHACA_RETURN_IF_ERROR(
        AddParts(true, send->rank, data, send->bytes, first_batch, stage));
  }
  if (recv != nullptr) {
    ITHACA_RETURN_IF_ERROR(AddParts(false, recv->rank,
                                    static_cast<char*>(recv->data), recv->bytes,
                                    first_batch, stage));
  }
  return Status();
}

Status StagePlanner::AddOwn(const Outgoing* send, const Incoming* recv,
                            Stage* stage) const {
  if (send == nullptr || recv == nullptr || send->bytes != recv->bytes) {
    return Errorf(Code::kInvalidArgument,
                  "rank %d sends itself another number of bytes than it "
                  "receives from itself",
                  core_.rank);
  }
  stage->copies.push_back({static_cast<char*>(recv->data),
                           static_cast<const char*>(send->data), send->bytes});
  return Status();
}

Status StagePlanner::AddParts(bool sends, int peer, char* data, size_t bytes,
                              size_t first_batch, Stage* stage) const {
  const bool in_place = core_.options.user_buffers && bytes > 0;
  P2pTuning tuning = core_.tuning();
  // A registered buffer is never sent as LL: there is nothing to encode into.
  if (in_place) tuning.ll_threshold_bytes = 0;
  TransferShape shape = ShapeTransfer(bytes, tuning);
  if (in_place) shape.chunk_bytes = core_.max_message_bytes;
  for (int channel = 0; channel < shape.channels; ++channel) {
    const PartBounds bounds = P2pPart(bytes, channel, shape.channels);
    if (bytes > 0 && bounds.begin == bounds.end) continue;
    Part part =
        MakePart(core_.connection(sends, peer, channel), data, bounds, shape);
    part.in_place = in_place;
    BatchPlan* batch = FindBatch(stage, first_batch, sends, channel);
    ITHACA_RETURN_IF_ERROR(AddStreams(part, batch));
  }
  return Status();
}

Status StagePlanner::AddStreams(const Part& whole, BatchPlan* batch) const {
  for (int s = 0; s < core_.options.group; ++s) {
    const PartBounds bounds = P2pPart(whole.bytes, s, core_.options.group);
    // Nothing at all is one message, of the first stream.
    if (s > 0 && bounds.begin == bounds.end) break;
    Part part = whole;
    part.stream = s;
    part.user = whole.user + bounds.begin;
    part.bytes = bounds.end - bounds.begin;
    if (part.in_place) {
      auto mr = FindMr(*part.connection, part.user, part.bytes);
      if (!mr.ok()) return mr.status();
      part.mr = *mr;
    }
    batch->parts.push_back(part);
  }
  return Status();
}

StatusOr<void*> StagePlanner::FindMr(const Connection& connection,
                                     const char* data, size_t bytes) const {
  auto next = buffers_.upper_bound(data);
  if (next != buffers_.begin()) {
    const BufferMrs& buffer = *std::prev(next)->second;
    if (data + bytes <= buffer.data + buffer.bytes) {
      const size_t at = size_t{1} * connection.peer * core_.options.channels +
                        connection.channel;
      return buffer.mrs[connection.sends ? 0 : 1][at];
    }
  }
  return Errorf(Code::kFailedPrecondition,
                "%zu bytes at %p are not inside a registered buffer; call "
                "RegisterBuffer first, or use staging",
                bytes, static_cast<const void*>(data));
}

}  // namespace ithaca::driver
