/** The routers, each with the shipped files, in which only the addresses are changed. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, globSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { createSchema, readSubgraphSdl } from '../../src/graphql/schema.ts';
import { GATEWAY_SECRET } from './programs.ts';

/** The addresses and folders of a trial. */
export interface Places {
  readonly folder: string;
  readonly binary: string;
  readonly realtimePort: number;
  readonly usersPort: number;
  readonly routerPort: number;
  readonly usersSdl: string;
  readonly mode: string;
}

interface Router {
  /** Arguments of the binary; none by default. */
  readonly args?: (places: Places) => readonly string[];
  /** Appended to the configuration, so that the router estimates costs and reports them in headers. */
  readonly costs: string;
  /** Answers 200 once it serves the graph. */
  readonly readyPath: string;
  /** The shipped files of each mode; the first is the router's configuration. */
  readonly modes: Readonly<Record<string, readonly string[]>>;
  /** Composes the graph, and returns the environment of the router. */
  prepare(files: readonly string[], places: Places): Record<string, string>;
}

const SHIPPED = new URL('../../deploy/gateways/', import.meta.url).pathname;

const sdlOfRealtime = (): string => readSubgraphSdl(createSchema()).trim();

/** Copies a shipped file with the addresses of this trial. */
function place(file: string, { folder, realtimePort, usersPort, routerPort }: Places): string {
  const text = readFileSync(join(SHIPPED, file), 'utf8')
    .replaceAll('realtime:8081', `127.0.0.1:${realtimePort}`)
    .replaceAll('users:4001', `127.0.0.1:${usersPort}`)
    .replaceAll(/(?:router|gateway):4000/g, `127.0.0.1:${routerPort}`)
    .replaceAll('0.0.0.0:4000', `127.0.0.1:${routerPort}`);
  const path = join(folder, file.split('/').at(-1) ?? file);
  writeFileSync(path, text);
  return path;
}

/** The router's configuration as shipped; with estimates of costs if they are requested. */
function placeConfig(file: string, places: Places, costs: string): string {
  const path = place(file, places);
  if (process.env['COSTS']) appendFileSync(path, `${costs}\n`);
  return path;
}

/** Writes `supergraph.graphql` from both subgraphs. */
function writeSupergraph({ folder, realtimePort, usersPort, usersSdl }: Places): void {
  const subgraph = (name: string, port: number, sdl: string) => ({
    name,
    url: `http://127.0.0.1:${port}/graphql`,
    typeDefs: parse(sdl),
  });
  const { supergraphSdl, errors } = composeServices([
    subgraph('realtime', realtimePort, sdlOfRealtime()),
    subgraph('users', usersPort, usersSdl),
  ]);
  if (!supergraphSdl) throw new Error(errors?.join('\n'));
  writeFileSync(join(folder, 'supergraph.graphql'), supergraphSdl);
}

const HIVE_GATEWAY = globSync('hive-gateway/*.ts', { cwd: SHIPPED });

export const ROUTERS: Readonly<Record<string, Router>> = {
  cosmo: {
    costs: 'security: {cost_control: {enabled: true, mode: measure, estimated_list_size: 10, expose_headers: true}}',
    readyPath: '/health/ready',
    modes: {
      ws: ['cosmo-router/config.yaml', 'cosmo-router/graph-ws.yaml'],
      sse: ['cosmo-router/config.yaml', 'cosmo-router/graph-sse.yaml'],
      sse_post: ['cosmo-router/config.yaml', 'cosmo-router/graph-sse.yaml'],
    },
    prepare([config = '', graph = ''], places) {
      const { folder, usersSdl, mode } = places;
      writeFileSync(join(folder, 'realtime.graphql'), sdlOfRealtime());
      writeFileSync(join(folder, 'users.graphql'), usersSdl);
      const input = place(graph, places);
      if (mode === 'sse') writeFileSync(input, readFileSync(input, 'utf8').replace('sse_post', 'sse'));
      const compose = ['router', 'compose', '-i', input, '-o', join(folder, 'execution-config.json')];
      const wgc = process.env['WGC'] ?? '';
      if (wgc) execFileSync(wgc, compose, { stdio: 'inherit' });
      else execFileSync('npx', ['--yes', 'wgc@0.112.7', ...compose], { stdio: 'inherit' });
      return {
        CONFIG_PATH: placeConfig(config, places, this.costs),
        GATEWAY_SECRET,
        COSMO_TELEMETRY_DISABLED: 'true',
        PROMETHEUS_ENABLED: 'false',
      };
    },
  },
  hive: {
    costs:
      'demand_control: {enabled: true, operation_cost: {max: 1000000, mode: measure, expose_headers: {estimated: true}}, subgraphs_budget: {mode: measure}, default_list_size: {all: 10}, actual_cost_mode: by_subgraph}',
    readyPath: '/readiness',
    modes: {
      http: ['hive-router/http.yaml'],
      websocket: ['hive-router/websocket.yaml'],
      callback: ['hive-router/callback.yaml'],
    },
    prepare([config = ''], places) {
      writeSupergraph(places);
      const path = placeConfig(config, places, this.costs);
      return { ROUTER_CONFIG_FILE_PATH: path, GATEWAY_SECRET, PORT: String(places.routerPort), HOST: '127.0.0.1' };
    },
  },
  'hive-gateway': {
    costs: '',
    readyPath: '/readiness',
    modes: { sse: HIVE_GATEWAY, ws: HIVE_GATEWAY, callback: HIVE_GATEWAY },
    args: ({ routerPort }) => ['supergraph', '--host', '127.0.0.1', '--port', String(routerPort)],
    prepare(files, places) {
      writeSupergraph(places);
      for (const file of files) place(file, places);
      // The configuration imports packages of the gateway, so `binary` must be node_modules/.bin/hive-gateway of its npm folder.
      symlinkSync(resolve(places.binary, '../..'), join(places.folder, 'node_modules'));
      writeFileSync(join(places.folder, 'package.json'), '{"type": "module"}');
      return { GATEWAY_SECRET, SUBSCRIPTION_MODE: places.mode };
    },
  },
};
