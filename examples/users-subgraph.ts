/**
 * An example of the main API: the subgraph that owns users. Every id is a user.
 *
 * `node examples/users-subgraph.ts`, on PORT (4001).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';

const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])

  "A person."
  type User @key(fields: "id") {
    "What their tokens call them: \`sub\`."
    id: ID!
    "What people call them."
    name: String!
    "Where they are written to."
    email: String!
  }

  type Query {
    "A user."
    user(id: ID!): User
  }
`);

interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

const NAMES: Readonly<Record<string, string>> = {
  alice: 'Alice Arnold',
  bob: 'Bob Brown',
  carol: 'Carol Clark',
  demo: 'Demo Dawson',
};

const user = (id: string): User => ({
  id,
  name: NAMES[id] ?? `User ${id}`,
  email: `${encodeURIComponent(id)}@example.com`,
});

const schema = buildSubgraphSchema([
  {
    typeDefs,
    resolvers: {
      User: { __resolveReference: ({ id }: { id: string }) => user(id) },
      Query: { user: (_root: unknown, { id }: { id: string }) => user(id) },
    },
  },
]);

const graphql = createHandler({ schema });

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/graphql') return void graphql(request, response);
  const isHealth = request.url === '/health/detailed';
  response.writeHead(isHealth ? 200 : 404, { 'content-type': 'application/json' });
  response.end(isHealth ? '{"status":"ok"}' : '{}');
}

const server = createServer(answer);
server.listen(Number(process.env['PORT'] ?? 4_001), () => {
  console.log(`Users subgraph at http://localhost:${(server.address() as AddressInfo).port}/graphql`);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
