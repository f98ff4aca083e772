/** The package as an app installs it: the file of `npm pack`, in an empty folder, with its types. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createConversation, user } from '../support/conversations.ts';
import { newId, startTestService } from '../support/service.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NAME = 'realtime-communication-client';

const PROGRAM = `import { createRealtime, memoryStorage } from '${NAME}';
import { indexedDbStorage } from '${NAME}/storage';
import { createService } from '${NAME}/server';

declare const process: { argv: string[] };
declare const console: { log(text: string): void };
const [, , url = '', token = '', backEndToken = '', conversationId = ''] = process.argv;
const chat = createRealtime({ url, getToken: () => token });
const service = createService({ url, getToken: () => backEndToken });
const room = chat.conversation(conversationId);
const stop = room.messages.subscribe(() => {
  const content = room.messages.value.messages.at(-1)?.content;
  if (!content) return;
  console.log(content);
  stop();
  chat.close();
});
await service.sendMessage({ conversationId, content: 'hello', onBehalfOf: 'alice' });
export const storages: readonly unknown[] = [memoryStorage, indexedDbStorage];
`;
const TYPES = { target: 'es2024', lib: ['es2024', 'dom'], module: 'nodenext', strict: true, noEmit: true, types: [] };

describe('the packed client', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'realtime-packed-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Packs a copy, so that the build of this checkout stays as it is. Answers the app's folder. */
  async function install(): Promise<string> {
    const copy = join(folder, 'client');
    const app = join(folder, 'app');
    mkdirSync(app);
    for (const path of ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
      cpSync(join(ROOT, 'client', path), join(copy, path), { recursive: true });
    cpSync(join(ROOT, 'tsconfig.json'), join(folder, 'tsconfig.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await run('npm', ['pack', '--pack-destination', app, copy], { cwd: folder });
    rmSync(join(folder, 'node_modules'));
    writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const [file = ''] = readdirSync(app).filter((name) => name.endsWith('.tgz'));
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${file}`], { cwd: app });
    return app;
  }

  it('has every entry, no other dependency than graphql-ws, types, and a chat that works', async () => {
    const app = await install();
    const installed = join(app, 'node_modules', NAME);
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, { types: string; default: string } | string>;
    };
    const files = Object.values(exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : [entry.types, entry.default],
    );
    expect(files.filter((file) => !existsSync(join(installed, file)))).toEqual([]);
    const packages = readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'));
    // graphql is what graphql-ws itself asks for.
    expect(packages.sort()).toEqual(['graphql', 'graphql-ws', NAME]);

    writeFileSync(join(app, 'app.ts'), PROGRAM);
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: TYPES, files: ['app.ts'] }));
    await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', app]);

    const service = await startTestService();
    const id = newId();
    await createConversation(user(service, 'alice'), { id });
    const tokens = [await service.token('alice'), await service.token('orders', { scope: 'realtime:service' })];
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` };
    const args = ['--no-warnings', join(app, 'app.ts'), `${service.url}/graphql`, ...tokens, id];
    const { stdout } = await run(process.execPath, args, { env });
    expect(stdout).toBe('hello\n');
    await service.close();
  });
});
