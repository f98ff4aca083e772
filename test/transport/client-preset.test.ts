/**
 * The client preset of GraphQL Code Generator over examples/codegen: it reads the schema, and the page has its types
 * and runs.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { fetchExchange, Client as UrqlClient } from '@urql/core';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';

const run = promisify(execFile);
const example = new URL('../../examples/codegen/', import.meta.url).pathname;
const tool = (name: string): string => new URL(`../../node_modules/.bin/${name}`, import.meta.url).pathname;

describe('examples/codegen', () => {
  let service: TestService;
  beforeAll(async () => {
    const { stdout } = await run(process.execPath, ['--no-warnings', 'scripts/print-schema.ts', '--api'], {
      maxBuffer: 2 ** 24,
    });
    writeFileSync(`${example}realtime.graphql`, stdout);
    await run(tool('graphql-codegen'), ['--config', 'codegen.json'], { cwd: example });
    service = await startTestService();
  });
  afterAll(() => service.close());

  it('has the types of its operations, and rejects fields that the schema does not have', async () => {
    await run(tool('tsc'), ['-p', example]);
  });

  it('shows stored and live messages', async () => {
    // Generated a moment ago: the types of this file are checked where it is not there yet.
    const { send, show } = await import(`${example}src/room.ts`);
    const id = newId();
    await service.query('alice', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
    const authorization = `Bearer ${await service.token('alice')}`;
    const client = new UrqlClient({
      url: `${service.url}/graphql`,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      preferGetMethod: false,
      fetchOptions: { headers: { authorization } },
    });
    expect(await send(client, id, 'one')).toBe('1 alice: one');
    const lines: string[] = [];
    const stop = await show(client, id, (line: string) => lines.push(line));
    expect(lines).toEqual(['1 alice: one']);
    await send(client, id, 'two');
    await eventually(() => expect(lines).toEqual(['1 alice: one', '2 alice: two']));
    stop();
  });
});
