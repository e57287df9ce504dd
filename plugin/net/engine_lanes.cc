// The part of the engine that makes lanes of what two ends can both use
// (engine.h): shared memory, UCX or the handshake's own socket.
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "plugin/net/engine.h"
#include "plugin/socket/socket_lane.h"

namespace ithaca::net {

void Engine::MakeShm() {
  if (config_.host == 0) return;
  StatusOr<std::unique_ptr<ShmBackend>> shm = ShmBackend::Create();
  if (shm.ok())
    shm_ = std::move(shm).value();
  else
    ITHACA_WARN(*config_.log,
                "ithaca: no shared memory with ranks on this host: %s",
                shm.status().ToString().c_str());
}

// --- Of the connector.

bool Engine::OnOurHost(const Handle& handle) const {
  return shm_ != nullptr && handle.host == config_.host;
}

Status Engine::Greet(Hello* hello, int rail, bool shm) {
  hello->comm_id = config_.comm_id;
  hello->pid = getpid();
  if (StatusOr<sockaddr_storage> address = acceptor_->Open(rail); address.ok())
    hello->knock_port = AddressPort(*address);
  if (shm) {
    hello->kinds |= kShmLane;
    hello->address = shm_->Address();
    return Status();
  }
  // A lane that was lost comes back on a plain socket: UCX keeps its paths for
  // lanes to come, and one that broke in one direction only takes what is sent
  // and does not say for long that it is lost.
  if (ucx_ == nullptr || hello->dial > 1) return Status();
  StatusOr<std::string> address = ucx_->Address(rail);
  if (!address.ok()) return address.status();
  hello->kinds |= kUcxLane;
  hello->ucx_lane_id = ucx_->ReserveLaneId();
  hello->address = *address;
  return Status();
}

StatusOr<std::unique_ptr<Lane>> Engine::OpenWelcomed(const Dialer& dialer,
                                                     Connection* connection) {
  const Welcome& welcome = dialer.welcome();
  const Hello& hello = dialer.hello();
  if ((hello.kinds & welcome.kind) == 0)
    return Errorf(Code::kDataLoss, "%s chose a kind of lane not offered",
                  dialer.Describe().c_str());
  if (welcome.kind == kShmLane) return shm_->Join(welcome.text, connection);
  return ucx_->Open(dialer.rail(), hello.ucx_lane_id, welcome.text,
                    welcome.ucx_lane_id, connection);
}

Status Engine::FinishDial(Dialer* dialer, int index, uint32_t dial,
                          Comm* comm) {
  const LaneKind kind = dialer->welcome().kind;
  const bool guarded = kind != kSocketLane;
  const std::string name = dialer->Describe();
  StatusOr<std::unique_ptr<Lane>> lane =
      guarded ? OpenWelcomed(*dialer, comm->connection())
              : SocketLane::Create(dialer->TakeSocket(), name, poller_.get(),
                                   comm->connection());
  if (!lane.ok()) return lane.status();
  if (kind == kShmLane) {
    Frame ping;  // what confirms the lane over there (RecvComm::Confirmed)
    ping.type = FrameType::kPing;
    lane.value()->Send(ping, nullptr);
  }
  return comm->AddLane(
      index, kind == kShmLane ? rails::kNoRail : dialer->rail(), dial,
      std::move(lane).value(), guarded ? dialer->TakeSocket() : -1);
}

// --- Of the listener.

StatusOr<std::unique_ptr<Lane>> Engine::OpenUcx(RecvComm* comm, int rail,
                                                const Hello& hello,
                                                Welcome* welcome) {
  StatusOr<std::string> address = ucx_->Address(rail);
  if (!address.ok()) return address.status();
  welcome->kind = kUcxLane;
  welcome->text = *address;
  welcome->ucx_lane_id = ucx_->ReserveLaneId();
  return ucx_->Open(rail, welcome->ucx_lane_id, hello.address,
                    hello.ucx_lane_id, comm->connection());
}

std::unique_ptr<Lane> Engine::OpenOffered(RecvComm* comm, int rail,
                                          const std::string& name,
                                          const Hello& hello,
                                          Welcome* welcome) {
  const bool shm = shm_ != nullptr && (hello.kinds & kShmLane) != 0;
  const bool ucx = ucx_ != nullptr && (hello.kinds & kUcxLane) != 0;
  if (!shm && !ucx) return nullptr;
  if (shm) welcome->kind = kShmLane;
  StatusOr<std::unique_ptr<Lane>> opened =
      shm ? shm_->Invite(hello.address, comm->connection(), &welcome->text)
          : OpenUcx(comm, rail, hello, welcome);
  if (opened.ok()) return std::move(opened).value();
  *welcome = Welcome();
  ITHACA_WARN(*config_.log,
              "ithaca: %s carries on over a plain socket, not %s: %s",
              name.c_str(), shm ? "shared memory" : "UCX",
              opened.status().ToString().c_str());
  return nullptr;
}

Status Engine::AddAcceptedLane(RecvComm* comm, int rail, int fd,
                               const std::string& name, const Hello& hello) {
  Welcome welcome;
  std::unique_ptr<Lane> lane = OpenOffered(comm, rail, name, hello, &welcome);
  sockaddr_storage from = {};
  socklen_t length = sizeof(from);
  if (hello.knock_port != 0 &&
      getpeername(fd, reinterpret_cast<sockaddr*>(&from), &length) == 0)
    comm->SetOrigin(hello, rail, from);
  const std::string bytes = EncodeWelcome(welcome);
  if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(bytes.size())) {
    close(fd);
    return Errorf(Code::kUnavailable, "%s: cannot answer", name.c_str());
  }
  const bool guarded = lane != nullptr;
  if (!guarded) {
    StatusOr<std::unique_ptr<Lane>> made =
        SocketLane::Create(fd, name, poller_.get(), comm->connection());
    if (!made.ok()) return made.status();
    lane = std::move(made).value();
  }
  if (hello.lane == 0) comm->set_over_shm(welcome.kind == kShmLane);
  if (welcome.kind == kShmLane) rail = rails::kNoRail;
  return comm->AddLane(hello.lane, rail, hello.dial, std::move(lane),
                       guarded ? fd : -1);
}

}  // namespace ithaca::net
