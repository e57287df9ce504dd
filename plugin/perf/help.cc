#include "plugin/perf/config.h"

namespace ithaca::perf {

std::string HelpText() {
  return R"(ithaca-perf: measures a NCCL net plugin, without NCCL and without a GPU

It loads the plugin as NCCL does, drives it as NCCL's proxy threads do (same
channels, chunks, pipeline and calls), and checks every byte that arrives.

Usage
  ithaca-perf [--ranks N] [flags]                all ranks on this machine
  ithaca-perf --rank R --ranks N --rendezvous HOST:PORT [flags]
                                                 one rank; start N of them

Examples
  ithaca-perf --ranks 4
      All-to-all among 4 processes, 0 B to 16 MiB per pair, with the plugin that
      lies beside this program.
  ithaca-perf --plugin /usr/lib/libnccl-net-other.so --abi 9 --ranks 2 \
              --bytes 64K:64M:4
      Another plugin, through an older ABI, from 64 KiB to 64 MiB in steps of 4.
  ithaca-perf --ranks 2 --pattern latency --bytes 8,4K
      Half a round trip between two ranks.
  ithacactl plan ... -o json > plan.json
  ithaca-perf --pattern alltoallv --counts plan.json
      The exchange of a plan, uneven heads and all.
  ithaca-perf --bytes 64M --compare ./libnccl-net-other.so
      This plugin and another one in alternation, with the ratios of throughput,
      time and CPU time.
  node0$ ithaca-perf --rank 0 --ranks 2 --rendezvous node0:29500
  node1$ ithaca-perf --rank 1 --ranks 2 --rendezvous node0:29500
      Two machines. Rank 0 listens and prints the result.

What to measure
  --pattern NAME      alltoall (default), alltoallv, sendrecv (each rank to the
                      next one), latency (ranks 2i and 2i+1 play ping-pong)
  --bytes LIST        bytes per pair: 0,1,4K or BEGIN:END:FACTOR
                      (default 0,1,4K,128K,1M,16M)
  --counts FILE       alltoallv: a JSON matrix of bytes, row = sender, or a plan
                      as JSON; no message for a count of 0
  --skew K            alltoallv without a file: rank 0 receives K times --bytes
                      from every rank, the others --bytes
  --exchange NAME     which exchange of a plan: seq_to_heads (default) or
                      heads_to_seq
  --no-own-share      all-to-all(v): without the bytes of each rank to itself. A GPU
                      copies them beside the network; here the thread does that
                      drives the plugin
  --iters N           measured iterations (default 20)
  --warmup N          iterations before them (default 2)
  --pause MS          rest before each iteration (0), for networks that let a
                      burst pass after a rest
  --round-trips N     per iteration of latency (default 100)

Which plugin
  --plugin PATH       default: libnccl-net-ithaca.so beside this program
  --abi N             6 to 12; default: the newest that the plugin has
  --device N          default: channel c uses device c modulo their number

Two plugins in one run
  --compare PLUGIN[,NAME]
                      runs --plugin and PLUGIN in turns, A B A B ..., each turn
                      with processes of its own, so that one plugin's threads
                      exist at a time; prints both and their ratios. NAME is for
                      the output. ",NAME" alone is the same plugin again.
  --compare-env NAME=VALUE
                      environment for the turns of the compared one; repeatable
  --turns N           turns of each (5); --iters and --warmup are per turn

How it is driven (NCCL's own settings are the defaults)
  --channels N        connections per peer (2)
  --chunk BYTES       largest message (NCCL_P2P_NET_CHUNKSIZE, which plugins may
                      set in init; NCCL's default is 128K)
  --depth N           messages in flight per connection, 1 to 8 (0: NCCL's rule,
                      8, or 16 divided by the peers served at once)
  --group N           streams per connection, 1 to 8 (1): N messages under N tags
                      that the receiver posts in one irecv, as NCCL does when the
                      ranks of a host share a connection; needs maxRecvs >= N
  --ll-threshold B    transfers up to B per channel use the LL layout, which
                      doubles them on the wire (16K; 0: never)
  --user-buffers      register the buffers and send from them without copies, in
                      messages of up to 1 GiB
  --null-pointers     null sizes in test and null profiler handles, as NCCL's
                      out-of-band bootstrap
  --verify WHAT       all (default): every byte of every iteration; first: of
                      the first iteration of each size; none

Output
  -o, --output FORMAT table (default); json, one document at the end; or jsonl,
                      one object per line: each iteration as it ends, then the
                      document
  --json              the same as --output jsonl
  --rails             table: also what each network interface carried
  --stall MS          from when on standing still counts as a stall (100)
  -v, --verbose       the plugin's log on standard error
  --timeout SECONDS   for connecting and for each iteration (60)

What the columns mean
  time      of the slowest rank, in each iteration; median, least and most of
            the iterations. Filling and checking are not in it.
  GB/s      bytes to other ranks / ranks / median time, 10^9 bytes. That is what
            one rank sends, and receives at the same time.
  CPU s/GB  user and system time of all processes during the iterations, per
            10^9 bytes that went to other ranks. "copies" is the part for
            copies that a GPU would do; --user-buffers avoids them. NCCL's
            progress thread polls without sleeping, and so does this.
  stall     the longest that a rank with a transfer running saw nothing complete
            and nothing move.
  ratios    of the first plugin's figure to the compared one's, between neighbour
            turns: median (least to most). "less copies" leaves out the CPU time
            of copies that a GPU would do.
  rails     bytes on the interfaces that ITHACA_RAILS or NCCL_SOCKET_IFNAME
            name, else on all that moved any, over the time of the whole
            operation. As the interface counts them: with headers, and others'
            traffic.

Environment: passed on to the plugin (NCCL_*, ITHACA_*).
Exit status: 0 all bytes right, 1 a transfer failed or a byte was wrong,
2 wrong usage.
)";
}

}  // namespace ithaca::perf
