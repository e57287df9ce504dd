/* A C11 program with the shipped library: opens it at run time, as a framework
 * would, and sends two ranks' tensors to heads and back. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/api/ithaca_ulysses.h"

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) {                                          \
      fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, \
              error.message);                                    \
      exit(1);                                                   \
    }                                                            \
  } while (0)

enum { kRanks = 2, kHeads = 3, kTokens = 5, kSize = 4 };

static ithaca_ulysses_error error;

/* ISO C has no cast from data to function pointers; POSIX promises that this
 * works. */
static void Load(void* library, const char* name, void* function) {
  void* symbol = dlsym(library, name);
  if (symbol == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  memcpy(function, &symbol, sizeof(symbol));
}

static int32_t (*create)(const ithaca_ulysses_plan*, ithaca_ulysses_exchange**,
                         ithaca_ulysses_error*);
static void (*destroy)(ithaca_ulysses_exchange*);
static int32_t (*message_bytes)(const ithaca_ulysses_exchange*, int32_t,
                                int32_t, uint64_t*, uint64_t*,
                                ithaca_ulysses_error*);
static int32_t (*pack)(const ithaca_ulysses_exchange*, int32_t,
                       const ithaca_ulysses_const_span*, int32_t,
                       const ithaca_ulysses_span*, int32_t,
                       ithaca_ulysses_error*);
static int32_t (*unpack)(const ithaca_ulysses_exchange*, int32_t,
                         const ithaca_ulysses_const_span*, int32_t,
                         const ithaca_ulysses_span*, int32_t,
                         ithaca_ulysses_error*);

static const int64_t kRows[kRanks] = {3, 2}, kRowOffset[kRanks] = {0, 3};
static const int32_t kHeadStart[kRanks] = {0, 1}, kHeadCount[kRanks] = {1, 2};
static const int32_t kKvOffsets[kRanks + 1] = {0, 1, 2}, kKvHeads[2] = {0, 0};

static ithaca_ulysses_exchange* Create(int32_t rank) {
  ithaca_ulysses_plan plan;
  ithaca_ulysses_exchange* exchange = NULL;
  memset(&plan, 0, sizeof(plan));
  plan.struct_size = sizeof(plan);
  plan.dtype = ITHACA_ULYSSES_F32;
  plan.layout = ITHACA_ULYSSES_BATCH_FIRST;
  plan.token_order = ITHACA_ULYSSES_TOKENS_CONTIGUOUS;
  plan.num_ranks = kRanks;
  plan.my_rank = rank;
  plan.batch = 1;
  plan.head_size = kSize;
  plan.num_q_heads = kHeads;
  plan.num_kv_heads = 1;
  plan.kv_heads_length = 2;
  plan.rank_rows = kRows;
  plan.rank_row_offset = kRowOffset;
  plan.q_head_start = kHeadStart;
  plan.q_head_count = kHeadCount;
  plan.kv_offsets = kKvOffsets;
  plan.kv_heads = kKvHeads;
  CHECK(create(&plan, &exchange, &error) == ITHACA_ULYSSES_OK);
  return exchange;
}

/* HEADS_TO_SEQ_BACKWARD and then HEADS_TO_SEQ give every rank its tokens back.
 */
static void RoundTrip(ithaca_ulysses_exchange* const* exchange) {
  static float tokens[kRanks][3 * kHeads * kSize],
      back[kRanks][3 * kHeads * kSize];
  static float heads[kRanks][kTokens * 2 * kSize],
      wire[kRanks][kRanks][3 * 2 * kSize];
  for (int pass = 0; pass < 2; ++pass) {
    const int32_t step = pass == 0 ? ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD
                                   : ITHACA_ULYSSES_HEADS_TO_SEQ;
    ithaca_ulysses_span by_tokens[kRanks], by_heads[kRanks],
        messages[kRanks][kRanks];
    for (int r = 0; r < kRanks; ++r) {
      by_tokens[r].data = pass == 0 ? tokens[r] : back[r];
      by_tokens[r].bytes = (uint64_t)kRows[r] * kHeads * kSize * sizeof(float);
      by_heads[r].data = heads[r];
      by_heads[r].bytes =
          (uint64_t)kTokens * (uint64_t)kHeadCount[r] * kSize * sizeof(float);
      for (size_t i = 0; pass == 0 && i < by_tokens[r].bytes / sizeof(float);
           ++i) {
        tokens[r][i] = (float)(100 * r + (int)i);
      }
    }
    for (int r = 0; r < kRanks; ++r) {
      const ithaca_ulysses_span* from =
          pass == 0 ? &by_tokens[r] : &by_heads[r];
      const ithaca_ulysses_const_span input = {from->data, from->bytes};
      for (int peer = 0; peer < kRanks; ++peer) {
        messages[r][peer].data = wire[r][peer];
        CHECK(message_bytes(exchange[r], step, peer, &messages[r][peer].bytes,
                            NULL, &error) == 0);
        CHECK(messages[r][peer].bytes <= sizeof(wire[r][peer]));
      }
      CHECK(pack(exchange[r], step, &input, 1, messages[r], kRanks, &error) ==
            0);
    }
    for (int r = 0; r < kRanks; ++r) {
      ithaca_ulysses_const_span received[kRanks];
      for (int peer = 0; peer < kRanks; ++peer) {
        received[peer].data = messages[peer][r].data;
        received[peer].bytes = messages[peer][r].bytes;
      }
      CHECK(unpack(exchange[r], step, received, kRanks,
                   pass == 0 ? &by_heads[r] : &by_tokens[r], 1, &error) == 0);
    }
  }
  /* Rank 1 holds heads 1 and 2 of all tokens; rank 0's token 2 starts at
   * element 24. */
  CHECK(heads[1][2 * 2 * kSize] == 28.0f);
  CHECK(memcmp(tokens, back, sizeof(tokens)) == 0);
}

int main(int argc, char** argv) {
  void* library;
  ithaca_ulysses_exchange* exchange[kRanks];
  if (argc != 2 || (library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) == NULL) {
    fprintf(stderr, "usage: c_client_test LIBRARY: %s\n",
            argc == 2 ? dlerror() : "");
    return 2;
  }
  Load(library, "ithaca_ulysses_create", &create);
  Load(library, "ithaca_ulysses_destroy", &destroy);
  Load(library, "ithaca_ulysses_message_bytes", &message_bytes);
  Load(library, "ithaca_ulysses_pack", &pack);
  Load(library, "ithaca_ulysses_unpack", &unpack);
  for (int r = 0; r < kRanks; ++r) exchange[r] = Create(r);
  RoundTrip(exchange);
  for (int r = 0; r < kRanks; ++r) destroy(exchange[r]);
  return dlclose(library);
}
