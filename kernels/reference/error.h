// Fills the error struct of the C API. Used by every fallible call of
// kernels/reference. Stateless, thread-safe, allocates nothing.
#ifndef ITHACA_KERNELS_REFERENCE_ERROR_H_
#define ITHACA_KERNELS_REFERENCE_ERROR_H_

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

// Sets *error to success when it is not NULL. Returns ITHACA_ULYSSES_OK.
int32_t Ok(ithaca_ulysses_error* error);

// Writes code and a printf-formatted message into *error when it is not NULL (a
// message that does not fit is cut). Returns code.
int32_t Fail(ithaca_ulysses_error* error, int32_t code, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_ERROR_H_
