/** What limits the targets that are not reached, by workload: written by hand, from profiles. */
import type { Result } from './table.ts';
import { missedWorkloads } from './targets.ts';

const LIMITS: Readonly<Record<string, string>> = {
  a: 'A message is one write to each of 1,000 sockets, as in the bare server. These writes are most of the system time, which is 58 to 71 % of ours and 68 to 74 % of the bare server’s. The service adds 0.6 to 2 µs of user time a delivery: a queue for each socket, which bounds its memory, the choice of the subscribers’ shapes, and the members’ lists. At 20 messages per second there are no writes to combine; in bursts (b) a delivery costs a fifth of the bare server’s. A quarter of the stock stack is less than the bare server needs (0.31).',
  b: 'Embedded, storing a message takes 85 µs, which 200 deliveries share: 0.43 of the 0.84 to 0.88 µs. Centrifugo’s memory engine writes to no disk and has no lists of members.',
  'b-even':
    'With one message each millisecond there are few writes to combine: the system time of the writes alone is 3.2 to 3.8 µs, and half of Centrifugo’s cost is 2.5 to 3.0 µs.',
  c: 'Of a delivery, writes to sockets are 41 % (the bare server alone takes 0.31 of the stock stack), announcing and queueing 12 %, the members’ lists 10 %, the append 6 %. Each message has ten subscribers, so rendering and storing it are shared by ten only.',
  d: 'The heap takes 6 KB per socket on both engines, and 2.8 KB in the bare server (snapshots of 3,000 and 10,000 sockets). About 3 KB are objects of Node and ws: the socket, its handle and the states of its streams. The other 3 KB are forty objects of the service, the largest of 250 bytes. The rest of the resident set is free space in the heap, most of it for new objects: with the default flags of Node it grows to 134 MB, whatever the number of sockets; with those of these runs (`--max-semi-space-size=16`) to 33 MB. The service is started with 32 since: 9.0 KiB on Redis and 8.0 embedded, beside 8.2 of the bare server.',
  e: 'Of a connect on Redis, `writev` to Redis is 19 %, garbage collection 8 %, the answer to the upgrade 6 %, ioredis 5 %, verifying the token 4.5 % (WebCrypto hands it to another thread). The stock stack needs 260 to 293 µs without a token, presence or membership, and the target is 0.7 of that. The bare server and Centrifugo have no GraphQL: no document to parse, validate and compile.',
  f: 'A message waits for the writes to 200 sockets of the one before, about 1 ms, and for the collection of young objects. Redis adds a round trip. Until 2026-11-27 the embedded engine also waited for the disk, for 11 to 32 ms every 450 messages; a thread does this now (appends alone, 600 per second: p99.9 0.9 to 1.4 ms, before 16 to 21), except for one checkpoint of 5 to 15 ms in about 1,000 messages under constant writes. These runs had `--max-semi-space-size=16`, with which objects that wait for Redis grow old: 7.7 and 8.2 ms on Redis, against 3.3 and 3.7 with 32, with which the service is started since (row f alone, twice each).',
  h: 'Redis: of 45 to 52 µs of Redis the commands are 13, the rest is Lua and the packet; several appends in one script call are not built. Embedded: the statements of an append take 33 to 40 µs and GraphQL, rights and rates the rest; the mutations of one socket run one after another, so they seldom share a commit.',
  g: 'As a: the writes cost what those of the bare server cost, and the queue of each socket comes on top.',
  j: 'Embedded, about 45 % of the time are the statements of an append: the stored text 15 %, the commit 14 %, finding the message and its writer 14 %. Writes to sockets are 3 %. On Redis it was not profiled. An append has ten watchers, so 1.5 µs a token would be 15 µs for storing and delivering it to all of them.',
  k: 'A message has an event every 40 ms, and one when it begins: 126 in 5 s. An event costs as much as a message: rendered once, written to 1,000 sockets.',
};

/** A line for each workload with a target that is not reached in every run. */
export function limitLines(results: readonly Result[]): string[] {
  const missed = missedWorkloads(results).filter((id) => id in LIMITS);
  if (missed.length === 0) return [];
  return [
    '',
    '## What limits the targets that are not reached',
    '',
    ...missed.map((id) => `- **${id}**: ${LIMITS[id]}`),
  ];
}
