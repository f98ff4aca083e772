/** Whether the service works, for probes and for people. */
import type { Engine, EngineHealth } from '../engine/port.ts';
import type { Registration, RegistrationHealth } from './registration.ts';

export interface Health {
  isReady(): Promise<boolean>;
  detailed(): Promise<DetailedHealth>;
  /** Not ready from now on: the process accepts no new work. */
  drain(): void;
}

export interface DetailedHealth {
  readonly status: 'ok' | 'draining' | 'down';
  readonly components: {
    readonly engine: EngineHealth & { readonly kind: Engine['kind'] };
    /** Clients of this service need no gateway, so a failed registration does not affect readiness. */
    readonly registration: RegistrationHealth;
    /** Of several processes that share a port. */
    readonly workers?: readonly WorkerHealth[];
  };
}

export interface WorkerHealth {
  readonly index: number;
  /** `silent`: it serves and did not answer in time. `absent`: it starts. */
  readonly status: DetailedHealth['status'] | 'silent' | 'absent';
}

export function createHealth(engine: Engine, registration: Registration): Health {
  let isDraining = false;
  return {
    async isReady() {
      return !isDraining && (await engine.checkHealth()).status === 'up';
    },
    async detailed() {
      const health = await engine.checkHealth();
      const status = health.status === 'down' ? 'down' : isDraining ? 'draining' : 'ok';
      const components = { engine: { kind: engine.kind, ...health }, registration: registration.health };
      return { status, components };
    },
    drain() {
      isDraining = true;
    },
  };
}
