// Decides whether a recorded history of concurrent calls is linearizable.
//
// A history is linearizable when every call can be given one moment between its
// invocation and its return so that, done one after another in the order of
// these moments, the calls return what they returned. The search walks through
// the history in time and keeps every configuration that explains it so far: a
// state of the model, and which of the calls in flight have had their moment.
// A call gets its moment as late as possible: when some call returns that needs
// it (Lowe, "Testing for linearizability", 2017, after Wing and Gong, 1993).
// Configurations that are equal are one. When none is left, the return at hand
// is what no order explains.
//
// A call whose outcome nobody knows (its client or server died, its deadline
// passed) may have had its moment at any time up to its end, or never.
//
// Used by the tests of this folder. Threads: a Linearizer is used by one.
//
// A Model has
//   State, Call                types; State is copyable
//   void Step(const State&, const Call&, std::vector<State>* next) const
//                              the states after the call; none: it cannot have
//                              this answer here
//   bool TooLate(const State&, const Call&) const
//                              no state that follows this one allows the call
//   std::string Key(const State&) const      equal for equal states
//   std::string Show(const State&) const     for people
//   std::string Show(const Call&) const
#ifndef ITHACA_TESTS_HISTORIES_LINEARIZER_H_
#define ITHACA_TESTS_HISTORIES_LINEARIZER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ithaca::histories {

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// When a call was made and returned, ns of one monotonic clock.
struct Span {
  int64_t call_ns = 0;
  // For a call with unknown outcome: when it can no longer take effect; kNever:
  // nobody knows.
  int64_t end_ns = kNever;
  // Whether it was answered; false: it took effect once or not at all.
  bool answered = true;
  int client = 0;
};

template <typename Call>
struct Recorded {
  Span span;
  Call call;
};

enum class Verdict {
  kLinearizable,
  kViolation,
  // The search was given up: neither proven nor refuted.
  kUnknown,
};

struct Finding {
  Verdict verdict = Verdict::kLinearizable;
  // For kViolation: the return that nothing explains, what was possible before
  // it, and what was in flight. For kUnknown: how far it got.
  std::string text;
  // Configurations looked at.
  size_t visited = 0;
};

template <typename Model>
class Linearizer {
 public:
  using State = typename Model::State;
  using Call = typename Model::Call;
  using History = std::vector<Recorded<Call>>;

  // `history` must outlive the object. Gives up after `max_visited`
  // configurations.
  Linearizer(const Model& model, const History& history,
             size_t max_visited = 2'000'000)
      : model_(model), history_(history), max_visited_(max_visited) {}

  Finding Check(const State& initial) {
    configurations_ = {{initial, {}}};
    for (const Moment& moment : Moments()) {
      if (moment.is_call) {
        in_flight_.push_back(moment.call);
        continue;
      }
      const std::vector<Configuration> before = configurations_;
      Return(moment.call);
      if (finding_.visited > max_visited_) return GiveUp(moment.call);
      if (configurations_.empty()) return Violation(moment.call, before);
      in_flight_.erase(
          std::find(in_flight_.begin(), in_flight_.end(), moment.call));
      returned_.push_back(moment.call);
    }
    return finding_;
  }

 private:
  struct Configuration {
    State state;
    // Calls in flight that have had their moment, ascending.
    std::vector<size_t> done;
  };
  struct Moment {
    int64_t at_ns;
    bool is_call;
    size_t call;
  };

  // Calls before returns of the same instant: they may have overlapped.
  std::vector<Moment> Moments() const {
    std::vector<Moment> moments;
    for (size_t i = 0; i < history_.size(); ++i) {
      moments.push_back({history_[i].span.call_ns, true, i});
      moments.push_back({history_[i].span.end_ns, false, i});
    }
    std::sort(moments.begin(), moments.end(),
              [](const Moment& a, const Moment& b) {
                if (a.at_ns != b.at_ns) return a.at_ns < b.at_ns;
                return a.is_call > b.is_call;
              });
    // What never ends needs no end.
    while (!moments.empty() && moments.back().at_ns == kNever)
      moments.pop_back();
    return moments;
  }

  std::string KeyOf(const Configuration& configuration) const {
    std::string key = model_.Key(configuration.state);
    for (const size_t call : configuration.done) {
      key.append(reinterpret_cast<const char*>(&call), sizeof call);
    }
    return key;
  }

  static bool IsDone(const Configuration& configuration, size_t call) {
    return std::binary_search(configuration.done.begin(),
                              configuration.done.end(), call);
  }

  // Every configuration that explains that `call` has returned, with the call
  // forgotten.
  void Return(size_t call) {
    std::vector<Configuration> explained;
    seen_explained_.clear();
    seen_on_the_way_.clear();
    for (const Configuration& configuration : configurations_) {
      if (IsDone(configuration, call) || !history_[call].span.answered) {
        Keep(configuration, call, &explained);
      }
      if (!IsDone(configuration, call))
        Explore(configuration, call, &explained);
    }
    configurations_ = std::move(explained);
  }

  void Keep(Configuration configuration, size_t call,
            std::vector<Configuration>* explained) {
    auto& done = configuration.done;
    done.erase(std::remove(done.begin(), done.end(), call), done.end());
    if (seen_explained_.insert(KeyOf(configuration)).second)
      explained->push_back(std::move(configuration));
  }

  // Gives calls in flight their moments, in every order, until `call` has its.
  void Explore(const Configuration& start, size_t call,
               std::vector<Configuration>* explained) {
    std::vector<Configuration> todo = {start};
    while (!todo.empty() && finding_.visited <= max_visited_) {
      const Configuration now = std::move(todo.back());
      todo.pop_back();
      if (!seen_on_the_way_.insert(KeyOf(now)).second) continue;
      ++finding_.visited;
      if (IsHopeless(now)) continue;
      for (const size_t next : in_flight_) {
        if (IsDone(now, next)) continue;
        std::vector<State> states;
        model_.Step(now.state, history_[next].call, &states);
        for (State& state : states) {
          Configuration after{std::move(state), now.done};
          auto& done = after.done;
          done.insert(std::upper_bound(done.begin(), done.end(), next), next);
          if (next == call) {
            Keep(std::move(after), call, explained);
          } else {
            todo.push_back(std::move(after));
          }
        }
      }
    }
  }

  // Whether a call in flight that must have its moment can have it no more.
  bool IsHopeless(const Configuration& configuration) const {
    for (const size_t call : in_flight_) {
      if (history_[call].span.answered && !IsDone(configuration, call) &&
          model_.TooLate(configuration.state, history_[call].call))
        return true;
    }
    return false;
  }

  // ---- for people

  std::string Line(size_t call) const {
    const Span& span = history_[call].span;
    const auto ms = [this](int64_t ns) {
      return ns == kNever
                 ? std::string("never")
                 : std::to_string((ns - history_.front().span.call_ns) / 1000) +
                       " us";
    };
    return "  [" + ms(span.call_ns) + " .. " + ms(span.end_ns) + "] client " +
           std::to_string(span.client) +
           (span.answered ? ": " : " (outcome unknown): ") +
           model_.Show(history_[call].call) + "\n";
  }

  Finding GiveUp(size_t call) {
    finding_.verdict = Verdict::kUnknown;
    finding_.text = "gave up after " + std::to_string(finding_.visited) +
                    " configurations and " + std::to_string(returned_.size()) +
                    " returns, at\n" + Line(call);
    return finding_;
  }

  Finding Violation(size_t call, const std::vector<Configuration>& before) {
    constexpr size_t kShown = 8;
    finding_.verdict = Verdict::kViolation;
    std::string& text = finding_.text;
    text = "no order of the calls explains this return:\n" + Line(call);
    text += "states that were possible before it (" +
            std::to_string(before.size()) + "):\n";
    for (size_t i = 0; i < std::min(kShown, before.size()); ++i)
      text += "  " + model_.Show(before[i].state) + "\n";
    text += "calls in flight:\n";
    for (const size_t other : in_flight_) {
      if (other != call) text += Line(other);
    }
    text += "last returns before it:\n";
    const size_t from = returned_.size() - std::min(kShown, returned_.size());
    for (size_t i = from; i < returned_.size(); ++i) text += Line(returned_[i]);
    return finding_;
  }

  const Model& model_;
  const History& history_;
  const size_t max_visited_;
  std::vector<Configuration> configurations_;
  std::vector<size_t> in_flight_;
  std::vector<size_t> returned_;
  std::unordered_set<std::string> seen_explained_;
  std::unordered_set<std::string> seen_on_the_way_;
  Finding finding_;
};

template <typename Model>
Finding CheckLinearizable(
    const Model& model,
    const std::vector<Recorded<typename Model::Call>>& history,
    const typename Model::State& initial, size_t max_visited = 2'000'000) {
  return Linearizer<Model>(model, history, max_visited).Check(initial);
}

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_LINEARIZER_H_
