#include "tests/fabric/commands.h"

namespace ithaca::fabric {

std::string HelpText() {
  return R"(fabric: networks of hosts on one machine, with real queues and real TCP

Hosts are network namespaces; each rail is a separate plane of bridges; rates and
queues are token buckets. Nothing touches the machine's own interfaces. Needs root
and iproute2.

Usage
  fabric up SPEC              make one and leave it; prints its id
  fabric list                 what there is
  fabric exec [--id ID] HOST -- CMD...
                              run a command inside host 0, 1, ... (or "switch")
  fabric fault [--id ID] HOST RAIL WHAT
                              link-down, link-up (the host's own end); unplug,
                              plug (its carrier); black-hole, heal (frames
                              vanish); reset (every TCP connection of the rail);
                              or a rate such as 50mbit
  fabric down [ID | --all]    remove one; or all that are left over or kept
  fabric bound SPEC           the least time of an all-to-all, and why
  fabric bench [flags]        measure ithaca-perf on the fabrics of the table

Examples
  fabric up hosts=2,rails=2,rate=200mbit,queue=64k
  fabric exec 0 -- ping -c 3 10.1.0.2
  fabric fault 1 0 black-hole
  fabric down
  fabric bench --list
  fabric bench --only rails1,rails2
  fabric bench --only rails1-q64 --plugin /usr/lib/libnccl-net-other.so
  fabric bench --spec hosts=4,rate=100mbit,queue=32k --bytes 256k

SPEC: KEY=VALUE,... or a JSON object (or a file of it) with the same keys
  hosts=8             namespaces, each a host
  rails=2             interfaces of each: rail0, rail1 with 10.RAIL.POD.HOST+1
  procs=2             ranks per host (1)
  rate=200mbit        of a rail, each direction (0: not shaped)
  queue=64k           what a switch port holds before it drops (256k)
  pods=4+4            hosts per pod; needs uplink for a limit between them
  uplink=400mbit      per pod and rail, each direction
  host3.rate=50mbit   host3.rail1.rate=50mbit   pod1.uplink=100mbit
  pod1.rail0.uplink=100mbit                     the closer one wins
  burst=128k          of the token buckets
  nic_queue=32m       at the host's own end: deep, as a NIC pushes back
  gso=16k             largest packet before segmentation (0: the kernel's 64k)
  cc=cubic            TCP congestion control of the hosts

bound and bench
  --bytes SIZE        per pair of ranks (1m)
  --skew N            rank 0 receives N times as much as the others (1)
  --count-burst       the bucket's burst makes the bound smaller (as in the table's
                      rows of small messages)
bench
  --only NAME,...     rows of the table; a prefix takes all rows that start so
  --spec SPEC         this fabric instead of the table
  --plugin PATH       another NCCL net plugin (default: the one beside ithaca-perf)
  --perf PATH         ithaca-perf (default: where the build puts it)
  --iterations N      timed ones (9)      --warmup N   before them (2)
  --timeout SECONDS   for connecting and for each iteration (60)
  --nice N            of the ranks (-10: before whatever else the machine does)
  --env NAME=VALUE    for the ranks; may be repeated
  --json              one JSON document instead of the table
  --check             exit status 1 when a row is below what it must reach
  --list              print the rows and stop

What the columns mean
  bound       the least time: over every cut, bytes that must cross it on the wire
              (payload x 1514/1448) divided by its rate, the largest of these
  measured    one exchange, from the first rank's start to the last rank's end;
              median of the iterations
  fraction    bound / measured; "must" is what the row has to reach
  burst       the same fraction, with the bucket's burst taken off the bound
  idle        share of the processors' time that nobody used; at 0 they were the
              limit, and the figure says little about the network
  drops       packets that full switch queues dropped, warm-up included

Exit status: 0 done, 1 failed or below --check, 2 wrong usage.
)";
}

}  // namespace ithaca::fabric
