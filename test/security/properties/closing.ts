/**
 * Closed means closed: however peers of any transport come to their end, and whatever they were in the middle of, the
 * event loop turns, nothing of them is left, and SIGTERM ends the process (F43).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { makeCertificate } from '../../support/certificate.ts';
import fc from '../../support/fast-check.ts';
import { onSharedRedis } from '../../support/shared-redis.ts';
import { type Action, type History, history, USERS, type User } from '../closing/history.ts';
import { ofClients } from '../closing/of-clients.ts';
import { openPeer, type PeerClient } from '../closing/peers.ts';
import { type Routers, startRouters } from '../closing/routers.ts';
import { type Node, startNode } from '../closing/start-node.ts';
import type { Property, PropertyRun } from './property.ts';

/** More than the kernel holds for a reader who does not read. */
const MESSAGES = 400;
const BYTES = 30_000;
const SHORT_MS = 300_000;
/** Each moves its clock on by a second: what is still there after so many stays. */
const SETTLE_STEPS = 300;
const STEP_MS = 50;
const GAUGES = ['realtime_connections', 'realtime_subscriptions', 'realtime_queued_bytes'] as const;

type Settings = Readonly<Record<string, string>>;

/** What all histories share. */
interface Place {
  readonly settings: Settings;
  /** Added for a service that speaks TLS. */
  readonly tlsSettings: Settings;
  /** The position before all messages. */
  readonly after: string;
  readonly routers: Routers;
}

/** One history, on a process of its own. */
class Play {
  readonly #node: Node;
  readonly #place: Place;
  readonly #peers: PeerClient[] = [];
  readonly #sessions = new Map<User, { readonly id: string; readonly token: string }>();
  /** How far the clock of the process is ahead of ours. */
  #aheadMs = 0;

  constructor(node: Node, place: Place) {
    this.#node = node;
    this.#place = place;
  }

  async run({ actions, isDrainedAtWork }: History): Promise<void> {
    const timers = Number(await this.#node.ask('timers'));
    for (const user of USERS) await this.#begin(user);
    for (const action of actions) await this.#act(action);
    if (!isDrainedAtWork) await this.#leaveNothing(timers);
    // Time passes for it while it is drained.
    const passing = setInterval(() => this.#node.process.connected && this.#node.nudge(), 200);
    try {
      expect(await this.#node.stop()).toBe(0);
    } finally {
      clearInterval(passing);
      for (const peer of this.#peers) peer.reset();
    }
  }

  /** All have left in the rudest way there is: no trace is left of them. */
  async #leaveNothing(timers: number): Promise<void> {
    for (const peer of this.#peers) peer.reset();
    for (let step = 1; ; step += 1) {
      await this.#advance(1_000);
      const left = await this.#left(timers);
      if (left.length === 0) return;
      if (step === SETTLE_STEPS) throw new Error(`Still there: ${left.join(', ')}`);
      await setTimeout(STEP_MS);
    }
  }

  async #left(timers: number): Promise<string[]> {
    const values = await Promise.all(GAUGES.map(async (name) => [name, await this.#node.gauge(name)]));
    const kept = Object.entries(ofClients((await this.#node.ask('listening')) as Record<string, number>));
    const pending = Number(await this.#node.ask('timers'));
    const left = [...values.filter(([, value]) => value !== 0), ...kept].map(([name, count]) => `${name} ${count}`);
    return pending > timers ? [...left, `timers ${pending}, before ${timers}`] : left;
  }

  /** A member with a session, whatever became of them before. */
  async #begin(user: User): Promise<void> {
    await this.#node.query('alice', 'mutation ($ids: [ID!]!) { addMembers(id: "long", userIds: $ids) { id } }', {
      ids: [user],
    });
    const create = 'mutation { createSession(input: {deviceId: "phone"}) { accessToken session { id } } }';
    const { createSession } = await this.#node.query(user, create);
    this.#sessions.set(user, { id: createSession.session.id, token: createSession.accessToken });
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'open':
        return this.#open(action);
      case 'publish':
        return void (await this.#node.ask('publish', 'long', 'alice', action.count, BYTES));
      case 'expire':
        return this.#advance(SHORT_MS + 60_000);
      case 'revoke': {
        const id = this.#sessions.get(action.user)?.id;
        await this.#node.query(action.user, 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', { id });
        return this.#begin(action.user);
      }
      case 'remove':
        await this.#node.query('alice', 'mutation ($id: ID!) { removeMember(id: "long", userId: $id) { id } }', {
          id: action.user,
        });
        return this.#begin(action.user);
      case 'settle':
        return this.#advance(1_000);
      default:
        return this.#move(action.kind, this.#peers.at(-1 - (action.peer % Math.max(this.#peers.length, 1))));
    }
  }

  async #open({
    transport,
    user,
    subject,
    isReplay,
    isShort,
    isSlow,
  }: Extract<Action, { kind: 'open' }>): Promise<void> {
    const expiresAt = Math.floor((Date.now() + this.#aheadMs + SHORT_MS) / 1_000);
    const token = isShort ? await this.#node.token(user, { expiresAt }) : (this.#sessions.get(user)?.token ?? '');
    const asked = { token, conversationId: 'long', after: isReplay ? this.#place.after : null, subject };
    const peer =
      transport === 'callback'
        ? this.#place.routers.open(this.#node, asked)
        : await openPeer(transport, this.#node, asked);
    if (isSlow) peer.stopReading();
    this.#peers.push(peer);
  }

  #move(kind: 'stop' | 'resume' | 'leave' | 'half-close' | 'reset', peer: PeerClient | undefined): void {
    if (kind === 'stop') peer?.stopReading();
    else if (kind === 'resume') peer?.resumeReading();
    else if (kind === 'leave') peer?.leave();
    else if (kind === 'half-close') peer?.halfClose();
    else peer?.reset();
  }

  async #advance(ms: number): Promise<void> {
    this.#aheadMs += ms;
    await this.#node.ask('advance', ms);
  }
}

async function play(place: Place, tried: History): Promise<void> {
  const node = await startNode({ ...place.settings, ...(tried.isTls ? place.tlsSettings : {}) });
  try {
    await new Play(node, place).run(tried);
  } finally {
    await node.kill();
  }
}

/** The messages that are replayed, stored once for all histories. */
async function prepare(settings: Settings): Promise<string> {
  const node = await startNode(settings);
  try {
    const after = (await node.ask('fill', 'long', ['alice', ...USERS], MESSAGES, BYTES)) as string;
    await node.stop();
    return after;
  } finally {
    await node.kill();
  }
}

export const closing: Property = {
  name: 'F43, G10, G15: closed means closed',
  async run({ engine, seed, untilMs }: PropertyRun) {
    const folder = await mkdtemp(join(tmpdir(), 'closing-'));
    const routers = await startRouters();
    const certificate = makeCertificate(30);
    const settings: Settings = {
      DATA_DIR: folder,
      // Only `expire` and `revoke` end tokens.
      ACCESS_TOKEN_LIFETIME: '24h',
      ...(engine === 'redis' ? onSharedRedis() : {}),
      CALLBACK_ALLOWED_URLS: routers.url,
      CLIENT_TIMEOUT: '20h',
      HEARTBEAT_INTERVAL: '10h',
      PRESENCE_GRACE: '1s',
    };
    try {
      const place: Place = {
        settings,
        tlsSettings: { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile },
        after: await prepare(settings),
        routers,
      };
      const holds = fc.asyncProperty(history, (tried) => play(place, tried));
      for (let tried = 0; tried === 0 || Date.now() < untilMs; tried += 1) {
        // Not shortened: each try takes seconds. Its seed repeats it.
        await fc.assert(holds, { seed: seed + tried, numRuns: 1, endOnFailure: true });
      }
    } finally {
      routers.close();
      certificate.remove();
      await rm(folder, { recursive: true });
    }
  },
};
