#include "plugin/driver/core.h"

namespace ithaca::driver {

Stream::Stream() {
  // An address no plugin can have handed out: who reads it is found out.
  for (void*& request : requests) {
    request = reinterpret_cast<void*>(uintptr_t{0xdeadbeefdeadbee8});
  }
}

}  // namespace ithaca::driver
