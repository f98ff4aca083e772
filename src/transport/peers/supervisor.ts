/** All peers of this process: capacity, heartbeats, expiry, drain. One timer for all of them. */

import type { Clock } from '../../clock.ts';
import { CLOSE_CODES } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Viewer } from '../../model.ts';
import type { TokenBucket } from '../../rates/token-bucket.ts';
import { Quota } from './quota.ts';
import type { UnidentifiedRates } from './unidentified-rates.ts';
import { UnidentifiedSockets } from './unidentified-sockets.ts';

/** A long-lived client: a socket, or a stream over HTTP. */
export interface Peer {
  /** Null until it has authenticated. */
  readonly viewer: Viewer | null;
  readonly isOpen: boolean;
  /** Bytes in this process that wait for the peer to read them. */
  readonly queuedBytes: number;
  /** Sends a heartbeat when one is due; closes when the peer has been silent for too long. `now` is a `Clock.elapsed`. */
  tick(now: number): void;
  /** Closes the peer with a code of `CLOSE_CODES`, in the form of its protocol. */
  close(code: number, reason: string): void;
  /** Closes the peer after its present work. */
  retire(code: number, reason: string): void;
  /** Adds a callback, which is called once. */
  onClose(closed: (peer: Peer) => void): void;
}

/** A socket. Its user may become known later, or never. */
export interface Socket extends Peer {
  /** Ends the socket at once. */
  cut(): void;
}

/** Why a peer was turned away. `stranger`: it was admitted, then closed to make room before its user was known. */
export type AdmissionRefusal = 'draining' | 'capacity' | 'address' | 'pace' | 'user' | 'stranger';

export interface SupervisorLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly maxStreamsPerUser: number;
  readonly maxConnectionsPerAddress: number;
  /** Paces identified users who reconnect together; unidentified sockets do not count. Null: no pace. */
  readonly admissions: TokenBucket | null;
  /** Paces unidentified sockets per address; null: no pace. */
  readonly unidentifiedRates: UnidentifiedRates | null;
  readonly countTurnedAway: (reason: AdmissionRefusal) => void;
  readonly drainWindowMs: number;
  /** The shortest time that a peer's `tick` measures. */
  readonly sweepMs: number;
}

/** The time between two steps of a drain: short, so that the closes are even over the window. */
const DRAIN_STEP_MS = 20;
const RESTART = [CLOSE_CODES.SERVICE_RESTART, 'Service restart'] as const;

type OnLeft = (peer: Peer) => void;

/** The counts that one peer is part of. */
class PeerCounts {
  /** The peer's address, until its user is known. */
  cameFrom: string | null;
  /** Null: it is not counted by its address. */
  address: string | null;
  quota: Quota | null = null;
  user = '';
  /** Called once the peer is gone. One function for all peers of a kind. */
  readonly onLeft: OnLeft | null;

  constructor(address: string | null, onLeft: OnLeft | null) {
    this.cameFrom = address;
    this.address = address;
    this.onLeft = onLeft;
  }
}

export class Supervisor {
  readonly #clock: Clock;
  readonly #limits: SupervisorLimits;
  readonly #peers = new Map<Peer, PeerCounts>();
  readonly #unidentified: UnidentifiedSockets;
  readonly #users: Quota;
  readonly #streams: Quota;
  /** Sockets and streams that gateways open for a user, since each may carry one subscription only. */
  readonly #ofGateways: Quota;
  readonly #addresses: Quota;
  readonly #stopSweeping: () => void;
  /** Sockets of gateways that stay only to receive the refusal. They do not count as connections. */
  readonly #turnedAway = new Set<Peer>();
  #isDraining = false;
  #isOver = false;

  constructor(clock: Clock, limits: SupervisorLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#unidentified = new UnidentifiedSockets(limits.maxConnections, () => limits.countTurnedAway('stranger'));
    this.#users = new Quota(limits.maxConnectionsPerUser);
    this.#streams = new Quota(limits.maxStreamsPerUser);
    this.#ofGateways = new Quota(limits.maxConnectionsPerUser * LIMITS.subscriptionsPerSocket);
    this.#addresses = new Quota(limits.maxConnectionsPerAddress);
    this.#stopSweeping = clock.every(Math.max(Math.min(TIMES.sweepMs, limits.sweepMs), 10), () => this.#sweep());
  }

  /** Whether one more may connect from this address; null: it is not counted by address. */
  admits(address: string | null): boolean {
    const { unidentifiedRates } = this.#limits;
    const isPaced = (): boolean => address !== null && unidentifiedRates?.admit(address) === false;
    return this.#isLetIn(this.#refusal(address) ?? (isPaced() ? 'address' : null));
  }

  /** While draining, the seconds after which newcomers may retry; null when they are admitted. */
  get drainingS(): number | null {
    return this.#isDraining ? Math.ceil((this.#limits.drainWindowMs + TIMES.drainGraceMs) / 1_000) : null;
  }

  /** Admits a stream over HTTP, whose user is known by then. */
  admitsStream(address: string | null, viewer: Viewer, isGateway = false): boolean {
    const quota = isGateway ? this.#ofGateways : this.#streams;
    const reason = quota.hasRoom(userKey(viewer)) ? this.#refusal(address) : 'user';
    if (reason === null) this.#limits.admissions?.take();
    return this.#isLetIn(reason);
  }

  /** Keeps a gateway's socket until it has the refusal. False when too many are kept already. */
  keepTurnedAway(peer: Peer): boolean {
    if (this.#isOver || this.#turnedAway.size >= LIMITS.gatewaysTurnedAway) return false;
    this.#turnedAway.add(peer);
    peer.onClose(this.#left);
    return true;
  }

  #isLetIn(reason: AdmissionRefusal | null): boolean {
    if (reason !== null) this.#limits.countTurnedAway(reason);
    return reason === null;
  }

  get #isFull(): boolean {
    return this.#peers.size >= this.#limits.maxConnections;
  }

  get #isPaced(): boolean {
    const { admissions } = this.#limits;
    return admissions !== null && admissions.wait(this.#clock.elapsed()) > 0;
  }

  #refusal(address: string | null): AdmissionRefusal | null {
    if (this.#isDraining) return 'draining';
    if (this.#isFull && this.#unidentified.size === 0) return 'capacity';
    if (address !== null && !this.#addresses.hasRoom(address)) return 'address';
    return this.#isPaced ? 'pace' : null;
  }

  /** Bytes in this process that wait for peers to read them, for the metrics. */
  get queuedBytes(): number {
    let sum = 0;
    for (const peer of this.#peers.keys()) sum += peer.queuedBytes;
    return sum;
  }

  /** The tenant of each peer whose user is known, for the metrics. */
  *tenants(): Iterable<string> {
    for (const { viewer } of this.#peers.keys()) if (viewer) yield viewer.tenant;
  }

  /** Adds a socket that was just admitted. `onLeft` is called when it is gone. */
  add(socket: Socket, address: string | null, onLeft: OnLeft | null = null): void {
    this.#add(socket, address, onLeft);
    this.#unidentified.add(socket);
  }

  #add(peer: Peer, address: string | null, onLeft: OnLeft | null = null): PeerCounts {
    // Closes a socket without a known user, so that it does not exclude others.
    if (this.#isFull) this.#unidentified.sendOldestAway();
    const seat = new PeerCounts(address, onLeft);
    this.#peers.set(peer, seat);
    if (address !== null) this.#addresses.take(address);
    peer.onClose(this.#left);
    return seat;
  }

  /** One function for all peers. */
  readonly #left = (peer: Peer): void => {
    this.#turnedAway.delete(peer);
    this.#unidentified.remove(peer as Socket);
    const seat = this.#peers.get(peer);
    if (!seat) return;
    this.#peers.delete(peer);
    this.#release(seat);
    seat.quota?.give(seat.user);
    seat.onLeft?.(peer);
  };

  /** Counts the peer for this user, until it is gone. */
  #count(seat: PeerCounts, quota: Quota, user: string): void {
    quota.take(user);
    seat.quota = quota;
    seat.user = user;
  }

  /** Adds a stream that was just admitted. */
  addStream(peer: Peer, address: string | null, viewer: Viewer, isGateway = false): void {
    this.#count(this.#add(peer, address), isGateway ? this.#ofGateways : this.#streams, userKey(viewer));
  }

  /** Stops counting a peer by its address: it has proven to carry many users. */
  vouch(socket: Socket): void {
    this.#unidentified.remove(socket);
    const seat = this.#peers.get(socket);
    if (!seat) return;
    this.#recognise(seat);
    this.#release(seat);
  }

  /** The peer's user is known now, so it no longer counts as unidentified at its address. */
  #recognise(seat: PeerCounts): void {
    if (seat.cameFrom !== null) this.#limits.unidentifiedRates?.recognise(seat.cameFrom);
    seat.cameFrom = null;
  }

  #release(seat: PeerCounts): void {
    if (seat.address !== null) this.#addresses.give(seat.address);
    seat.address = null;
  }

  /** Admits a socket whose user is now known; false: the user is at the cap, or too many come at once. */
  claim(socket: Socket, viewer: Viewer, isGateway = false): boolean {
    const seat = this.#peers.get(socket);
    if (seat) this.#recognise(seat);
    const key = userKey(viewer);
    const quota = isGateway ? this.#ofGateways : this.#users;
    const isFull = !quota.hasRoom(key);
    if (!this.#isLetIn(isFull ? 'user' : this.#isPaced ? 'pace' : null)) return false;
    this.#limits.admissions?.take();
    this.#unidentified.remove(socket);
    // A peer that is gone is admitted, too; its caller notices that it is gone.
    if (seat) this.#count(seat, quota, key);
    return true;
  }

  #sweep(): void {
    const [date, elapsed] = [this.#clock.now(), this.#clock.elapsed()];
    for (const peer of this.#peers.keys()) {
      const { viewer } = peer;
      if (viewer && viewer.expiresAt + TIMES.clockToleranceMs <= date) {
        peer.close(CLOSE_CODES.TOKEN_EXPIRED, 'Token expired');
      } else peer.tick(elapsed);
    }
  }

  /**
   * Closes every peer with 1012, in random order and evenly over the window, since clients reconnect in the order of
   * their closes (G15). A peer may finish its present work, for at most `TIMES.drainGraceMs` past the window.
   */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const { drainWindowMs } = this.#limits;
    const peers = shuffled(this.#peers.keys());
    const startedAt = this.#clock.elapsed();
    let asked = 0;
    const step = (): void => {
      const part = drainWindowMs === 0 ? 1 : (this.#clock.elapsed() - startedAt) / drainWindowMs;
      const due = Math.min(Math.ceil(part * peers.length), peers.length);
      for (; asked < due; asked += 1) peers[asked]?.retire(...RESTART);
    };
    const gone = allGone(peers);
    step();
    const stopStepping = this.#clock.every(DRAIN_STEP_MS, step);
    const giveUp = this.#clock.after(drainWindowMs + TIMES.drainGraceMs, () => {
      for (const peer of this.#peers.keys()) peer.close(...RESTART);
    });
    await gone;
    giveUp();
    stopStepping();
    this.#isOver = true;
    const turnedAway = [...this.#turnedAway];
    for (const peer of turnedAway) peer.close(...RESTART);
    await allGone(turnedAway);
    this.#stopSweeping();
  }
}

async function allGone(peers: readonly Peer[]): Promise<void> {
  await Promise.all(peers.map((peer) => new Promise<void>((resolve) => peer.onClose(() => resolve()))));
}

function userKey({ tenant, userId }: Viewer): string {
  return JSON.stringify([tenant, userId]);
}

/** In random order (Fisher and Yates). */
function shuffled<Item>(items: Iterable<Item>): Item[] {
  const order = [...items];
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = Math.floor(Math.random() * (index + 1));
    [order[index], order[other]] = [order[other] as Item, order[index] as Item];
  }
  return order;
}
