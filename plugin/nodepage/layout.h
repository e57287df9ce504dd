// The node page: one mapped file that the processes of a node share.
//
// Layout, native byte order (all who map it are on one machine):
//
//   offset   size  what
//        0     64  PageHead: what this is; written once, before it has a name
//       64      4  how many slots were ever in use: readers stop there
//     4096  256 K  ledger: kLedgerSlots slots of 1 KiB
//
//   slot    size  what
//        0      8  owner: start time in ticks << 22 | process id; 0 = free
//        8      8  inode of the owner's namespace of process ids
//       16      8  sequence: odd while the owner writes what follows
//       24      8  when it was written, ns of CLOCK_MONOTONIC
//       32      8  how many of the records are in use
//       64    960  kRailsPerSlot records of 64 bytes (RailWords)
//
// A slot belongs to one engine of a process, which alone writes it; `owner`
// changes by compare-and-swap. Whatever a word says may change while it is
// read, and be anything: it is copied out, then checked.
//
// Version rule: any change of this file is another kPageVersion. Who finds
// another one, or another size, leaves the page alone.
#ifndef ITHACA_PLUGIN_NODEPAGE_LAYOUT_H_
#define ITHACA_PLUGIN_NODEPAGE_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ithaca::nodepage {

inline constexpr char kPageFile[] = "node.page";
inline constexpr uint64_t kPageMagic = 0x4547415041485449;  // "ITHAPAGE"
inline constexpr uint32_t kPageVersion = 1;
inline constexpr int kLedgerSlots = 256;
inline constexpr int kRailsPerSlot = 15;

// Shared words are atomics, so that a reader beside a writer is no data race.
using Word = std::atomic<uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);

struct PageHead {
  uint64_t magic;
  uint32_t version;
  uint32_t slot_bytes;
  uint64_t page_bytes;
  uint64_t slots;
  uint64_t reserved[4];  // 0
};
static_assert(sizeof(PageHead) == 64);
static_assert(offsetof(PageHead, version) == 8);
static_assert(offsetof(PageHead, page_bytes) == 16);
static_assert(offsetof(PageHead, slots) == 24);

struct RailWords {
  Word network;      // inode of the network namespace; 0 = no rail
  Word interface;    // index in it
  Word window;       // bytes: the window that the engine would have alone
  Word outstanding;  // bytes granted, not yet arrived
  Word arrived;      // bytes ever
  Word active;       // 1: something is to be received
  Word reserved[2];  // 0
};
static_assert(sizeof(RailWords) == 64);
static_assert(offsetof(RailWords, arrived) == 32);
static_assert(offsetof(RailWords, active) == 40);

struct Slot {
  Word owner;
  Word process_namespace;
  Word sequence;
  Word written_ns;
  Word rails;
  Word reserved[3];  // 0
  RailWords rail[kRailsPerSlot];
};
static_assert(sizeof(Slot) == 1024);
static_assert(offsetof(Slot, sequence) == 16);
static_assert(offsetof(Slot, rails) == 32);
static_assert(offsetof(Slot, rail) == 64);

struct PageWords {
  PageHead head;
  std::atomic<uint32_t> used_slots;
  uint8_t reserved[4096 - 68];  // 0
  Slot slot[kLedgerSlots];
};
static_assert(offsetof(PageWords, used_slots) == 64);
static_assert(offsetof(PageWords, slot) == 4096);
static_assert(sizeof(PageWords) == 4096 + 256 * 1024);

// What the head of a page says.
inline constexpr PageHead kPageHead = {kPageMagic,   kPageVersion,
                                       sizeof(Slot), sizeof(PageWords),
                                       kLedgerSlots, {}};

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_LAYOUT_H_
