/** All peers of this process: capacity, heartbeats, expiry, drain. One timer for all of them. */
import type { Clock } from '../clock.ts';
import { CLOSE_CODES } from '../errors.ts';
import { TIMES } from '../limits.ts';
import type { Viewer } from '../model.ts';

/** Whoever is connected for long: a socket, or a stream over HTTP. */
export interface Peer {
  /** Null until it has authenticated. */
  readonly viewer: Viewer | null;
  readonly isOpen: boolean;
  /** Sends a heartbeat when one is due; closes when the peer has been silent for too long. */
  tick(now: number): void;
  /** Ends it for a reason of `CLOSE_CODES`, in the words of its protocol. */
  close(code: number, reason: string): void;
  onClose(closed: () => void): void;
}

export interface SupervisorLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly drainWindowMs: number;
  /** The shortest time that a peer's `tick` measures. */
  readonly sweepMs: number;
}

const SWEEP_MS = 1_000;

export class Supervisor {
  readonly #clock: Clock;
  readonly #limits: SupervisorLimits;
  readonly #peers = new Set<Peer>();
  /** How many sockets each user has here. */
  readonly #sockets = new Map<string, number>();
  readonly #stopSweeping: () => void;
  #isDraining = false;

  constructor(clock: Clock, limits: SupervisorLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#stopSweeping = clock.every(Math.max(Math.min(SWEEP_MS, limits.sweepMs), 10), () => this.#sweep());
  }

  get hasRoom(): boolean {
    return !this.#isDraining && this.#peers.size < this.#limits.maxConnections;
  }

  add(peer: Peer): void {
    this.#peers.add(peer);
    peer.onClose(() => this.#peers.delete(peer));
  }

  /** Counts a socket as this user's; false: they have as many as they may. */
  claim(peer: Peer, { tenant, userId }: Viewer): boolean {
    const key = JSON.stringify([tenant, userId]);
    const count = this.#sockets.get(key) ?? 0;
    if (count >= this.#limits.maxConnectionsPerUser) return false;
    this.#sockets.set(key, count + 1);
    peer.onClose(() => {
      const left = (this.#sockets.get(key) ?? 1) - 1;
      if (left > 0) this.#sockets.set(key, left);
      else this.#sockets.delete(key);
    });
    return true;
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const peer of this.#peers) {
      const { viewer } = peer;
      if (viewer && viewer.expiresAt + TIMES.clockToleranceMs <= now) {
        peer.close(CLOSE_CODES.TOKEN_EXPIRED, 'Token expired');
      } else peer.tick(now);
    }
  }

  /**
   * Closes every peer with 1012, in random order and spread over the window,
   * since clients come back as they are sent away (G15). Resolves when all are gone.
   */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all(
      [...this.#peers].map(
        (peer) =>
          new Promise<void>((resolve) => {
            peer.onClose(() => resolve());
            if (!peer.isOpen) resolve();
            this.#clock.after(Math.random() * this.#limits.drainWindowMs, () =>
              peer.close(CLOSE_CODES.SERVICE_RESTART, 'Service restart'),
            );
          }),
      ),
    );
    this.#stopSweeping();
  }
}
