#include "kernels/reference/error.h"

#include <cstdarg>
#include <cstdio>

namespace ithaca::ulysses {

int32_t Ok(ithaca_ulysses_error* error) {
  if (error != nullptr) {
    error->code = ITHACA_ULYSSES_OK;
    error->message[0] = '\0';
  }
  return ITHACA_ULYSSES_OK;
}

int32_t Fail(ithaca_ulysses_error* error, int32_t code, const char* format,
             ...) {
  if (error != nullptr) {
    error->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
  }
  return code;
}

}  // namespace ithaca::ulysses
