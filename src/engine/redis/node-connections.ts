/**
 * The connections that a node holds under its lease, each recorded under the node and under its user.
 *
 * When the lease ends, any other node declares its holder dead and removes its records. A node that was declared dead
 * by mistake continues under another name.
 */
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConnectionId, TenantId, UserId } from '../../model.ts';
import type { NewConnection } from '../port.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { EventOutbox } from './event-outbox.ts';
import { historiesOf } from './histories.ts';
import type { Keys } from './keys.ts';
import { NodeList } from './node-list.ts';
import { type NodeConnection, RecentDepartures } from './recent-departures.ts';
import type { RunScript } from './scripts.ts';

/** Connections recorded again, or removed, at once. */
const BATCH = 100;

interface Entry {
  readonly at: NodeConnection;
  readonly connection: NewConnection;
  /** The node name under which it is recorded; null: not yet. */
  recordedUnder: string | null;
}

const asMember = (at: NodeConnection): string => JSON.stringify(at);

export interface PresenceParts {
  /** The name of this node in its log. */
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly outbox: EventOutbox;
}

export class NodeConnections {
  readonly #client: RedisClient;
  readonly #run: RunScript;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #outbox: EventOutbox;
  readonly #list: NodeList;
  readonly #nodeId: string;
  /** The present name of this node; after it was declared dead it takes another, its id with a number. */
  #node: string;
  #names = 1;
  /** Earlier names. More may have been recorded under them after their sweep. */
  readonly #former = new Set<string>();
  readonly #held = new Map<ConnectionId, Entry>();
  readonly #departures: RecentDepartures;
  /** The server histories in which all held connections were recorded. */
  #histories = '';
  #isRenewing = false;
  #isStopped = false;
  #isLooking = false;
  /** Whether something was recorded after the last check of the lease. */
  #mustLook = false;
  #stopTimer = (): void => undefined;

  constructor(client: RedisClient, run: RunScript, keys: Keys, { clock, log, outbox, nodeId }: PresenceParts) {
    this.#nodeId = nodeId;
    this.#node = nodeId;
    this.#client = client;
    this.#run = run;
    this.#keys = keys;
    this.#clock = clock;
    this.#log = log;
    this.#outbox = outbox;
    this.#list = new NodeList(client);
    this.#departures = new RecentDepartures(clock);
  }

  /** Takes a lease and sweeps dead nodes, then repeats both at intervals. */
  async start(): Promise<void> {
    await this.#begin();
    this.#histories = await historiesOf(this.#client);
    await this.#sweep();
    this.#stopTimer = this.#clock.every(TIMES.nodeRenewMs, () => void this.#renew());
  }

  /** Leaves the connections to be swept after `graceMs`, so that clients can reconnect elsewhere unnoticed. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#stopTimer();
    const keptMs = this.#held.size === 0 ? 0 : graceMs;
    // Only the log of the sweep needs the mark: without it the lease ends as well.
    const marked =
      this.#held.size > 0 &&
      this.#client
        .set(this.#keys.nodeStopped(this.#node), '1', 'PX', graceMs + TIMES.stoppedNodeMs)
        .catch(() => undefined);
    await this.#run('renew-lease', [this.#keys.leases], [this.#clock.offset(), this.#node, keptMs, 'renew']);
    await marked;
  }

  /** Adding the same id again updates its device and session, if they differ. */
  async add(tenant: TenantId, userId: UserId, connection: NewConnection): Promise<void> {
    const known = this.#held.get(connection.connectionId)?.connection;
    if (known && known.deviceId === connection.deviceId && known.sessionId === connection.sessionId) return;
    const at: NodeConnection = [tenant, userId, connection.connectionId];
    const entry: Entry = { at, connection, recordedUnder: null };
    this.#held.set(connection.connectionId, entry);
    await this.#record(entry);
  }

  async remove(connectionId: ConnectionId): Promise<void> {
    const entry = this.#held.get(connectionId);
    if (!entry) return;
    // First, so that it is not recorded again meanwhile.
    this.#held.delete(connectionId);
    try {
      await this.#remove(entry.at);
      this.#departures.remember(entry.at);
    } catch (error) {
      this.#held.set(connectionId, entry);
      throw error;
    }
  }

  async #record(entry: Entry): Promise<void> {
    const { connectionId, deviceId, sessionId, connectionType } = entry.connection;
    if (this.#held.get(connectionId) !== entry) return;
    const [tenant, userId] = entry.at;
    const { presence, presenceChannel } = this.#keys.user(tenant, userId);
    const own = this.#node;
    const json = JSON.stringify({ deviceId, sessionId, connectionType }).slice(1, -1);
    // The node's list first, since it may have too many entries, but never too few.
    await attempt(() => this.#list.add(this.#keys.nodeConnections(own), asMember(entry.at)));
    // The connection may have closed meanwhile. From here on commands run in the order in which they are sent.
    if (this.#held.get(connectionId) !== entry) return;
    if (own !== this.#node) return this.#record(entry);
    const args = [this.#clock.offset(), userId, connectionId, own, json];
    await this.#outbox.run(tenant, this.#keys.userEvents(tenant, userId), 'connect', [presence, presenceChannel], args);
    entry.recordedUnder = own;
    this.#confirmLease();
  }

  /** Checks the lease once, after everything recorded so far. */
  #confirmLease(): void {
    this.#mustLook = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#lookAtLease()
      // The next renewal checks again.
      .catch(() => undefined)
      .finally(() => {
        this.#isLooking = false;
      });
  }

  /**
   * If this node was declared dead by mistake, it takes another name at once and not at the next renewal: nobody would
   * remove records under a swept name if this node died before that.
   */
  async #lookAtLease(): Promise<void> {
    while (this.#mustLook && !this.#isStopped) {
      this.#mustLook = false;
      if ((await this.#client.zscore(this.#keys.leases, this.#node)) === null && !this.#isStopped) await this.#renew();
    }
  }

  /** `deadNode`: removed only if that node still holds it. */
  async #removeFromUser([tenant, userId, connectionId]: NodeConnection, deadNode = ''): Promise<void> {
    const { presence, presenceChannel } = this.#keys.user(tenant, userId);
    const args = [this.#clock.offset(), userId, connectionId, deadNode];
    await this.#outbox.run(
      tenant,
      this.#keys.userEvents(tenant, userId),
      'disconnect',
      [presence, presenceChannel],
      args,
    );
  }

  /** Removes a connection of this node under any of its names. */
  async #remove(at: NodeConnection): Promise<void> {
    await this.#removeFromUser(at);
    await attempt(() => this.#client.srem(this.#keys.nodeConnections(this.#node), asMember(at)));
  }

  /** Takes a lease under the current name. */
  async #begin(): Promise<void> {
    await this.#run('renew-lease', [this.#keys.leases], [this.#clock.offset(), this.#node, TIMES.nodeLeaseMs, 'begin']);
  }

  /** Continues under another name after this node was declared dead; its connections still exist. */
  async #goOn(): Promise<void> {
    this.#former.add(this.#node);
    this.#names += 1;
    this.#node = `${this.#nodeId}.${this.#names}`;
    await this.#begin();
  }

  /** Removes records of this name that are not held: connections that closed before the server lost its last writes. */
  async #forgetDeparted(): Promise<void> {
    const listed = await attempt(() => this.#client.smembers(this.#keys.nodeConnections(this.#node)));
    const gone = [...listed.map((member) => JSON.parse(member) as NodeConnection), ...this.#departures.all()];
    for (const at of gone) if (!this.#held.has(at[2])) await this.#remove(at);
  }

  /** Records everything again when a server has a new history, since it may have lost records. */
  async #recover(): Promise<void> {
    const present = await historiesOf(this.#client);
    if (present === this.#histories) return this.#departures.areTogether();
    for (const entry of this.#held.values()) entry.recordedUnder = null;
    await this.#forgetDeparted();
    await this.#takeOver();
    this.#histories = present;
    this.#departures.areTogether();
  }

  /** Moves records of earlier names to the present one, then leaves the earlier names to the sweep. */
  async #takeOver(): Promise<void> {
    const missing = [...this.#held.values()].filter(({ recordedUnder }) => recordedUnder !== this.#node);
    for (let start = 0; start < missing.length; start += BATCH) {
      await Promise.all(missing.slice(start, start + BATCH).map((entry) => this.#record(entry)));
    }
    if (this.#former.size === 0) return;
    const names = [...this.#former];
    await attempt(() => this.#client.sadd(this.#keys.dead, ...names));
    for (const name of names) this.#former.delete(name);
  }

  async #sweep(): Promise<void> {
    for (const deadNode of await this.#claimDead()) {
      const left = await attempt(() => this.#client.smembers(this.#keys.nodeConnections(deadNode)));
      for (let start = 0; start < left.length; start += BATCH) {
        await this.#removeAll(left.slice(start, start + BATCH), deadNode);
        // After each batch the claim is renewed, which shows that this sweeper is alive.
        if (start + BATCH < left.length && !(await this.#claimDead()).includes(deadNode)) return;
      }
      // In this order: a crash between the two leaves a dead node that is claimed again, and not a claim for ever.
      await attempt(() => this.#client.hdel(this.#keys.sweepers, deadNode));
      await attempt(() => this.#client.srem(this.#keys.dead, deadNode));
      await this.#tellSwept(deadNode, left.length);
    }
  }

  async #tellSwept(deadNode: string, connections: number): Promise<void> {
    const hasStopped = await attempt(() => this.#client.getdel(this.#keys.nodeStopped(deadNode)));
    if (connections === 0) return;
    if (hasStopped) this.#log.info({ stoppedNode: deadNode, connections }, 'stopped node swept');
    else this.#log.warn({ deadNode, connections }, 'dead node swept');
  }

  /** Claims dead nodes to sweep. Each has one sweeper at a time. */
  async #claimDead(): Promise<string[]> {
    const args = [this.#clock.offset(), this.#node, TIMES.nodeLeaseMs];
    return (await this.#run('claim-dead', [this.#keys.leases, this.#keys.dead, this.#keys.sweepers], args)) as string[];
  }

  /** Removes connections of a dead node in two round trips, however many there are. */
  async #removeAll(members: readonly string[], ofNode: string): Promise<void> {
    await Promise.all(members.map((member) => this.#removeFromUser(JSON.parse(member) as NodeConnection, ofNode)));
    await attempt(() => this.#client.srem(this.#keys.nodeConnections(ofNode), ...members));
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      const args = [this.#clock.offset(), this.#node, TIMES.nodeLeaseMs, 'renew'];
      if ((await this.#run('renew-lease', [this.#keys.leases], args)) === 0) await this.#goOn();
      await this.#recover();
      await this.#takeOver();
      await this.#sweep();
    } catch (error) {
      this.#log.warn({ err: error }, 'lease not renewed');
    } finally {
      this.#isRenewing = false;
    }
  }
}
