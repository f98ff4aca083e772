/** Starts a service in a process of its own and talks to it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { signToken } from '../../../src/access/tokens.ts';
import { eventually, NoLonger } from '../../support/eventually.ts';
import { type Answer, type Data, SECRET, type TokenClaims } from '../../support/service.ts';
import type { Commands } from './node.ts';
import { patiently } from './patience.ts';
import { request } from './request.ts';

export interface Node {
  readonly process: ChildProcess;
  readonly port: number;
  readonly url: string;
  readonly isTls: boolean;
  token(userId: string, claims?: TokenClaims): Promise<string>;
  /** Runs a command of `node.ts` there. @throws when it does not answer: its event loop does not turn. */
  ask<Name extends keyof Commands>(name: Name, ...args: Parameters<Commands[Name]>): Promise<unknown>;
  /** Moves its clock on by a second, without waiting for it. */
  nudge(): void;
  /** The sum of a metric over its labels. */
  gauge(name: string): Promise<number>;
  /** The data of the answer. @throws when there are errors. */
  query(userId: string, query: string, variables?: object): Promise<Data>;
  /** Sends SIGTERM; answers the exit code. @throws when it does not end. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export async function startNode(env: Readonly<Record<string, string>>): Promise<Node> {
  const child = fork(fileURLToPath(new URL('node.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: '0',
      JWT_SECRET: SECRET,
      DRAIN_WINDOW: '0ms',
      RATE_LIMIT_ENABLED: 'false',
      MAX_CONNECTIONS_PER_USER: '10000',
      MAX_STREAMS_PER_USER: '10000',
      ...env,
    },
  });
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  await patiently(child, once(child, 'message'), 'The process does not start.');
  child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(result);
    else reject?.(new Error(error));
  });
  let asked = 0;
  const ask = (name: string, ...args: unknown[]): Promise<unknown> => {
    asked += 1;
    const id = asked;
    child.send({ id, name, args });
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    return patiently(child, answer, `The event loop does not turn: ${name} was not answered.`);
  };
  const port = (await ask('port')) as number;
  const isTls = 'TLS_CERT_FILE' in env;
  const url = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const token = (userId: string, { scope, sessionId, expiresAt }: TokenClaims = {}): Promise<string> =>
    signToken({
      secret: SECRET,
      userId,
      scope,
      sessionId,
      expiresAt: expiresAt ?? Math.floor(Date.now() / 1_000) + 100_000,
    });
  return {
    process: child,
    port,
    url,
    isTls,
    token,
    ask,
    nudge: () => void child.send({ id: 0, name: 'advance', args: [1_000] }, () => undefined),
    async gauge(name) {
      const response = await patiently(child, request(`${url}/metrics`), 'No metrics were answered.');
      const series = response.text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, 'gm'));
      return [...series].reduce((sum, [, value]) => sum + Number(value), 0);
    },
    query(userId, query, variables = {}) {
      let isRepeated = false;
      return eventually(async () => {
        const asking = request(`${url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${await token(userId)}` },
          body: JSON.stringify({ query, variables }),
        });
        const response = await patiently(child, asking, `No answer to ${query}`);
        const { data, errors } = JSON.parse(response.text) as Pick<Answer, 'data' | 'errors'>;
        const code = errors?.[0]?.extensions.code;
        // An operation of the engine has two seconds. One that had no turn for so long may be done, and nobody was told.
        if (!code || (isRepeated && code === 'NOT_FOUND')) return data;
        isRepeated = true;
        throw new (code === 'SERVICE_UNAVAILABLE' ? Error : NoLonger)(JSON.stringify(errors));
      });
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = (await patiently(child, exited, 'SIGTERM does not end the process.')) as [number | null];
      return code;
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
