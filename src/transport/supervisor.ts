/** All sockets of this process: capacity, heartbeats, expiry, drain. One timer for all of them. */
import type { Clock } from '../clock.ts';
import { CLOSE_CODES } from '../errors.ts';
import { TIMES } from '../limits.ts';
import type { Connection } from './connection.ts';

export interface SupervisorLimits {
  readonly maxConnections: number;
  readonly heartbeatIntervalMs: number;
  readonly clientTimeoutMs: number;
  readonly drainWindowMs: number;
}

const SWEEP_MS = 1_000;

export class Supervisor {
  readonly #clock: Clock;
  readonly #limits: SupervisorLimits;
  readonly #connections = new Set<Connection>();
  readonly #stopSweeping: () => void;
  #isDraining = false;

  constructor(clock: Clock, limits: SupervisorLimits) {
    this.#clock = clock;
    this.#limits = limits;
    const period = Math.min(SWEEP_MS, limits.heartbeatIntervalMs, limits.clientTimeoutMs);
    this.#stopSweeping = clock.every(Math.max(period, 10), () => this.#sweep());
  }

  get hasRoom(): boolean {
    return !this.#isDraining && this.#connections.size < this.#limits.maxConnections;
  }

  add(connection: Connection): void {
    this.#connections.add(connection);
    connection.onClose(() => this.#connections.delete(connection));
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const connection of this.#connections) {
      const { viewer } = connection;
      if (viewer && viewer.expiresAt + TIMES.clockToleranceMs <= now) {
        connection.close(CLOSE_CODES.TOKEN_EXPIRED, 'Token expired');
      } else if (now - connection.lastHeardAt >= this.#limits.clientTimeoutMs) {
        connection.close(CLOSE_CODES.TIMEOUT, 'Silent for too long');
      } else if (now - connection.lastPingAt >= this.#limits.heartbeatIntervalMs) {
        connection.ping();
      }
    }
  }

  /**
   * Closes every socket with 1012, in random order and spread over the window,
   * since clients come back as they are sent away (G15). Resolves when all are gone.
   */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const open = [...this.#connections];
    await Promise.all(
      open.map(
        (connection) =>
          new Promise<void>((resolve) => {
            connection.onClose(() => resolve());
            if (!connection.isOpen) resolve();
            this.#clock.after(Math.random() * this.#limits.drainWindowMs, () =>
              connection.close(CLOSE_CODES.SERVICE_RESTART, 'Service restart'),
            );
          }),
      ),
    );
    this.#stopSweeping();
  }
}
