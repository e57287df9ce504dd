// The copy of a large payload to where nobody reads it soon: user memory, from
// which a GPU fetches it.
//
// Used by shm_receiver. Stateless; any thread.
#ifndef ITHACA_PLUGIN_SHM_COPY_H_
#define ITHACA_PLUGIN_SHM_COPY_H_

#include <cstddef>

namespace ithaca {

// As memcpy, past the caches where the CPU can: leaves them to what is in use,
// and does not fetch the lines of `to` before it overwrites them. Whatever is
// stored afterwards is seen after the bytes.
void CopyForLater(void* to, const void* from, size_t bytes);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_COPY_H_
