#include "plugin/net/lane_dialer.h"

#include <algorithm>
#include <utility>

#include "plugin/net/engine.h"
#include "plugin/transport/handle.h"

namespace ithaca::net {

LaneDialer::LaneDialer(Engine* engine, std::vector<Dialer::Target> targets,
                       HelloFor hello_for, Finish finish)
    : engine_(engine),
      targets_(std::move(targets)),
      hello_for_(std::move(hello_for)),
      finish_(std::move(finish)) {}

void LaneDialer::Start() { Dial(targets_, {}); }

void LaneDialer::Dial(std::vector<Dialer::Target> targets,
                      Dialer::Patience patience) {
  const uint32_t dial = ++dial_;
  dialer_ = std::make_unique<Dialer>(
      &engine_->config().rails, std::move(targets),
      [this, dial](int rail) { return hello_for_(rail, dial); },
      engine_->config().options.peer_timeout_s, engine_->poller(), patience);
  dialer_->Start();
}

void LaneDialer::Step(int64_t now_ns) {
  if (dialer_ == nullptr) return;
  dialer_->HurryUp(now_ns);
  if (dialer_->state() == Dialer::State::kWelcome) {
    const Dialer::Target target = dialer_->target();
    const Status status = finish_(dialer_.get(), dial_);
    if (status.ok()) {
      dialer_.reset();
      schedule_.OnUp(now_ns);
      nobody_there_ = false;
      hung_up_ = 0;
      for (size_t i = 0; i < targets_.size(); ++i)
        if (targets_[i].rail == target.rail &&
            AddressToString(targets_[i].address) ==
                AddressToString(target.address))
          target_ = i;
      if (home_ < 0) home_ = target_;
      return;
    }
    dialer_->NextTarget(status);
  }
  if (dialer_->state() == Dialer::State::kFailed) OnFailed();
}

void LaneDialer::OnFailed() {
  error_ = dialer_->error();
  nobody_there_ = dialer_->nobody_there();
  refused_ =
      dialer_->refused() && dialer_->welcome().verdict != Verdict::kStale;
  hung_up_ = dialer_->hung_up() ? hung_up_ + 1 : 0;
  dialer_.reset();
}

void LaneDialer::Restore(bool any_pair, int64_t now_ns) {
  if (!std::exchange(lost_, true)) schedule_.OnLost(now_ns);
  if (dialer_ != nullptr || !schedule_.Due(any_pair, now_ns)) return;
  schedule_.OnDial(now_ns);
  std::vector<Dialer::Target> targets = targets_;
  if (home_ >= 0) {
    std::rotate(targets.begin(), targets.begin() + home_, targets.end());
    if (!any_pair) targets.resize(1);
  }
  Dial(std::move(targets),
       {rails::RedialSchedule::kConnectNs, rails::RedialSchedule::kWelcomeNs});
}

void LaneDialer::Keep(int64_t now_ns) {
  lost_ = false;
  if (target_ == home_ || dialer_ != nullptr || !schedule_.Due(false, now_ns))
    return;
  schedule_.OnDial(now_ns);
  Dial({targets_[home_]},
       {rails::RedialSchedule::kConnectNs, rails::RedialSchedule::kWelcomeNs});
}

std::string LaneDialer::Describe() const {
  if (dialer_ != nullptr) return dialer_->Describe();
  const Dialer::Target& target = targets_[std::max(target_, 0)];
  return engine_->config().rails[target.rail].name + " -> " +
         AddressToString(target.address);
}

}  // namespace ithaca::net
