/** Whether the service works, for probes and for people. */
import type { Engine, EngineHealth } from '../engine/port.ts';

export interface Health {
  isReady(): Promise<boolean>;
  detailed(): Promise<DetailedHealth>;
  /** From now on not ready: the process starts no new work. */
  drain(): void;
}

export interface DetailedHealth {
  readonly status: 'ok' | 'draining' | 'down';
  readonly components: { readonly engine: EngineHealth & { readonly kind: Engine['kind'] } };
}

export function createHealth(engine: Engine): Health {
  let isDraining = false;
  return {
    async isReady() {
      return !isDraining && (await engine.checkHealth()).status === 'up';
    },
    async detailed() {
      const health = await engine.checkHealth();
      const status = health.status === 'down' ? 'down' : isDraining ? 'draining' : 'ok';
      return { status, components: { engine: { kind: engine.kind, ...health } } };
    },
    drain() {
      isDraining = true;
    },
  };
}
