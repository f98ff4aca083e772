/** The direction of imports: what each folder of src may import. See docs/architecture.md. */
const shared =
  '^src/((model|errors|limits|setting-limits|times|clock|log|exact-json|code-points|data-folder|few|in-parts|fair-queue)\\.ts$|model/)';
/** A folder may import itself, the shared files, and the named folders. */
const folder = (name, ...others) => ({
  name: `${name}-imports`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: [`^src/${name}/`, shared, ...others] },
});
/** The files of engines that other folders may import. */
const port = '^src/engine/(port|shared/(publication|consumer|topic-match|webhook))\\.ts$';
/** Only these folders may import a library. */
const home = (library, ...folders) => ({
  name: `${library}-home`,
  severity: 'error',
  from: { path: '^src/', pathNot: folders },
  to: { path: `(^|node_modules/)${library}(/|$)` },
});

/** Only these files may import a module of Node, so that every access to the network, the disk and other processes is known. */
const core = (name, modules, ...places) => ({
  name: `node-${name}-home`,
  severity: 'error',
  from: { path: '^src/', pathNot: places },
  to: { path: `^(node:)?(${modules})(/promises)?$`, dependencyTypesNot: ['type-only'] },
});
/** A file at the root of src may import the named root files and folders. */
const root = (file, ...others) => ({
  name: `${file}-imports`,
  severity: 'error',
  from: { path: `^src/${file}\\.ts$` },
  to: { path: '^src/', pathNot: [shared, ...others] },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'shared-imports-nothing',
      severity: 'error',
      from: { path: shared },
      to: { path: '^src/', pathNot: shared },
    },
    folder('model'),
    folder('access', '^src/config\\.ts$', '^src/config/issuers\\.ts$', '^src/rates/', port),
    folder('rates', '^src/config\\.ts$', port),
    folder('domain', '^src/(access|rates)/', port),
    folder('delivery', '^src/(access|rates)/', port),
    folder('graphql', '^src/__generated__/', '^src/(access|rates)/', '^src/domain/', '^src/delivery/'),
    folder('__generated__', '^src/access/', '^src/graphql/context\\.ts$'),
    folder('expressions', '^src/domain/routing\\.ts$'),
    folder('webhooks', '^src/domain/event-(data|waits)\\.ts$', port),
    folder('schemas', '^src/domain/topic-access\\.ts$'),
    folder('observability', '^src/config\\.ts$', port),
    folder(
      'transport',
      '^src/(access|rates)/',
      '^src/domain/',
      '^src/delivery/',
      '^src/graphql/',
      '^src/observability/',
    ),
    {
      name: 'peers-have-in-common',
      severity: 'error',
      from: { path: '^src/transport/peers/' },
      to: { path: '^src/transport/', pathNot: '^src/transport/peers/' },
    },
    folder('engine', '^src/config\\.ts$', '^src/config/redis\\.ts$'),
    root('config', '^src/config/', '^src/rates/rates\\.ts$'),
    folder('config', '^src/config\\.ts$', '^src/rates/rates\\.ts$'),
    root('(clock|open-files|health-check|closers)'),
    root('backup', '^src/config\\.ts$', '^src/engine/embedded/(control|copies)\\.ts$'),
    folder('workers', '^src/observability/(together|tenant-names|kept-counters)\\.ts$', '^src/config/secrets\\.ts$'),
    root(
      'main',
      '^src/(service|config)\\.ts$',
      '^src/workers/',
      '^src/access/tokens\\.ts$',
      '^src/observability/(tracing|info)\\.ts$',
    ),
    {
      name: 'client-knows-the-public-api',
      severity: 'error',
      from: { path: '^client/src/' },
      to: { pathNot: ['^client/src/', '(^|node_modules/)(graphql-ws|react|@apollo/client|@urql/core|wonka)(/|$)'] },
    },
    {
      name: 'console-knows-the-client',
      severity: 'error',
      from: { path: '^console/src/' },
      to: {
        pathNot: [
          '^console/src/',
          '^client/src/',
          '(^|node_modules/)(react|react-dom|graphiql|@graphiql/toolkit|graphql-ws)(/|$)',
        ],
      },
    },
    {
      name: 'only-main-starts-the-service',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/(service|main|health-check)\\.ts$' },
    },
    {
      name: 'only-the-service-wires-its-halves',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(service|doors)\\.ts$' },
      to: { path: '^src/(core|doors)\\.ts$' },
    },
    core(
      'network',
      'http|https|http2|net|tls|dgram|dns',
      '^src/transport/',
      '^src/webhooks/endpoint\\.ts$',
      '^src/engine/redis/',
      '^src/engine/embedded/control\\.ts$',
      '^src/(health-check|backup)\\.ts$',
    ),
    core(
      'disk',
      'fs',
      '^src/(config/[a-z]+|data-folder|backup)\\.ts$',
      '^src/access/development-secret\\.ts$',
      '^src/engine/(embedded|redis)/',
      '^src/graphql/schema\\.ts$',
      '^src/observability/info\\.ts$',
      '^src/transport/',
    ),
    core(
      'processes',
      'child_process|worker_threads|cluster',
      '^src/(expressions|workers)/',
      '^src/engine/embedded/(checkpoint-thread|wal-checkpoints)\\.ts$',
    ),
    {
      name: 'engines-apart',
      severity: 'error',
      from: { path: '^src/engine/(embedded|redis)/' },
      to: { path: '^src/(config\\.ts|engine/(embedded|redis|open))', pathNot: '^src/engine/$1/' },
    },
    {
      name: 'domain-and-delivery-have-no-libraries',
      severity: 'error',
      from: { path: '^src/(domain|delivery)/' },
      // A bounded cache is neither a protocol nor a driver, so these folders may use it.
      to: { path: 'node_modules', pathNot: 'node_modules/lru-cache' },
    },
    home('ioredis', '^src/engine/redis/'),
    home('graphql-redis-subscriptions', '^src/engine/redis/'),
    home('node:sqlite', '^src/engine/embedded/'),
    home('sqlite', '^src/engine/embedded/'),
    home('jose', '^src/access/'),
    home('ws', '^src/transport/'),
    home('graphql-ws', '^src/transport/'),
    home('fastify', '^src/transport/'),
    home('@apollo/server', '^src/transport/'),
    home('@apollo/subgraph', '^src/graphql/'),
    home('graphql', '^src/graphql/', '^src/transport/', '^src/__generated__/'),
    home('jsonata', '^src/expressions/'),
    home('ajv', '^src/schemas/'),
    home('@opentelemetry', '^src/observability/'),
    home('zod', '^src/config/issuers\\.ts$', '^src/transport/'),
    home('prom-client', '^src/observability/'),
    home('pino', '^src/log\\.ts$'),
    home('standardwebhooks', '^src/webhooks/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // This parser reads TypeScript independently of the installed compiler.
    parser: 'swc',
    enhancedResolveOptions: { extensions: ['.ts', '.tsx', '.js'] },
  },
};
