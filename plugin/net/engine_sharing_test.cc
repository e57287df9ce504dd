// Engines that receive over one NIC leave each other room, and only while they
// do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "plugin/net/engine_sides.h"
#include "plugin/nodepage/page.h"

namespace ithaca::net {
namespace {

// A rail whose name is that of an interface, as the ledger knows it by.
std::vector<Rail> Loopback(int number) {
  std::vector<Rail> rails = LoopbackRails(number, 1);
  rails[0].name = "lo";
  return rails;
}

class EngineSharing : public testing::Test {
 protected:
  EngineSharing() {
    std::string name = std::filesystem::temp_directory_path() / "shareXXXXXX";
    if (mkdtemp(name.data()) == nullptr) abort();
    folder_ = name;
    page_ = *nodepage::NodePage::Open(folder_);
  }
  ~EngineSharing() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Side> MakeSide(int number, bool on_page = true) {
    Options options = SmallFragments();
    options.window_bytes = 1 << 20;
    return std::make_unique<Side>(Loopback(number), &MonotonicClock(), options,
                                  nullptr, 0, on_page ? page_ : nullptr);
  }
  // How many windows like `side`'s the one for it alone would hold.
  static double Divisor(const Side& side) {
    const rails::CreditBroker& broker = side.engine->broker();
    return static_cast<double>(broker.window_alone(0)) / broker.window_bytes(0);
  }

  std::string folder_;
  std::shared_ptr<nodepage::NodePage> page_;
};

// A message on its way, and what becomes of it.
struct Message {
  Message(const Link& link, size_t bytes, char fill)
      : link(link), data(bytes, fill), got(bytes, '\x5a') {
    in = *link.recv->connection()->Receive(got.data(), bytes, 0);
    out = *link.send->connection()->Send(data.data(), bytes, 0);
  }
  bool Done() {
    uint64_t size = 0;
    arrived = arrived || *link.recv->connection()->Test(in, &size);
    sent = sent || *link.send->connection()->Test(out, &size);
    return arrived && sent;
  }
  const Link& link;
  const std::string data;
  std::string got;
  Request *in = nullptr, *out = nullptr;
  bool arrived = false, sent = false;
};

TEST_F(EngineSharing, TheWindowIsSharedWhileBothReceive) {
  const auto sender = MakeSide(1, /*on_page=*/false);
  const auto b = MakeSide(2), c = MakeSide(3);
  const Link to_b = ConnectSides(sender.get(), b.get(), 1);
  const Link to_c = ConnectSides(sender.get(), c.get(), 1);
  ASSERT_TRUE(to_b.send != nullptr && to_c.send != nullptr);
  EXPECT_EQ(Divisor(*b), 1);

  {
    auto long_one = std::make_unique<Message>(to_b, 64 << 20, 'b');
    auto other = std::make_unique<Message>(to_c, 64 << 20, 'c');
    bool shared = false;
    const auto poll = [&] {
      c->engine->Progress();
      shared = shared || (Divisor(*b) > 1.9 && Divisor(*c) > 1.9);
    };
    ASSERT_TRUE(Until(sender.get(), b.get(), [&] {
      poll();
      const bool one = long_one->Done(), two = other->Done();
      return one && two;
    }));
    EXPECT_TRUE(shared);
    EXPECT_TRUE(long_one->got == long_one->data);
    EXPECT_TRUE(other->got == other->data);
  }
  // c has nothing to receive any more, and is polled on or not.
  Message last(to_b, 8 << 20, 'l');
  ASSERT_TRUE(Until(sender.get(), b.get(), [&] { return last.Done(); }));
  ASSERT_TRUE(Until(sender.get(), b.get(), [&] { return Divisor(*b) == 1; }));
  EXPECT_TRUE(last.got == last.data);
}

TEST_F(EngineSharing, WithoutAPageEachGrantsAsIfItWereAlone) {
  const auto sender = MakeSide(1, false), b = MakeSide(2, false),
             c = MakeSide(3, false);
  const Link to_b = ConnectSides(sender.get(), b.get(), 1);
  const Link to_c = ConnectSides(sender.get(), c.get(), 1);
  ASSERT_TRUE(to_b.send != nullptr && to_c.send != nullptr);
  Message one(to_b, 16 << 20, 'b'), two(to_c, 16 << 20, 'c');
  double most = 0;
  ASSERT_TRUE(Until(sender.get(), b.get(), [&] {
    c->engine->Progress();
    most = std::max(most, Divisor(*b));
    const bool first = one.Done(), second = two.Done();
    return first && second;
  }));
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace ithaca::net
