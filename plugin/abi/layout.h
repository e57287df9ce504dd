// Compile-time checks that a struct has the layout NCCL was built with.
//
// Used by this folder's headers alone. The numbers are those of the x86-64
// System V ABI, taken from NCCL's published headers.
#ifndef ITHACA_PLUGIN_ABI_LAYOUT_H_
#define ITHACA_PLUGIN_ABI_LAYOUT_H_

#include <cstddef>
#include <type_traits>

#define ITHACA_ABI_SIZE(type, bytes)                                 \
  static_assert(sizeof(type) == (bytes), #type " changed its size"); \
  static_assert(std::is_standard_layout_v<type>, #type " is not plain")

#define ITHACA_ABI_AT(type, field, bytes)         \
  static_assert(offsetof(type, field) == (bytes), \
                #type "::" #field " is not where NCCL looks for it")

#endif  // ITHACA_PLUGIN_ABI_LAYOUT_H_
