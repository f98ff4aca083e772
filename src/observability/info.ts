/** The facts of this process for `/info`. Contains no secret. */
import { readFileSync } from 'node:fs';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

export interface Info {
  readonly name: string;
  readonly version: string;
  readonly nodeId: string;
  readonly uptimeSeconds: number;
  readonly engine: Engine['kind'];
  readonly protocols: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export const VERSION = PACKAGE.version;

export function createInfo(config: Config, engine: Engine, nodeId: string): () => Info {
  const { maxConnections, maxQueryDepth, maxQueryCost, maxMessageBytes, maxBodyBytes, maxQueuedBytes } = config;
  const limits = {
    maxConnections,
    maxQueryDepth,
    maxQueryCost,
    maxMessageBytes,
    maxBodyBytes,
    maxQueuedBytes,
    ...LIMITS,
  };
  return () => ({
    name: PACKAGE.name,
    version: PACKAGE.version,
    nodeId,
    uptimeSeconds: Math.floor(process.uptime()),
    engine: engine.kind,
    protocols: [
      'graphql-over-http',
      'graphql-transport-ws',
      'graphql-sse-distinct',
      'multipart-subscription-1.0',
      'http-callback-1.0',
      'raw-websocket',
    ],
    limits,
  });
}
