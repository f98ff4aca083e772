/** The health of the service, for probes and operators. */
import type { Circuit, Engine, EngineHealth } from '../engine/port.ts';
import type { Registration, RegistrationHealth } from './registration.ts';

export interface Health {
  isReady(): Promise<boolean>;
  detailed(): Promise<DetailedHealth>;
  /** Makes the process not ready: it accepts no new work. */
  drain(): void;
}

export interface DetailedHealth {
  readonly status: 'ok' | 'draining' | 'down';
  readonly components: {
    readonly engine: EngineHealth & { readonly kind: Engine['kind']; readonly circuit: Circuit };
    /** Clients of this service need no gateway, so a failed registration does not affect readiness. */
    readonly registration: RegistrationHealth;
    /** The workers that share a port; left out: a single process. */
    readonly workers?: readonly WorkerHealth[];
  };
}

export interface WorkerHealth {
  readonly index: number;
  /** `silent`: the worker serves and did not answer in time. `absent`: the worker is starting. */
  readonly status: DetailedHealth['status'] | 'silent' | 'absent';
}

export function createHealth(engine: Engine, circuit: () => Circuit, registration: Registration): Health {
  let isDraining = false;
  return {
    async isReady() {
      return !isDraining && (await engine.checkHealth()).status === 'up';
    },
    async detailed() {
      const health = await engine.checkHealth();
      const status = health.status === 'down' ? 'down' : isDraining ? 'draining' : 'ok';
      const components = { engine: { kind: engine.kind, ...health, circuit: circuit() } };
      return { status, components: { ...components, registration: registration.health } };
    },
    drain() {
      isDraining = true;
    },
  };
}
