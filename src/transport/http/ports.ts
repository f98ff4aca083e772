/** The ports of this process. Both listen before there is anything to serve. */

import { isHandshake } from '../websocket/upgrade.ts';
import { createEntrance, type Entrance, type EntranceOptions } from './entrance.ts';
import { PlainConnections, type PlainConnectionsOptions } from './plain-connections.ts';

export interface PortsOptions extends Pick<EntranceOptions, 'tls' | 'keepAliveMs'> {
  readonly host: string;
  readonly port: number;
  /** Null: operators are answered on `port`. */
  readonly adminPort: number | null;
}

export interface Ports {
  readonly entrance: Entrance;
  readonly plainConnections: PlainConnections;
  readonly port: number;
  readonly admin: Entrance | null;
  readonly adminPort: number | null;
}

/** Hands whatever was opened to `push` at once. */
export async function openPorts(
  options: PortsOptions,
  plain: PlainConnectionsOptions,
  push: (name: string, close: () => unknown) => void,
): Promise<Ports> {
  const plainConnections = new PlainConnections(plain);
  const entrance = createEntrance({ ...options, isUpgrade: isHandshake });
  plainConnections.watch(entrance.server);
  push('port', () => {
    plainConnections.closeUnused();
    return entrance.end();
  });
  const port = await entrance.listen(options.host, options.port);
  if (options.adminPort === null) return { entrance, plainConnections, port, admin: null, adminPort: null };
  const admin = createEntrance({ ...options, isUpgrade: () => false });
  push('admin port', () => admin.end());
  const adminPort = await admin.listen(options.host, options.adminPort);
  return { entrance, plainConnections, port, admin, adminPort };
}
