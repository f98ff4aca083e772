/**
 * The faults this service is tried with: what is done, and what has to hold. Each is named by the titles of the tests
 * that cause it. `docs/faults.md` is written from it.
 */

export interface Fault {
  readonly id: string;
  readonly fault: string;
  /** How it is brought about. */
  readonly injection: string;
  readonly holds: string;
}

const fault = (id: string, what: string, injection: string, holds: string): Fault => ({
  id,
  fault: what,
  injection,
  holds,
});

export const FAULTS: readonly Fault[] = [
  fault('F1', 'subscriber connections cut', '`CLIENT KILL TYPE pubsub` every 200 ms', 'no hole at any client'),
  fault('F2', 'command connections cut', '`CLIENT KILL TYPE normal` every 200 ms', 'no message lost or stored twice'),
  fault('F3', 'Redis hangs', 'SIGSTOP', 'writes fail fast, sockets stay, all is caught up afterwards'),
  fault('F4', 'Redis killed, with AOF', 'SIGKILL, restart', 'nothing acknowledged is lost'),
  fault(
    'F5',
    'Redis killed, nothing kept',
    'SIGKILL, restart empty',
    'no position names two events; who held the lost is told',
  ),
  fault(
    'F6',
    'Redis restarted from an older snapshot',
    'SAVE, write, SIGKILL, restart',
    'no position names two events; who held the lost is told',
  ),
  fault(
    'F7',
    'a lagging replica promoted',
    'replica behind a cut link, `REPLICAOF NO ONE`',
    'no position names two events; who held the lost is told',
  ),
  fault(
    'F8',
    'Redis Cluster fails over',
    '`CLUSTER FAILOVER`; SIGKILL of a master that has a replica',
    'nothing lost, nothing twice, no hole; everyone is at the head within 15 s',
  ),
  fault(
    'F9',
    'slots of a Redis Cluster move',
    '`CLUSTER SETSLOT` and `MIGRATE` under load, round and round',
    'nothing lost, nothing twice, no hole',
  ),
  fault(
    'F10',
    'the network goes silent',
    'a proxy that forwards nothing and closes nothing',
    'noticed; everyone is at the head within 15 s',
  ),
  fault('F11', 'answers are lost', 'a proxy that swallows what Redis answers', 'no message stored twice'),
  fault('F12', 'slow network', 'a proxy that delays', 'late, and whole'),
  fault('F13', 'a reset in the middle of an answer', 'a proxy that resets', 'no message lost or stored twice'),
  fault('F14', 'Redis becomes a replica', '`REPLICAOF`, `REPLICAOF NO ONE`', 'writes fail meanwhile; no hole'),
  fault('F15', 'Redis is full', '`CONFIG SET maxmemory 1mb`', 'writes fail, reads do not, no circuit opens'),
  fault('F16', 'eviction is on', '`maxmemory-policy allkeys-lru`', 'refused at start, by name'),
  fault(
    'F17',
    'rights on channels withdrawn',
    '`ACL SETUSER … resetchannels`',
    'no process ends; healed once they are back',
  ),
  fault(
    'F18',
    'Redis takes no more clients',
    '`CONFIG SET maxclients`',
    'a node that starts waits, and starts when there is room',
  ),
  fault(
    'F19',
    'Redis loads its data',
    'restart on data slowed down by `key-load-delay`',
    'writes fail at once, nobody hammers it, all goes on by itself; a node that starts meanwhile waits',
  ),
  fault('F20', 'FLUSHALL', 'the command', 'streams end with a reason, and numbers do not go on under old positions'),
  fault('F21', 'a key of another type', '`SET` on a log', 'that conversation fails, the rest goes on'),
  fault(
    'F22',
    'poison on the bus',
    '`SPUBLISH` of rubbish on every channel',
    'nothing of it reaches a client; no hole',
  ),
  fault('F23', 'scripts flushed', '`SCRIPT FLUSH`', 'goes unnoticed'),
  fault('F24', 'a script that never ends', '`EVAL "while true do end" 0`', 'the circuit opens, and closes afterwards'),
  fault(
    'F25',
    'a node’s clock jumps',
    'an hour ahead or behind in a running process, and back',
    'nobody is closed, no presence ends, nothing is lost; tokens are judged by that clock until it is right',
  ),
  fault(
    'F26',
    'a node killed',
    'SIGKILL under load',
    'its clients resume elsewhere, nothing missing; its users are gone within lease and sweep',
  ),
  fault(
    'F27',
    'a node stopped for longer than its lease',
    'SIGSTOP for 20 s',
    'its users are gone meanwhile and back afterwards; no hole',
  ),
  fault(
    'F28',
    'a node drained under load',
    'SIGTERM',
    'nothing lost or doubled; closes even over the window; exit 0 in time',
  ),
  fault(
    'F29',
    'the event loop blocked',
    'a busy loop in a running process, for longer than its lease too',
    'pings are missed, nobody is closed, nothing is lost or refused; the lag is shown; the lease is held again',
  ),
  fault(
    'F30',
    'no more files',
    '`prlimit --nofile`',
    'those who are there are served; newcomers come in once there is room',
  ),
  fault(
    'F31',
    'little memory and slow readers',
    '`--max-old-space-size=128`',
    'the process lives; slow readers are closed',
  ),
  fault(
    'F32',
    'disk full, embedded',
    'a small file system, filled under load; `prlimit --fsize`',
    'writes fail and leave nothing behind, reads go on; with room again the next sequence is written',
  ),
  fault('F33', 'the SQLite file is in use', 'a second process', 'refused at start'),
  fault('F34', 'embedded process killed while it writes', 'SIGKILL', 'nothing acknowledged is lost'),
  fault('F35', 'the SQLite file replaced by a backup', 'copy back', 'no position names two events'),
  fault('F36', 'slow readers', 'sockets that are not read', 'they are closed within their cap; nobody else notices'),
  fault('F37', 'clients that vanish', 'sockets that answer no ping', 'closed after CLIENT_TIMEOUT'),
  fault('F38', 'a storm of connections', '2,000 sockets a second with bad tokens', 'the good ones lose nothing'),
  fault(
    'F39',
    'two nodes of one name',
    'names are random: a node goes on under one that another declared dead',
    'nobody who is there is swept away, nobody stays who left',
  ),
  fault(
    'F40',
    'the name of the Redis host is not found',
    'a name that does not exist',
    'a clear error at start, no crash',
  ),
  fault('F41', 'this service restarts behind a gateway', 'restart', 'subscriptions through the gateway go on'),
  fault(
    'F42',
    'an expired certificate',
    'TLS with a certificate that has ended',
    'named in the log; clients that check refuse it; no loop, no crash',
  ),
  fault(
    'F43',
    'a peer of any transport, with more unread than fits, whose end comes from anywhere at any moment',
    'a service in a process of its own: replays that nobody reads, ended by their client, TCP reset, expiry, revocation, removal, drain; random histories over all five transports and both engines',
    'the event loop turns, gauges return to 0, SIGTERM ends the process in time',
  ),
];
