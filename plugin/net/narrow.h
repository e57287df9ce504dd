// What the older versions of the net ABI are built with.
//
// Each net_vN.h holds one constant table, made from the next newer one: the
// slots whose type did not change are copied, the rest are functions of that
// version. Everything here is resolved at compile time, so that the tables are
// in place before any constructor of the process runs.
#ifndef ITHACA_PLUGIN_NET_NARROW_H_
#define ITHACA_PLUGIN_NET_NARROW_H_

#include <type_traits>

#include "plugin/abi/net_v12.h"
#include "plugin/abi/versions.h"
#include "plugin/net/net.h"

// Every slot that any version has.
#define ITHACA_NET_SLOTS(X) \
  X(name)                   \
  X(init)                   \
  X(devices)                \
  X(getProperties)          \
  X(listen)                 \
  X(connect)                \
  X(accept)                 \
  X(regMr)                  \
  X(regMrDmaBuf)            \
  X(deregMr)                \
  X(isend)                  \
  X(irecv)                  \
  X(iflush)                 \
  X(test)                   \
  X(closeSend)              \
  X(closeRecv)              \
  X(closeListen)            \
  X(getDeviceMr)            \
  X(irecvConsumed)          \
  X(makeVDevice)            \
  X(finalize)               \
  X(setNetAttr)

// Defines an exported table; the one place where a symbol gets its name.
#define ITHACA_EXPORT_NET(version, table)           \
  extern "C" __attribute__((visibility("default"))) \
  const ::ithaca::abi::NetV##version                \
  ITHACA_NET_SYMBOL(version) = (table)

namespace ithaca::net {

// Calls a slot of the canonical table. The table is defined elsewhere, so its
// function pointers are no constants; these functions are.
template <auto slot>
struct Forward;

template <typename... Args, abi::Result (*abi::NetV12::*slot)(Args...)>
struct Forward<slot> {
  static abi::Result Call(Args... args) { return (kCanonical.*slot)(args...); }
};

// The canonical table as a constant: what v11 is narrowed from.
inline constexpr abi::NetV12 kNetV12 = {
    kPluginName,
    Forward<&abi::NetV12::init>::Call,
    Forward<&abi::NetV12::devices>::Call,
    Forward<&abi::NetV12::getProperties>::Call,
    Forward<&abi::NetV12::listen>::Call,
    Forward<&abi::NetV12::connect>::Call,
    Forward<&abi::NetV12::accept>::Call,
    Forward<&abi::NetV12::regMr>::Call,
    Forward<&abi::NetV12::regMrDmaBuf>::Call,
    Forward<&abi::NetV12::deregMr>::Call,
    Forward<&abi::NetV12::isend>::Call,
    Forward<&abi::NetV12::irecv>::Call,
    Forward<&abi::NetV12::iflush>::Call,
    Forward<&abi::NetV12::test>::Call,
    Forward<&abi::NetV12::closeSend>::Call,
    Forward<&abi::NetV12::closeRecv>::Call,
    Forward<&abi::NetV12::closeListen>::Call,
    nullptr,
    nullptr,
    nullptr,
    Forward<&abi::NetV12::finalize>::Call,
    Forward<&abi::NetV12::setNetAttr>::Call,
};

// Whether both tables have the slot, with one type.
#define ITHACA_SAME_SLOT(slot)                                                \
  template <typename A, typename B, typename = void>                          \
  struct SameSlot_##slot : std::false_type {};                                \
  template <typename A, typename B>                                           \
  struct SameSlot_##slot<                                                     \
      A, B,                                                                   \
      std::enable_if_t<std::is_same_v<decltype(A::slot), decltype(B::slot)>>> \
      : std::true_type {};
ITHACA_NET_SLOTS(ITHACA_SAME_SLOT)
#undef ITHACA_SAME_SLOT

// Copies the slots that both tables have with one type; the others keep their
// value, which is null in a fresh table.
template <typename Newer, typename Older>
constexpr void CopyUnchangedSlots(const Newer& newer, Older* older) {
#define ITHACA_COPY_SLOT(slot) \
  if constexpr (SameSlot_##slot<Newer, Older>::value) older->slot = newer.slot;
  ITHACA_NET_SLOTS(ITHACA_COPY_SLOT)
#undef ITHACA_COPY_SLOT
}

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NARROW_H_
