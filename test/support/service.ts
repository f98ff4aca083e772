/** A whole service for a test: port 0, own storage, own secret. */
import { randomUUID } from 'node:crypto';
import { signToken } from '../../src/access/tokens.ts';
import { readConfig } from '../../src/config.ts';
import type { Log } from '../../src/log.ts';
import type { TopicClaims } from '../../src/model.ts';
import { type Service, startService } from '../../src/service.ts';
import { connectClient, type TestClient } from './client.ts';
import { type MovableClock, TestClock } from './test-clock.ts';
import { silentLog } from './world.ts';

export const SECRET = 'a-secret-of-the-tests-that-is-long-enough';

export interface TestService {
  readonly service: Service;
  readonly clock: MovableClock;
  readonly url: string;
  readonly wsUrl: string;
  token(userId: string, claims?: TokenClaims): Promise<string>;
  /** A graphql-ws client of this user, connected. */
  connect(userId: string, claims?: TokenClaims): Promise<TestClient>;
  /** One operation over HTTP. */
  query(userId: string | null, query: string, variables?: object, claims?: TokenClaims): Promise<Answer>;
  close(): Promise<void>;
}

export interface TokenClaims {
  readonly tenant?: string;
  readonly scope?: string;
  readonly expiresAt?: number;
  readonly deviceId?: string;
  readonly sessionId?: string;
  readonly topics?: TopicClaims;
}

// biome-ignore lint/suspicious/noExplicitAny: what a query answers is what the test asked for.
export type Data = any;

export interface Answer {
  readonly status: number;
  readonly data: Data;
  readonly errors?: readonly { message: string; path?: unknown; extensions: { code: string } & Data }[];
  readonly code: string | undefined;
}

export interface TestServiceOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: MovableClock;
  readonly log?: Log;
  /** Conversations that one user begins or joins. */
  readonly conversationsPerUser?: number;
}

const HOUR_S = 3_600;

/** Nodes with the same `REDIS_URL` and `REDIS_PREFIX` are one service. */
export async function startTestService({
  env = {},
  clock = new TestClock(),
  log = silentLog,
  conversationsPerUser,
}: TestServiceOptions = {}): Promise<TestService> {
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    DATA_DIR: ':memory:',
    JWT_SECRET: SECRET,
    DRAIN_WINDOW: '0ms',
    // Tests go faster than people; those of the limits set it.
    RATE_LIMIT_ENABLED: 'false',
    MAX_CONNECTIONS_PER_USER: '10000',
    MAX_STREAMS_PER_USER: '10000',
    ...env,
  });
  const service = await startService(config, log, { clock, conversationsPerUser });
  const url = `http://127.0.0.1:${service.port}`;
  const wsUrl = `ws://127.0.0.1:${service.port}/graphql`;
  const token = (userId: string, { tenant, scope, expiresAt, sessionId, topics }: TokenClaims = {}): Promise<string> =>
    signToken({
      secret: SECRET,
      userId,
      tenant,
      scope,
      sessionId,
      topics,
      issuedAt: Math.floor(clock.now() / 1_000),
      expiresAt: expiresAt ?? Math.floor(clock.now() / 1_000) + HOUR_S,
    });
  return {
    service,
    clock,
    url,
    wsUrl,
    token,
    connect: async (userId, claims) => connectClient(wsUrl, await token(userId, claims), claims?.deviceId),
    async query(userId, query, variables = {}, claims) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(userId === null ? {} : { authorization: `Bearer ${await token(userId, claims)}` }),
        },
        body: JSON.stringify({ query, variables }),
      });
      const body = (await response.json()) as Omit<Answer, 'status' | 'code'>;
      return { status: response.status, ...body, code: body.errors?.[0]?.extensions.code };
    },
    close: () => service.close(),
  };
}

export const newId = (): string => randomUUID();
