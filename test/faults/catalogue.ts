/**
 * The faults that the service is tested with: what is done, and what must hold. The titles of the tests that cause a
 * fault begin with its id. `docs/faults.md` is written from it.
 */

export interface Fault {
  readonly id: string;
  readonly fault: string;
  /** How the tests cause it. */
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
  fault('F1', 'subscriber connections cut', '`CLIENT KILL TYPE pubsub` every 200 ms', 'no client has a gap'),
  fault(
    'F2',
    'command connections cut',
    '`CLIENT KILL TYPE normal` every 200 ms',
    'no message is lost or stored twice',
  ),
  fault(
    'F3',
    'Redis hangs',
    'SIGSTOP',
    'writes fail at once, sockets stay open, clients receive everything afterwards',
  ),
  fault('F4', 'Redis killed, with AOF', 'SIGKILL, restart', 'no acknowledged message is lost'),
  fault(
    'F5',
    'Redis killed without persistence',
    'SIGKILL, restart without data',
    'no position names two events; clients that received lost messages get an error',
  ),
  fault(
    'F6',
    'Redis restarted from an older snapshot',
    'SAVE, write, SIGKILL, restart',
    'no position names two events; clients that received lost messages get an error',
  ),
  fault(
    'F7',
    'a replica that is behind is promoted',
    'replica behind a cut link, `REPLICAOF NO ONE`',
    'no position names two events; clients that received lost messages get an error',
  ),
  fault(
    'F8',
    'Redis Cluster fails over',
    '`CLUSTER FAILOVER`; SIGKILL of a primary that has a replica',
    'no message is lost or delivered twice, no client has a gap; all clients are up to date within 15 s',
  ),
  fault(
    'F9',
    'slots of a Redis Cluster move',
    '`CLUSTER SETSLOT` and `MIGRATE` under load, repeatedly',
    'no message is lost or delivered twice, no client has a gap',
  ),
  fault(
    'F10',
    'the network to Redis is silent',
    'a proxy that forwards nothing and keeps its connections open',
    'the node notices; all clients are up to date within 15 s',
  ),
  fault('F11', 'replies of Redis are lost', 'a proxy that drops what Redis replies', 'no message is stored twice'),
  fault('F12', 'the network is slow', 'a proxy that delays', 'delivery is late and complete'),
  fault(
    'F13',
    'a connection is reset in the middle of a reply',
    'a proxy that resets',
    'no message is lost or stored twice',
  ),
  fault(
    'F14',
    'the primary becomes a replica for a while',
    '`REPLICAOF`, `REPLICAOF NO ONE`',
    'writes fail meanwhile; no client has a gap',
  ),
  fault('F15', 'Redis is full', '`CONFIG SET maxmemory 1mb`', 'writes fail, reads succeed, no circuit opens'),
  fault(
    'F16',
    'eviction is on',
    '`maxmemory-policy allkeys-lru`',
    'the start is refused, and the error names the setting',
  ),
  fault(
    'F17',
    'rights on channels are withdrawn',
    '`ACL SETUSER … resetchannels`',
    'no process ends; delivery resumes when the rights are back',
  ),
  fault(
    'F18',
    'Redis accepts no more clients',
    '`CONFIG SET maxclients`',
    'a node that starts waits, and starts when Redis accepts it',
  ),
  fault(
    'F19',
    'Redis loads its data',
    'restart with data that `key-load-delay` slows down',
    'writes fail at once, nodes reconnect with back-off, service resumes without help; a node that starts meanwhile waits',
  ),
  fault(
    'F20',
    'FLUSHALL',
    'the command',
    'streams end with an error that says why, and no new message gets an old position',
  ),
  fault('F21', 'a key has another type', '`SET` on a log', 'requests for that conversation fail, all others succeed'),
  fault(
    'F22',
    'invalid announcements',
    '`SPUBLISH` of invalid data on every channel',
    'no client receives any of it; no client has a gap',
  ),
  fault('F23', 'scripts are flushed', '`SCRIPT FLUSH`', 'no request fails'),
  fault('F24', 'a script that never ends', '`EVAL "while true do end" 0`', 'the circuit opens, and closes afterwards'),
  fault(
    'F25',
    'the clock of a node jumps',
    'an hour ahead or behind in a running process, and back',
    'no socket is closed, no presence ends, no message is lost; tokens are checked against that clock until it is right',
  ),
  fault(
    'F26',
    'a node is killed',
    'SIGKILL under load',
    'its clients resume on another node without a gap; its users are offline within lease and sweep',
  ),
  fault(
    'F27',
    'a node is stopped for longer than its lease',
    'SIGSTOP for 20 s',
    'its users are offline meanwhile and online afterwards; no client has a gap',
  ),
  fault(
    'F28',
    'a node is drained under load',
    'SIGTERM',
    'no message is lost or delivered twice; closes are spread evenly over the window; exit 0 in time',
  ),
  fault(
    'F29',
    'the event loop is blocked',
    'a busy loop in a running process, also for longer than its lease',
    'no socket is closed for the pings it missed, no message is lost or refused; metrics show the lag; the node holds its lease again',
  ),
  fault(
    'F30',
    'the limit of open files is reached',
    '`prlimit --nofile`',
    'connected clients are served; new ones connect when files are free',
  ),
  fault(
    'F31',
    'little memory and slow consumers',
    '`--max-old-space-size=128`',
    'the process lives; slow consumers are closed',
  ),
  fault(
    'F32',
    'the disk is full, embedded engine',
    'a small file system, filled under load; `prlimit --fsize`',
    'writes fail and change nothing, reads succeed; with free space the next message has the next sequence',
  ),
  fault('F33', 'the SQLite file is in use', 'a second process', 'the start is refused'),
  fault(
    'F34',
    'the process of the embedded engine is killed while it writes',
    'SIGKILL',
    'no acknowledged message is lost',
  ),
  fault('F35', 'the SQLite file is replaced by a backup', 'the file is copied back', 'no position names two events'),
  fault(
    'F36',
    'slow readers',
    'sockets that are not read',
    'they are closed within their cap; other clients see no delay',
  ),
  fault('F37', 'clients that vanish', 'sockets that answer no ping', 'they are closed after CLIENT_TIMEOUT'),
  fault(
    'F38',
    'a flood of connections',
    '2,000 sockets a second with invalid tokens',
    'no client with a valid token loses a message',
  ),
  fault(
    'F39',
    'two nodes with one name',
    'names are random: a node that another declared dead continues under a new name',
    'no connected user goes offline, no user who left stays online',
  ),
  fault(
    'F40',
    'the host name of Redis does not exist',
    'an unknown name in `REDIS_URL`',
    'the start reports the name, and the process does not crash',
  ),
  fault('F41', 'this service restarts behind a gateway', 'restart', 'subscriptions through the gateway continue'),
  fault(
    'F42',
    'an expired certificate',
    'TLS with a certificate that has expired',
    'the log names it; clients that verify certificates refuse it; no loop, no crash',
  ),
  fault(
    'F43',
    'a connection with more unread data than its cap ends, at any moment and for any reason',
    'a service process whose replays nobody reads: ended by the client, TCP reset, expiry, revocation, removal, drain; random histories over all five transports and both engines',
    'the event loop turns, gauges return to 0, SIGTERM ends the process in time',
  ),
  fault(
    'F44',
    'the primary is demoted and keeps its connections; its host name points to another server',
    '`REPLICAOF` behind a name of `REDIS_URL`',
    'writes follow the name; readiness reports that there is no primary',
  ),
  fault(
    'F45',
    'Sentinel fails over, planned and after a kill',
    '`SENTINEL FAILOVER`, SIGKILL of the primary, real sentinels',
    'nodes leave the old primary at once, also while they connect; writes and delivery resume',
  ),
  fault(
    'F46',
    'Redis is 2.5 or 20 ms away',
    'a proxy in front of every Redis',
    'every guarantee holds; no operation takes more than two round trips in sequence',
  ),
  fault(
    'F47',
    '`maxmemory` is reached, `maxmemory-policy` changes, CONFIG is forbidden, rights are missing',
    '`CONFIG SET`, `ACL SETUSER`',
    'the start is refused by name, or readiness names it within a minute',
  ),
  fault(
    'F48',
    'a start that cannot succeed yet: Redis away or loading, wrong password, unknown CA, TLS against a plain port',
    'a server in that state',
    'the port listens; each fault is reported once within 5 s, and the error names the setting',
  ),
  fault(
    'F49',
    'data, an announcement or a schema of a newer release',
    'written by hand',
    'unknown kinds are ignored and counted; a newer schema is refused by name',
  ),
  fault(
    'F50',
    'nobody reads the output of the process; the limit of open files is below `MAX_CONNECTIONS`',
    'a closed pipe; `prlimit --nofile`',
    'SIGTERM ends the process; the start warns of the limit',
  ),
  fault(
    'F51',
    'a rolling upgrade of two nodes behind a gateway',
    'each mode of the example gateway, under load',
    'every stream ends with an error that its client retries on, or misses nothing',
  ),
];
