#include "plugin/driver/bootstrap.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "plugin/driver/bootstrap_accept.h"

namespace ithaca::driver {
namespace {

constexpr size_t kMaxReasonBytes = 4096;
constexpr int64_t kErrorSendMs = 1'000;

// Text from another process, made safe to print.
std::string Printable(std::string text) {
  if (text.size() > kMaxReasonBytes) text.resize(kMaxReasonBytes);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 && c != '\n') c = '?';
  }
  return text;
}

Status SendFrame(int fd, const FrameHeader& header, const std::string& payload,
                 const Deadline& deadline) {
  const auto bytes = Encode(header);
  std::string frame(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  frame += payload;
  return SendAll(fd, frame.data(), frame.size(), deadline);
}

Status CheckOptions(const BootstrapOptions& options) {
  if (options.ranks < 1 || options.ranks > static_cast<int>(kMaxRanks) ||
      options.rank < 0 || options.rank >= options.ranks) {
    return Errorf(Code::kInvalidArgument,
                  "rank %d of %d does not exist; ranks count from 0",
                  options.rank, options.ranks);
  }
  return Status();
}

Status SayHello(int fd, const BootstrapOptions& options, uint64_t token,
                const std::string& address, const Deadline& deadline) {
  Hello hello;
  hello.rank = options.rank;
  hello.ranks = options.ranks;
  hello.token = token;
  const auto bytes = Encode(hello);
  ITHACA_RETURN_IF_ERROR(SendAll(fd, bytes.data(), bytes.size(), deadline));
  uint8_t reply[kWelcomeBytes];
  Status status = RecvAll(fd, reply, sizeof(reply), deadline);
  Welcome welcome;
  if (status.ok() && !DecodeWelcome(reply, sizeof(reply), &welcome)) {
    status = Errorf(Code::kDataLoss, "what listens there is not a rank 0");
  }
  if (!status.ok()) {
    return Errorf(status.code(), "joining at %s: %s", address.c_str(),
                  status.message().c_str());
  }
  if (welcome.refusal != Refusal::kNone) {
    return Errorf(Code::kFailedPrecondition,
                  "rank 0 at %s (%u ranks) refused rank %d of %d: %s",
                  address.c_str(), welcome.ranks, options.rank, options.ranks,
                  RefusalText(welcome.refusal));
  }
  return Status();
}

}  // namespace

StatusOr<std::unique_ptr<Bootstrap>> Bootstrap::Serve(
    BootstrapListener listener, const BootstrapOptions& options) {
  ITHACA_RETURN_IF_ERROR(CheckOptions(options));
  const Deadline deadline(*options.clock, options.timeout_ms);
  auto accepted = AcceptRanks(listener.fd(), options.ranks, listener.token(),
                              *options.clock, deadline);
  if (!accepted.ok()) return accepted.status();
  std::unique_ptr<Bootstrap> bootstrap(new Bootstrap(options));
  bootstrap->peers_ = std::move(accepted->peers);
  bootstrap->strays_ = accepted->strays;
  return bootstrap;
}

StatusOr<std::unique_ptr<Bootstrap>> Bootstrap::Join(
    const std::string& id, const BootstrapOptions& options) {
  ITHACA_RETURN_IF_ERROR(CheckOptions(options));
  auto parsed = RendezvousId::Parse(id);
  if (!parsed.ok()) return parsed.status();
  if (options.rank == 0) {
    auto listener = BootstrapListener::OpenAt(*parsed);
    if (!listener.ok()) return listener.status();
    return Serve(std::move(*listener), options);
  }
  const Deadline deadline(*options.clock, options.timeout_ms);
  auto fd = TcpConnect(parsed->address, deadline);
  if (!fd.ok()) return fd.status();
  ITHACA_RETURN_IF_ERROR(SayHello(fd->get(), options, parsed->token,
                                  driver::ToString(parsed->address), deadline));
  std::unique_ptr<Bootstrap> bootstrap(new Bootstrap(options));
  bootstrap->peers_.push_back(std::move(*fd));
  return bootstrap;
}

StatusOr<std::vector<std::string>> Bootstrap::AllGather(
    const std::string& mine) {
  auto answer = Exchange(FrameKind::kGather, mine);
  if (!answer.ok()) return answer.status();
  std::vector<std::string> blobs;
  if (!DecodeBlobs(*answer, options_.ranks, &blobs)) {
    return Fail(Errorf(Code::kDataLoss, "rank 0's answer makes no sense"));
  }
  return blobs;
}

StatusOr<std::vector<std::string>> Bootstrap::AllToAll(
    const std::vector<std::string>& mine) {
  auto answer = Exchange(FrameKind::kAllToAll, EncodeBlobs(mine));
  if (!answer.ok()) return answer.status();
  std::vector<std::string> blobs;
  if (!DecodeBlobs(*answer, options_.ranks, &blobs)) {
    return Fail(Errorf(Code::kDataLoss, "rank 0's answer makes no sense"));
  }
  return blobs;
}

Status Bootstrap::Barrier() { return AllGather("").status(); }

StatusOr<std::string> Bootstrap::Exchange(FrameKind kind,
                                          const std::string& mine) {
  if (!broken_.ok()) return broken_;
  if (mine.size() > kMaxPayloadBytes) {
    return Errorf(Code::kInvalidArgument,
                  "%zu bytes are too many for the rendezvous; the limit is "
                  "%llu",
                  mine.size(),
                  static_cast<unsigned long long>(kMaxPayloadBytes));
  }
  const Deadline deadline(*options_.clock, options_.timeout_ms);
  auto answer = options_.rank == 0 ? ExchangeAsRoot(kind, mine, deadline)
                                   : ExchangeAsMember(kind, mine, deadline);
  if (!answer.ok()) return Fail(answer.status());
  ++sequence_;
  return answer;
}

StatusOr<std::string> Bootstrap::ExchangeAsMember(FrameKind kind,
                                                  const std::string& mine,
                                                  const Deadline& deadline) {
  const int root = peers_[0].get();
  Status sent = SendFrame(root, {kind, sequence_, mine.size()}, mine, deadline);
  // A root that failed has said why before it closed.
  uint8_t bytes[kFrameHeaderBytes];
  Status status = RecvAll(root, bytes, sizeof(bytes), deadline);
  if (!status.ok()) {
    return Errorf(status.code(), "rank 0 is gone or stuck: %s",
                  (sent.ok() ? status : sent).message().c_str());
  }
  FrameHeader header;
  if (!DecodeFrameHeader(bytes, sizeof(bytes), &header)) {
    return Errorf(Code::kDataLoss, "what rank 0 sent makes no sense");
  }
  std::string payload(header.bytes, '\0');
  ITHACA_RETURN_IF_ERROR(
      RecvAll(root, payload.data(), payload.size(), deadline));
  if (header.kind == FrameKind::kError) {
    return Status(Code::kUnavailable, Printable(payload));
  }
  if (header.kind != kind || header.sequence != sequence_) {
    return Errorf(Code::kFailedPrecondition,
                  "rank 0 is at another collective than rank %d",
                  options_.rank);
  }
  return payload;
}

StatusOr<std::string> Bootstrap::ExchangeAsRoot(FrameKind kind,
                                                const std::string& mine,
                                                const Deadline& deadline) {
  std::vector<std::string> payloads(options_.ranks);
  payloads[0] = mine;
  ITHACA_RETURN_IF_ERROR(CollectFrames(kind, deadline, &payloads));
  auto answers = Answers(kind, payloads);
  if (!answers.ok()) return answers.status();
  for (int r = 1; r < options_.ranks; ++r) {
    const std::string& answer = (*answers)[answers->size() == 1 ? 0 : r];
    Status status = SendFrame(peers_[r].get(), {kind, sequence_, answer.size()},
                              answer, deadline);
    if (!status.ok()) {
      return Errorf(status.code(), "rank %d is gone or stuck: %s", r,
                    status.message().c_str());
    }
  }
  return std::move((*answers)[0]);
}

// One answer for all ranks (gather), or one for each.
StatusOr<std::vector<std::string>> Bootstrap::Answers(
    FrameKind kind, const std::vector<std::string>& payloads) const {
  std::vector<std::string> answers;
  if (kind == FrameKind::kGather) {
    answers.push_back(EncodeBlobs(payloads));
  } else {
    std::vector<std::vector<std::string>> sent(options_.ranks);
    for (int s = 0; s < options_.ranks; ++s) {
      if (!DecodeBlobs(payloads[s], options_.ranks, &sent[s])) {
        return Errorf(Code::kDataLoss, "what rank %d sent makes no sense", s);
      }
    }
    for (int r = 0; r < options_.ranks; ++r) {
      std::vector<std::string> column;
      for (auto& row : sent) column.push_back(std::move(row[r]));
      answers.push_back(EncodeBlobs(column));
    }
  }
  for (const std::string& answer : answers) {
    if (answer.size() > kMaxPayloadBytes) {
      return Errorf(Code::kResourceExhausted,
                    "the ranks gather %zu bytes; the rendezvous carries %llu",
                    answer.size(),
                    static_cast<unsigned long long>(kMaxPayloadBytes));
    }
  }
  return answers;
}

struct Bootstrap::Inbox {
  uint8_t header_bytes[kFrameHeaderBytes];
  size_t got = 0;
  FrameHeader header;
  std::string payload;
  bool done = false;
};

Status Bootstrap::CollectFrames(FrameKind kind, const Deadline& deadline,
                                std::vector<std::string>* payloads) {
  std::vector<Inbox> inboxes(options_.ranks);
  inboxes[0].done = true;
  for (;;) {
    std::vector<pollfd> fds;
    std::vector<int> missing;
    for (int r = 1; r < options_.ranks; ++r) {
      if (inboxes[r].done) continue;
      fds.push_back({peers_[r].get(), POLLIN, 0});
      missing.push_back(r);
    }
    if (missing.empty()) break;
    if (deadline.Expired()) {
      return Errorf(Code::kDeadlineExceeded, "%s did not answer in time",
                    FormatRanks(missing).c_str());
    }
    poll(fds.data(), fds.size(), deadline.RemainingMs());
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      ITHACA_RETURN_IF_ERROR(ReadSome(missing[i], kind, &inboxes[missing[i]]));
    }
  }
  for (int r = 1; r < options_.ranks; ++r) {
    (*payloads)[r] = std::move(inboxes[r].payload);
  }
  return Status();
}

Status Bootstrap::ReadSome(int rank, FrameKind kind, Inbox* inbox) {
  const bool in_header = inbox->got < kFrameHeaderBytes;
  const size_t at = in_header ? inbox->got : inbox->got - kFrameHeaderBytes;
  void* to = in_header ? static_cast<void*>(inbox->header_bytes + at)
                       : static_cast<void*>(inbox->payload.data() + at);
  const size_t want =
      in_header ? kFrameHeaderBytes - at : inbox->payload.size() - at;
  const ssize_t n = recv(peers_[rank].get(), to, want, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Status();
  if (n <= 0) return Errorf(Code::kUnavailable, "rank %d is gone", rank);
  inbox->got += n;
  if (inbox->got == kFrameHeaderBytes) {
    if (!DecodeFrameHeader(inbox->header_bytes, kFrameHeaderBytes,
                           &inbox->header)) {
      return Errorf(Code::kDataLoss, "what rank %d sent makes no sense", rank);
    }
    if (inbox->header.kind != FrameKind::kError &&
        (inbox->header.kind != kind || inbox->header.sequence != sequence_)) {
      return Errorf(Code::kFailedPrecondition,
                    "rank %d is at another collective than rank 0", rank);
    }
    inbox->payload.resize(inbox->header.bytes);
  }
  inbox->done = inbox->got >= kFrameHeaderBytes &&
                inbox->got - kFrameHeaderBytes == inbox->payload.size();
  if (inbox->done && inbox->header.kind == FrameKind::kError) {
    return Errorf(Code::kUnavailable, "rank %d gave up: %s", rank,
                  Printable(inbox->payload).c_str());
  }
  return Status();
}

Status Bootstrap::CheckPeers() {
  if (!broken_.ok()) return broken_;
  const int first = options_.rank == 0 ? 1 : 0;
  for (int r = first; r < static_cast<int>(peers_.size()); ++r) {
    Status status = CheckPeer(r);
    if (!status.ok()) return Fail(status);
  }
  return Status();
}

Status Bootstrap::CheckPeer(int rank) {
  uint8_t bytes[kFrameHeaderBytes];
  const int fd = peers_[rank].get();
  const ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Status();
  if (n <= 0) return Errorf(Code::kUnavailable, "rank %d is gone", rank);
  FrameHeader header;
  if (static_cast<size_t>(n) < sizeof(bytes)) return Status();
  if (!DecodeFrameHeader(bytes, sizeof(bytes), &header)) {
    return Errorf(Code::kDataLoss, "what rank %d sent makes no sense", rank);
  }
  // Anything else is a rank that is ahead of us.
  if (header.kind != FrameKind::kError) return Status();
  const Deadline deadline(*options_.clock, kErrorSendMs);
  std::string reason(header.bytes, '\0');
  ITHACA_RETURN_IF_ERROR(RecvAll(fd, bytes, sizeof(bytes), deadline));
  ITHACA_RETURN_IF_ERROR(RecvAll(fd, reason.data(), reason.size(), deadline));
  reason = Printable(reason);
  // Rank 0 has said which rank it speaks of.
  if (options_.rank != 0) return Status(Code::kUnavailable, reason);
  return Errorf(Code::kUnavailable, "rank %d gave up: %s", rank,
                reason.c_str());
}

void Bootstrap::Abort(const std::string& reason) {
  if (!broken_.ok()) return;
  const std::string text =
      options_.rank == 0 ? "rank 0 gave up: " + reason : reason;
  broken_ = Status(Code::kUnavailable, "this rank gave up: " + reason);
  for (size_t r = 0; r < peers_.size(); ++r) SendError(r, text);
}

Status Bootstrap::Fail(const Status& status) {
  if (!broken_.ok()) return broken_;
  broken_ = status;
  if (options_.rank == 0) {
    for (size_t r = 1; r < peers_.size(); ++r) SendError(r, status.message());
  }
  return status;
}

void Bootstrap::SendError(int rank, const std::string& reason) {
  if (!peers_[rank].valid()) return;
  const std::string text = reason.substr(0, kMaxReasonBytes);
  // Best effort: who cannot be told finds the closed connection.
  (void)SendFrame(peers_[rank].get(),
                  {FrameKind::kError, sequence_, text.size()}, text,
                  Deadline(*options_.clock, kErrorSendMs));
}

std::string FormatRanks(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

}  // namespace ithaca::driver
