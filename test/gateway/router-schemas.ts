/**
 * Facts of the routers' own schemas of their configuration, as far as the shipped files use them.
 *
 * Of Cosmo Router 0.341.0 `router/pkg/config/config.schema.json`; of Hive Router 0.2.0 the types under
 * `bin/router/src/config`, which deny unknown fields; of Apollo Router (April 2026) its generated schema. What a file uses
 * and is not here is unknown to this test, and so fails it: look it up, and add it.
 */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const one = (...values: readonly string[]): Schema => ({ enum: values });
const list = (items: Schema): Schema => ({ type: 'array', items });
/** With these fields and no others. */
const object = (properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});
/** By names of subgraphs. */
const named = (value: Schema): Schema => ({ type: 'object', additionalProperties: value });
const duration: Schema = { type: 'string', pattern: '^\\d+(ms|s|m|h)$' };
const address: Schema = { type: 'string', pattern: '^[\\w.]+:\\d+$' };
const path: Schema = { type: 'string', pattern: '^/' };

const rules = (...request: readonly Schema[]): Schema => {
  const part = object({ request: list({ oneOf: request }) });
  return object({ all: part, subgraphs: named(part) });
};

const COSMO = object(
  {
    version: one('1'),
    listen_addr: address,
    execution_config: object({ file: object({ path: text }, 'path') }),
    headers: rules(
      object({ op: one('propagate'), named: text }, 'op'),
      object({ op: one('set'), name: text, value: text }, 'op', 'name', 'value'),
    ),
    traffic_shaping: object({ all: object({ max_conns_per_host: { type: 'integer' } }) }),
    subgraph_error_propagation: object({ mode: one('wrapped', 'pass-through'), allow_all_extension_fields: flag }),
    websocket: object({
      enabled: flag,
      authentication: object({
        from_initial_payload: object({
          enabled: flag,
          key: text,
          export_token: object({ enabled: flag, header_key: text }),
        }),
      }),
    }),
  },
  'version',
);

/** Of `wgc router compose` 0.112.7. */
const COSMO_GRAPH = object({
  version: { enum: [1] },
  subgraphs: list(
    object(
      {
        name: text,
        routing_url: { type: 'string', pattern: '^http' },
        schema: object({ file: text }, 'file'),
        subscription: object({
          url: text,
          protocol: one('ws', 'sse', 'sse_post'),
          websocketSubprotocol: one('auto', 'graphql-ws', 'graphql-transport-ws'),
        }),
      },
      'name',
      'routing_url',
    ),
  ),
});

const HIVE = object({
  supergraph: object({ source: one('file'), path: text }, 'source', 'path'),
  headers: rules(
    object({ propagate: object({ named: text }) }, 'propagate'),
    object({ insert: object({ name: text, expression: text }, 'name', 'expression') }, 'insert'),
  ),
  subscriptions: object({
    enabled: flag,
    callback: object(
      { public_url: text, path, heartbeat_interval: duration, listen: address, subgraphs: list(text) },
      'public_url',
    ),
    websocket: object({ all: object({ path }), subgraphs: named(object({ path })) }),
  }),
  traffic_shaping: object({ router: object({ max_long_lived_clients: { type: 'integer', minimum: 0 } }) }),
  error_masking: object({ enabled: flag, subgraphs: named(object({ enabled: flag })) }),
  websocket: object({
    enabled: flag,
    headers: object({ source: one('none', 'connection', 'operation', 'both') }, 'source'),
  }),
});

const listening = object({ listen: address });
const APOLLO = object({
  supergraph: listening,
  health_check: listening,
  headers: rules(
    object({ propagate: object({ named: text }, 'named') }, 'propagate'),
    object({ insert: object({ name: text, value: text }, 'name', 'value') }, 'insert'),
  ),
  subscription: object({
    enabled: flag,
    mode: object({
      passthrough: object({
        subgraphs: named(
          object({ path, protocol: one('graphql_ws', 'graphql_transport_ws'), heartbeat_interval: duration }),
        ),
      }),
      callback: object(
        { public_url: text, listen: address, path, heartbeat_interval: duration, subgraphs: list(text) },
        'public_url',
      ),
    }),
  }),
  include_subgraph_errors: object({ all: flag, subgraphs: named(flag) }),
});

/** Of `rover supergraph compose`. */
const ROVER = object({
  federation_version: { type: 'string', pattern: '^=2\\.\\d+\\.\\d+$' },
  subgraphs: named(object({ routing_url: text, schema: object({ file: text, subgraph_url: text }) }, 'schema')),
});

/** The schema of each kind of file, by the beginning of its path. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  'apollo-router/': APOLLO,
  'cosmo-router/config': COSMO,
  'cosmo-router/graph-': COSMO_GRAPH,
  'hive-router/': HIVE,
  supergraph: ROVER,
};
