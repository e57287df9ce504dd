/* clang-format off */
/* ithaca_ulysses: the sequence <-> head exchange of Ulysses attention, driven
 * by a plan.
 *
 * What. One rank's share of the exchange as pure data movement: pack tensors
 * into one message per peer, unpack the messages of all peers into tensors.
 * Whoever calls it moves the messages (NCCL, the Ithaca plugin, MPI, memcpy).
 * No dependency but libc.
 *
 * Who. Framework engineers, from C, C++, Python (ctypes) or anything with a C
 * call.
 *
 * Life cycle. Fill an ithaca_ulysses_plan, ithaca_ulysses_create() an exchange
 * from it (the plan is checked and copied; the caller may free it), ask for
 * sizes, pack and unpack as often as wanted, ithaca_ulysses_destroy().
 *
 * Threads. An exchange is immutable: any number of threads may use one at a
 * time, as long as their outputs do not overlap; only destroy needs all of them
 * to be done. No call blocks, and only create and validate allocate.
 *
 * Errors. Every fallible call returns an ithaca_ulysses_status and, when
 * `error` is not NULL, fills *error (on success too: code 0, empty message).
 * The message names the argument, what it was and what was expected. A call
 * that fails has written to no output.
 *
 * Symbols used below
 *   P ranks, b batch, d head size
 *   H query heads, Hkv key/value (KV) heads, G = H / Hkv
 *   Q_r the query heads of rank r
 *   K_r its KV heads, { floor(q / G) : q in Q_r }
 *   rows_r the tokens (pad included) that rank r holds, S the sum of all rows_r
 *
 * The four steps, and their tensors in order
 *
 *   SEQ_TO_HEADS            before attention: tokens for heads
 *     pack    q [b, rows_i, H, d], k and v [b, rows_i, Hkv, d]
 *     unpack  q [b, S, |Q_r|, d],  k and v [b, S, |K_r|, d]
 *     message i -> r, elements: b*rows_i*|Q_r|*d of q, then b*rows_i*|K_r|*d of
 *     k, then as many of v
 *   HEADS_TO_SEQ            after attention: heads for tokens
 *     pack    o [b, S, |Q_i|, d]
 *     unpack  o [b, rows_r, H, d]
 *     message i -> r: b*rows_r*|Q_i|*d of o
 *   SEQ_TO_HEADS_BACKWARD   the gradients of q, k and v
 *     pack    dq, dk, dv shaped as the outputs of SEQ_TO_HEADS
 *     unpack  dq, dk, dv shaped as its inputs
 *     message i -> r: b*rows_r*|Q_i|*d of dq, then b*rows_r*|K_i|*d of dk, then
 *     as many of dv
 *   HEADS_TO_SEQ_BACKWARD   the gradient of o
 *     pack    do [b, rows_i, H, d]
 *     unpack  do [b, S, |Q_r|, d]
 *     message i -> r: b*rows_i*|Q_r|*d of do
 *
 * Each backward is the exact adjoint of its forward. A KV head that several
 * ranks hold receives one gradient from each; the owner of the tokens adds them
 * in fp32 in ascending rank order and rounds once to the dtype.
 *
 * Wire layout. Inside a message element (bi, s, h, c) of a tensor with n heads
 * lies at ((bi * rows + s) * n + h) * d + c, whatever the layout of the tensors:
 * batch first, rows in the order in which their owner holds them, heads
 * ascending. Native byte order.
 *
 * Quantised wire. With wire ITHACA_ULYSSES_WIRE_FP8_E4M3 each tensor's part of
 * a message is its scales, fp32, one for each token and head in the order
 * above, then its elements, one byte each in the order above; both padded with
 * zeros to 16 bytes. A scale is max(amax / 448, 2^-126), amax the largest
 * finite magnitude among the d elements; an element is x * (1 / scale), in
 * fp32, rounded to nearest, ties to even, and comes back as element * scale
 * rounded to the dtype. So |error| <= max(2^-4 |x|, 2^-10 scale), plus the dtype's own
 * rounding; infinities and NaNs come back as NaN. The rank's messages to itself
 * are quantised too, so that no result depends on where a token lies.
 *
 * Memory layout of tensors. Contiguous only (no strides yet): [b, s, heads, d],
 * [s, b, heads, d] or [t, heads, d]. Pointers are aligned to the element size
 * at least (messages of a quantised wire to 4 bytes); a tensor or message of
 * zero bytes may be NULL.
 */
/* clang-format on */
#ifndef ITHACA_KERNELS_API_ITHACA_ULYSSES_H_
#define ITHACA_KERNELS_API_ITHACA_ULYSSES_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ITHACA_ULYSSES_API __attribute__((visibility("default")))
#else
#define ITHACA_ULYSSES_API
#endif

/* Raised when a call or field is added; nothing is ever removed or changes its
 * meaning. */
#define ITHACA_ULYSSES_API_VERSION 2

typedef enum ithaca_ulysses_status {
  ITHACA_ULYSSES_OK = 0,
  /* A pointer, size, rank or enum value of this call is wrong. */
  ITHACA_ULYSSES_INVALID_ARGUMENT = 1,
  /* The plan contradicts itself. */
  ITHACA_ULYSSES_INVALID_PLAN = 2,
  /* Well formed, but this library cannot do it (yet). */
  ITHACA_ULYSSES_UNSUPPORTED = 3,
  /* A size does not fit into 62 bits, or a count is above a limit below. */
  ITHACA_ULYSSES_TOO_LARGE = 4,
  ITHACA_ULYSSES_OUT_OF_MEMORY = 5,
  /* The CUDA driver is missing or refused; see ithaca_ulysses_cuda.h. */
  ITHACA_ULYSSES_CUDA_ERROR = 6,
  /* What carries messages between ranks failed or is missing; see
   * ithaca_ulysses_comm.h. */
  ITHACA_ULYSSES_CARRIER_FAILED = 7
} ithaca_ulysses_status;

typedef enum ithaca_ulysses_dtype {
  ITHACA_ULYSSES_F32 = 1,
  ITHACA_ULYSSES_BF16 = 2,
  ITHACA_ULYSSES_F16 = 3
} ithaca_ulysses_dtype;

typedef enum ithaca_ulysses_layout {
  ITHACA_ULYSSES_BATCH_FIRST = 1,    /* [b, s, heads, d] */
  ITHACA_ULYSSES_SEQUENCE_FIRST = 2, /* [s, b, heads, d] */
  /* [t, heads, d] (THD): documents one behind the other; batch is 1. Which
   * token belongs to which document is attention's business. */
  ITHACA_ULYSSES_PACKED = 3
} ithaca_ulysses_layout;

typedef enum ithaca_ulysses_token_order {
  /* Rank r holds the global positions [row_offset_r, row_offset_r + rows_r). */
  ITHACA_ULYSSES_TOKENS_CONTIGUOUS = 1,
  /* Each rank holds the positions that token_order_params, an
   * ithaca_ulysses_token_ranges, lists: zigzag, striped, or parts of every
   * packed document. Tensors split by heads are in ascending position. */
  ITHACA_ULYSSES_TOKENS_RANGES = 2
} ithaca_ulysses_token_order;

/* How messages carry elements. */
typedef enum ithaca_ulysses_wire {
  /* As they are. */
  ITHACA_ULYSSES_WIRE_EXACT = 0,
  /* One byte each, FP8 e4m3, with an fp32 scale for each token and head: half
   * the bytes of a 16-bit dtype, at the error stated under "Quantised wire". */
  ITHACA_ULYSSES_WIRE_FP8_E4M3 = 1
} ithaca_ulysses_wire;

typedef enum ithaca_ulysses_step {
  ITHACA_ULYSSES_SEQ_TO_HEADS = 1,
  ITHACA_ULYSSES_HEADS_TO_SEQ = 2,
  ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD = 3,
  ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD = 4
} ithaca_ulysses_step;

/* The two ends of a step: what pack reads, what unpack writes. */
typedef enum ithaca_ulysses_side {
  ITHACA_ULYSSES_PACK = 1,
  ITHACA_ULYSSES_UNPACK = 2
} ithaca_ulysses_side;

#define ITHACA_ULYSSES_MAX_RANKS 65536
#define ITHACA_ULYSSES_MAX_HEADS 65536
#define ITHACA_ULYSSES_MAX_HEAD_SIZE 65536
#define ITHACA_ULYSSES_MAX_PLAN_HASH_BYTES 64

/* 256 bytes for ever. The message ends with NUL and is cut when longer. */
typedef struct ithaca_ulysses_error {
  int32_t code; /* ithaca_ulysses_status */
  char message[252];
} ithaca_ulysses_error;

/* Parameters of ITHACA_ULYSSES_TOKENS_RANGES, in the manner of
 * ithaca_ulysses_plan. Range i holds the positions start[i], start[i] +
 * stride[i], ..., count[i] of them. Together the ranges of all ranks must hold
 * every position of [0, S) once. A stride above 1 needs S of at most 2^28. */
typedef struct ithaca_ulysses_token_ranges {
  uint32_t struct_size; /* bytes; at most 4096 */
  uint32_t reserved;    /* 0 */
  /* Entries of start, count and stride; equals offsets[P]. */
  int64_t num_ranges;
  /* [P + 1] rank r's ranges are [offsets[r], offsets[r + 1]), in the order in
   * which it holds its tokens; their counts add up to rank_rows[r].
   * offsets[0] is 0. */
  const int64_t* offsets;
  const int64_t* start;
  const int64_t* count;  /* at least 1 */
  const int64_t* stride; /* at least 1 */
} ithaca_ulysses_token_ranges;

/* One rank's view of a plan.
 *
 * Versions: struct_size is sizeof(ithaca_ulysses_plan) as the caller was
 * compiled. New fields are added at the end with zero as the old behaviour. A
 * library takes a shorter struct of an older caller, and a longer one of a
 * newer caller if all bytes it does not know are zero (else UNSUPPORTED). Zero
 * the struct before filling it.
 *
 * Every pointer must reach the number of entries given; alignment is checked,
 * reach cannot be.
 */
typedef struct ithaca_ulysses_plan {
  uint32_t struct_size; /* bytes; see above; at most 4096 */
  int32_t dtype;        /* ithaca_ulysses_dtype of every tensor and message */
  int32_t layout; /* ithaca_ulysses_layout of this rank's tensors; ranks may
                     differ */
  int32_t token_order; /* ithaca_ulysses_token_order */
  int32_t num_ranks;   /* P, 1 .. ITHACA_ULYSSES_MAX_RANKS */
  int32_t my_rank;     /* 0 .. P-1 */
  int32_t batch;       /* b, at least 1 */
  int32_t head_size;   /* d, 1 .. ITHACA_ULYSSES_MAX_HEAD_SIZE */
  int32_t num_q_heads; /* H, 1 .. ITHACA_ULYSSES_MAX_HEADS, a multiple of Hkv */
  int32_t num_kv_heads; /* Hkv, at least 1 */

  /* Entries of kv_heads; equals kv_offsets[P]. */
  int32_t kv_heads_length;
  /* Bytes of plan_hash, 0 .. ITHACA_ULYSSES_MAX_PLAN_HASH_BYTES. */
  uint32_t plan_hash_bytes;

  /* [P] tokens that each rank holds, pad included; 0 is legal. */
  const int64_t* rank_rows;
  /* [P] global position of each rank's first token. Together with rank_rows the
   * ranks must tile [0, S) exactly, in any order. For contiguous tokens only;
   * NULL for ranges. */
  const int64_t* rank_row_offset;
  /* [P] each rank's query heads are [start, start + count); together they must
   * tile [0, H) exactly, in any order. A count of 0 is legal. */
  const int32_t* q_head_start;
  const int32_t* q_head_count;
  /* [P + 1] rank r's KV heads are kv_heads[kv_offsets[r] .. kv_offsets[r + 1]),
   * ascending, exactly K_r: none missing, none unused. kv_offsets[0] is 0. */
  const int32_t* kv_offsets;
  const int32_t* kv_heads;
  /* Opaque identity of the plan, the same on all ranks; kept for comparison,
   * not read. */
  const uint8_t* plan_hash;
  /* An ithaca_ulysses_token_ranges for ITHACA_ULYSSES_TOKENS_RANGES; else NULL.
   */
  const void* token_order_params;

  /* Since version 2. */
  int32_t wire;     /* ithaca_ulysses_wire, the same on all ranks */
  int32_t reserved; /* 0 */
} ithaca_ulysses_plan;

typedef struct ithaca_ulysses_exchange ithaca_ulysses_exchange;

/* Memory with its size, so that a tensor of another shape is an error and not a
 * crash. */
typedef struct ithaca_ulysses_span {
  void* data;
  uint64_t bytes;
} ithaca_ulysses_span;

typedef struct ithaca_ulysses_const_span {
  const void* data;
  uint64_t bytes;
} ithaca_ulysses_const_span;

/* ITHACA_ULYSSES_API_VERSION of the library, which may be newer than the
 * header's. */
ITHACA_ULYSSES_API uint32_t ithaca_ulysses_api_version(void);

/* A static name such as "INVALID_PLAN"; "UNKNOWN" for anything else. Never
 * NULL. */
ITHACA_ULYSSES_API const char* ithaca_ulysses_status_name(int32_t status);

/* Checks a plan as create does, and keeps nothing. `error` may be NULL. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_plan_validate(
    const ithaca_ulysses_plan* plan, ithaca_ulysses_error* error);

/* Makes an exchange; *exchange is NULL on failure. The plan is copied. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_create(
    const ithaca_ulysses_plan* plan, ithaca_ulysses_exchange** exchange,
    ithaca_ulysses_error* error);

/* NULL is ignored. */
ITHACA_ULYSSES_API void ithaca_ulysses_destroy(
    ithaca_ulysses_exchange* exchange);

/* The plan's hash as given; valid until destroy. *data is NULL when there is
 * none. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_plan_hash(
    const ithaca_ulysses_exchange* exchange, const uint8_t** data,
    uint32_t* bytes, ithaca_ulysses_error* error);

/* Number of tensors of a step: 3 for SEQ_TO_HEADS and its backward, 1 for the
 * others, 0 for a value that is no step. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_num_tensors(int32_t step);

/* Shape (in the layout's own order of dimensions; [t, heads, d, 1] when packed)
 * and size of tensor `index` on this rank. Either output may be NULL. */
ITHACA_ULYSSES_API int32_t
ithaca_ulysses_tensor(const ithaca_ulysses_exchange* exchange, int32_t step,
                      int32_t side, int32_t index, int64_t shape[4],
                      uint64_t* bytes, ithaca_ulysses_error* error);

/* Bytes that this rank sends to and receives from `peer` (itself included) in a
 * step. Either output may be NULL. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_message_bytes(
    const ithaca_ulysses_exchange* exchange, int32_t step, int32_t peer,
    uint64_t* send_bytes, uint64_t* recv_bytes, ithaca_ulysses_error* error);

/* Sum of the above over all peers: what one buffer per direction must hold when
 * the messages lie in it one after the other in rank order. Either output may
 * be NULL. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_buffer_bytes(
    const ithaca_ulysses_exchange* exchange, int32_t step, uint64_t* send_bytes,
    uint64_t* recv_bytes, ithaca_ulysses_error* error);

/* Packs the tensors of `step` into one message per peer.
 * REQUIRES: tensors[0 .. num_tensors) in the order of the table above, each of
 * exactly the size of ithaca_ulysses_tensor(PACK); messages[0 .. num_messages),
 * num_messages = P, each of exactly send_bytes. Messages overlap neither each
 * other (not checked) nor a tensor. */
ITHACA_ULYSSES_API int32_t
ithaca_ulysses_pack(const ithaca_ulysses_exchange* exchange, int32_t step,
                    const ithaca_ulysses_const_span* tensors,
                    int32_t num_tensors, const ithaca_ulysses_span* messages,
                    int32_t num_messages, ithaca_ulysses_error* error);

/* Unpacks the messages of all peers (messages[i] is what rank i packed for this
 * rank) into the tensors of `step`; writes every byte of them. REQUIRES: sizes
 * as for pack, of UNPACK and recv_bytes. Tensors overlap neither each other
 * (not checked) nor a message. */
ITHACA_ULYSSES_API int32_t
ithaca_ulysses_unpack(const ithaca_ulysses_exchange* exchange, int32_t step,
                      const ithaca_ulysses_const_span* messages,
                      int32_t num_messages, const ithaca_ulysses_span* tensors,
                      int32_t num_tensors, ithaca_ulysses_error* error);

#ifdef __cplusplus
}
#endif

#endif /* ITHACA_KERNELS_API_ITHACA_ULYSSES_H_ */
