#include "plugin/ucx/ucx_rail.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "plugin/transport/lane.h"
#include "plugin/ucx/signal_guard.h"
#include "plugin/ucx/ucx_config.h"
#include "plugin/ucx/ucx_status.h"

namespace ithaca {
namespace {

// With room for the heads, TCP_TX_SEG_SIZE in ucx_config.cc.
constexpr size_t kMaxChunkBytes = 256 << 10;
// Besides our head, UCX needs room for its own in each packet.
constexpr size_t kUcxHeadBytes = 128;
constexpr int kPollsToAnswer = 1000;
// A large job has a thousand paths, and they seldom want anything.
constexpr unsigned kTurnsPerPathPoll = 32;

std::string LabelOf(const Rail& rail) {
  char text[INET6_ADDRSTRLEN] = "";
  const void* ip =
      rail.address.ss_family == AF_INET6
          ? static_cast<const void*>(
                &reinterpret_cast<const sockaddr_in6&>(rail.address).sin6_addr)
          : &reinterpret_cast<const sockaddr_in&>(rail.address).sin_addr;
  if (rail.address.ss_family != AF_INET && rail.address.ss_family != AF_INET6)
    return rail.name;
  inet_ntop(rail.address.ss_family, ip, text, sizeof(text));
  return rail.name + " " + text;
}

}  // namespace

StatusOr<std::unique_ptr<UcxRail>> UcxRail::Open(const UcxApi& api,
                                                 const Rail& rail,
                                                 UcxReceiver* receiver,
                                                 LogSink& log) {
  std::unique_ptr<UcxRail> self(new UcxRail(api, rail));
  self->label_ = LabelOf(rail);
  // UCX starts its thread, which accepts connections, with the first worker.
  SignalBlock no_signals_for_it;
  ITHACA_RETURN_IF_ERROR(self->OpenContext(log));
  ITHACA_RETURN_IF_ERROR(self->OpenWorker(&self->sender_));
  ITHACA_RETURN_IF_ERROR(self->OpenWorker(&self->receiver_));
  ITHACA_RETURN_IF_ERROR(self->ListenFor(receiver));
  ITHACA_RETURN_IF_ERROR(self->ReadPacketSize());
  ITHACA_RETURN_IF_ERROR(self->ReadAddress());
  return self;
}

Status UcxRail::OpenContext(LogSink& log) {
  StatusOr<ucp_config_t*> config =
      ReadUcxConfig(api_, RailSettings(rail_.name));
  if (!config.ok()) return config.status();
  ucp_params_t params = {};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_AM;
  params.name = "ithaca";
  const ucs_status_t status = api_.ucp_init_version(
      UCP_API_MAJOR, UCP_API_MINOR, &params, *config, &context_);
  api_.ucp_config_release(*config);
  if (status != UCS_OK) {
    context_ = nullptr;
    return UcxStatus(api_, status, "UCX cannot use " + label_);
  }
  ITHACA_INFO(log, "UCX %s on %s", api_.version.c_str(), label_.c_str());
  return Status();
}

Status UcxRail::OpenWorker(ucp_worker_h* worker) {
  ucp_worker_params_t params = {};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  const ucs_status_t status = api_.ucp_worker_create(context_, &params, worker);
  if (status == UCS_OK) return Status();
  *worker = nullptr;
  return UcxStatus(api_, status, "UCX cannot open a worker on " + label_);
}

Status UcxRail::ListenFor(UcxReceiver* receiver) {
  const UcxMessageId ids[] = {kUcxChunk, kUcxAbort, kUcxBye};
  for (size_t i = 0; i < std::size(ids); ++i) {
    handlers_[i] = {receiver, ids[i]};
    ucp_am_handler_param_t param = {};
    param.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID |
                       UCP_AM_HANDLER_PARAM_FIELD_CB |
                       UCP_AM_HANDLER_PARAM_FIELD_ARG;
    param.id = ids[i];
    param.cb = &UcxRail::OnActiveMessage;
    param.arg = &handlers_[i];
    const ucs_status_t status =
        api_.ucp_worker_set_am_recv_handler(receiver_, &param);
    if (status != UCS_OK)
      return UcxStatus(api_, status, "UCX takes no active messages");
  }
  return Status();
}

Status UcxRail::ReadPacketSize() {
  // What UCX can take as a head, it can take as one packet.
  ucp_worker_attr_t attributes = {};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_MAX_AM_HEADER;
  const ucs_status_t status = api_.ucp_worker_query(sender_, &attributes);
  if (status != UCS_OK)
    return UcxStatus(api_, status, "UCX does not say its packet size");
  const size_t room = attributes.max_am_header;
  if (room < kMinChunkBytes + kChunkHeadBytes + kUcxHeadBytes)
    return Errorf(Code::kInvalidArgument, "UCX sends %zu bytes at a time on %s",
                  room, label_.c_str());
  chunk_bytes_ =
      std::min(kMaxChunkBytes, room - kChunkHeadBytes - kUcxHeadBytes);
  return Status();
}

Status UcxRail::ReadAddress() {
  ucp_address_t* ucx = nullptr;
  size_t bytes = 0;
  const ucs_status_t status =
      api_.ucp_worker_get_address(receiver_, &ucx, &bytes);
  if (status != UCS_OK)
    return UcxStatus(api_, status, "UCX has no address for " + label_);
  address_ = EncodeRailAddress(
      {chunk_bytes_, label_,
       std::string(reinterpret_cast<const char*>(ucx), bytes)});
  api_.ucp_worker_release_address(receiver_, ucx);
  if (address_.size() <= kMaxAddressBytes) return Status();
  return Errorf(Code::kInternal, "UCX's address of %s has %zu bytes",
                label_.c_str(), address_.size());
}

ucs_status_t UcxRail::OnActiveMessage(void* handler, const void* head,
                                      size_t head_bytes, void* data,
                                      size_t data_bytes,
                                      const ucp_am_recv_param_t* param) {
  // A rendezvous, which we never start, would hand over no data here.
  if ((param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0) return UCS_OK;
  const auto* const to = static_cast<const Handler*>(handler);
  if (to->receiver == nullptr) return UCS_OK;  // closing
  to->receiver->OnMessage(to->id, head, head_bytes, data, data_bytes);
  return UCS_OK;
}

int UcxRail::ProgressSends() {
  return static_cast<int>(api_.ucp_worker_progress(sender_));
}

int UcxRail::Progress() {
  int events = ProgressSends();
  events += static_cast<int>(api_.ucp_worker_progress(receiver_));
  if (++turns_ % kTurnsPerPathPoll == 0) PollPaths();
  return events;
}

void UcxRail::PollPaths() {
  for (size_t i = 0; i < paths_.size();) {
    UcxPath& path = *paths_[i].path;
    path.Poll();
    if (path.gone()) {
      paths_[i] = std::move(paths_.back());
      paths_.pop_back();
    } else {
      ++i;
    }
  }
}

StatusOr<UcxPath*> UcxRail::PathTo(const std::string& ucx_address) {
  for (const PathRecord& record : paths_)
    if (record.path->usable() && record.ucx_address == ucx_address)
      return record.path.get();
  StatusOr<std::unique_ptr<UcxPath>> path =
      UcxPath::Connect(api_, sender_, ucx_address);
  if (!path.ok()) return path.status();
  paths_.push_back({ucx_address, std::move(*path)});
  return paths_.back().path.get();
}

bool UcxRail::AnswerPeers() {
  for (Handler& handler : handlers_) handler.receiver = nullptr;
  ucp_request_param_t param = {};
  void* flush = nullptr;
  for (int i = 0; i < kPollsToAnswer; ++i) {
    if (flush == nullptr) flush = api_.ucp_worker_flush_nbx(receiver_, &param);
    if (flush == nullptr) return true;  // nothing owed since the last poll
    if (!UCS_PTR_IS_PTR(flush)) return false;
    ProgressSends();  // the peer may be a rail of this process
    api_.ucp_worker_progress(receiver_);
    if (api_.ucp_request_check_status(flush) == UCS_INPROGRESS) continue;
    // More peers may have come while it was polled: once again.
    api_.ucp_request_free(flush);
    flush = nullptr;
  }
  return false;
}

UcxRail::~UcxRail() {
  // UCX 1.13 aborts the process when a worker is destroyed that still owes a
  // peer the answer to its connecting. One whose peer cannot be reached is left
  // behind instead, and with it the context that it belongs to.
  const bool answered = receiver_ == nullptr || AnswerPeers();
  for (const PathRecord& record : paths_) record.path->CloseNow();
  if (sender_ != nullptr) api_.ucp_worker_destroy(sender_);
  if (receiver_ != nullptr && answered) api_.ucp_worker_destroy(receiver_);
  if (context_ != nullptr && answered) api_.ucp_cleanup(context_);
}

}  // namespace ithaca
