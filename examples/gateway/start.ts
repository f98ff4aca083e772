/**
 * A complete example on one machine: the users subgraph, this service and Hive Gateway in front of both.
 *
 * `npm run demo:gateway`; Ctrl-C stops all of it. SUBSCRIPTION_MODE chooses how the gateway subscribes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { developmentSecret } from '../../src/access/development-secret.ts';
import { signToken } from '../../src/access/tokens.ts';
import { readConfig } from '../../src/config.ts';

const GATEWAY = 'http://localhost:4000';
const USERS_PORT = '4001';
const PATIENCE_MS = 30_000;

const { jwt, dataDir, port } = readConfig(process.env);
const running: ChildProcess[] = [];
let isStopping = false;

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

function start(file: string, env: Readonly<Record<string, string>>): void {
  // In a group of its own, so that Ctrl-C reaches it once: a second signal would cut its shutdown short.
  const child = spawn(process.execPath, ['--no-warnings', here(file)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  });
  child.once('exit', (code) => {
    if (isStopping) return;
    console.error(`${file} ended with ${code}; is its port taken?`);
    void stop(1);
  });
  running.push(child);
}

async function stop(code: number): Promise<void> {
  if (isStopping) process.exit(1);
  isStopping = true;
  const alive = running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const gone = alive.map((child) => once(child, 'exit'));
  for (const child of alive) child.kill('SIGTERM');
  await Promise.all(gone);
  process.exit(code);
}

async function isReady(): Promise<boolean> {
  const response = await fetch(`${GATEWAY}/health/detailed`).catch(() => null);
  return response?.status === 200;
}

async function ready(): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await isReady()); await new Promise((again) => setTimeout(again, 200)))
    if (Date.now() > end) throw new Error(`${GATEWAY}/health/detailed is not ok.`);
}

async function token(userId: string): Promise<string> {
  const secret = jwt.secrets[0] ?? developmentSecret(dataDir);
  const expiresAt = Math.floor(Date.now() / 1_000) + 24 * 60 * 60;
  return signToken({ secret, userId, expiresAt, tenantClaim: jwt.tenantClaim });
}

async function greet(): Promise<void> {
  const request = (query: string): string =>
    `curl -X POST ${GATEWAY}/graphql -H "Content-Type: application/json" -H "Authorization: Bearer $TOKEN" \\
  -d '{"query": "${query.replaceAll('"', '\\"')}"}'`;
  const user =
    '{ user(id: "alice") { id name email status conversations { id name lastActivityAt unreadMessageCount } } }';
  console.log(`
Hive Gateway ${GATEWAY}/graphql, with the subgraphs users (port ${USERS_PORT}) and realtime (port ${port}). Ctrl-C stops all.

Try it:
curl ${GATEWAY}/health/detailed

TOKEN=${await token('alice')}

${request('mutation { createConversation(input: {id: "123", name: "Demo", memberIds: ["bob"]}) { id name } }')}

# A stream of messages. Send one from another terminal.
${request('subscription { messageReceived(conversationIds: ["123"]) { id content user { id name } } }')}

${request('mutation { sendMessage(input: {conversationId: "123", content: "Hello"}) { id } }')}

# A query over both subgraphs.
${request(user)}
`);
}

process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));

execFileSync(here('../../scripts/provide-gateway.sh'), { stdio: 'inherit' });
start('../users-subgraph.ts', { PORT: USERS_PORT });
const secret = (): string => randomBytes(32).toString('base64url');
const registration = {
  GATEWAY_REGISTRATION_TOKEN: secret(),
  // Without it clients do not learn why a subscription ended.
  GATEWAY_SECRET: process.env['GATEWAY_SECRET'] || secret(),
};
start('../../src/main.ts', {
  CALLBACK_ALLOWED_URLS: `${GATEWAY}/callback`,
  GATEWAY_REGISTRATION_URL: `${GATEWAY}/register`,
  ...registration,
  DRAIN_WINDOW: '500ms',
});
start('gateway.ts', {
  ...registration,
  PORT: new URL(GATEWAY).port,
  SUBGRAPHS: `users=http://localhost:${USERS_PORT}/graphql,realtime=http://localhost:${port}/graphql`,
});
try {
  await ready();
  await greet();
} catch (error) {
  console.error((error as Error).message);
  await stop(1);
}
