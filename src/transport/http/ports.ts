/** The ports of this process. Both can listen before the service is ready. */

import { isHandshake } from '../websocket/upgrade.ts';
import { createEntrance, type Entrance, type EntranceOptions } from './entrance.ts';
import { PlainConnections, type PlainConnectionsOptions } from './plain-connections.ts';

export interface PortsOptions extends Pick<EntranceOptions, 'tls' | 'keepAliveMs' | 'clock'> {
  readonly host: string;
  readonly port: number;
  /** Null: operators use `port`. */
  readonly adminPort: number | null;
}

export interface Ports {
  readonly entrance: Entrance;
  readonly plainConnections: PlainConnections;
  readonly admin: Entrance | null;
  listen(): Promise<{ readonly port: number; readonly adminPort: number | null }>;
}

/** Hands each opened part to `push` at once. */
export function createPorts(
  options: PortsOptions,
  plain: PlainConnectionsOptions,
  push: (name: string, close: () => unknown) => void,
): Ports {
  const plainConnections = new PlainConnections(plain);
  const entrance = createEntrance({ ...options, isUpgrade: isHandshake });
  plainConnections.watch(entrance.server);
  push('port', () => {
    plainConnections.closeUnused();
    return entrance.end();
  });
  const admin = options.adminPort === null ? null : createEntrance({ ...options, isUpgrade: () => false });
  if (admin) push('admin port', () => admin.end());
  return {
    entrance,
    plainConnections,
    admin,
    async listen() {
      const port = await entrance.listen(options.host, options.port);
      return { port, adminPort: (await admin?.listen(options.host, options.adminPort ?? 0)) ?? null };
    },
  };
}
