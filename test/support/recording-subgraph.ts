/** A subgraph that answers every operation with its one field, and records the headers of its requests. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordingSubgraph {
  readonly url: string;
  readonly sdl: string;
  /** Of the requests for its field, and of all. */
  readonly asked: readonly IncomingHttpHeaders[];
  readonly all: readonly IncomingHttpHeaders[];
  close(): Promise<void>;
}

export async function startRecordingSubgraph(field: string): Promise<RecordingSubgraph> {
  const sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9") type Query { ${field}: String }`;
  const asked: IncomingHttpHeaders[] = [];
  const all: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    all.push(request.headers);
    const isSdl = body.includes('_service');
    if (!isSdl && request.url === '/graphql') asked.push(request.headers);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ status: 'ok', data: isSdl ? { _service: { sdl } } : { [field]: 'answered' } }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    sdl,
    asked,
    all,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
