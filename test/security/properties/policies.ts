/**
 * A topic is published to, subscribed to and read only as its most specific policy allows.
 *
 * Random histories of one tenant: an admin saves and deletes policies on one node, while users with and without claims,
 * and services, publish in every way, open streams and read histories on both.
 */
import type { TopicRight } from '../../../src/model.ts';
import { createRandom, pick, type Random } from '../../faults/random.ts';
import type { TestClient, TestSubscription } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { type Nodes, startNodes } from '../../support/nodes.ts';
import { connectRaw, type RawClient } from '../../support/raw-client.ts';
import { newId, type TokenClaims } from '../../support/service.ts';
import { type HistoryWorld, type Property, playHistories } from './property.ts';

const STEPS = 10;
/** The most specific first, and the topics that each matches. */
const PATTERNS: Readonly<Record<string, readonly string[]>> = {
  'a.one': ['a.one'],
  'a.*': ['a.one', 'a.two'],
  'a.#': ['a.one', 'a.two', 'a.b.c'],
  '#': ['a.one', 'a.two', 'a.b.c', 'b'],
};
const TOPICS = PATTERNS['#'] as readonly string[];
const RIGHTS = ['EVERYONE', 'CLAIMED', 'SERVICES'] as const;

interface Policy {
  readonly publish: TopicRight;
  readonly subscribe: TopicRight;
  readonly hasSchema: boolean;
}

interface Actor {
  readonly name: string;
  readonly isService: boolean;
  /** Null: the token has no claims. */
  readonly claims: string | null;
}

const ACTORS: readonly Actor[] = [
  { name: 'user', isService: false, claims: null },
  { name: 'claimed', isService: false, claims: 'a.*' },
  { name: 'other', isService: false, claims: 'b' },
  { name: 'service', isService: true, claims: null },
  { name: 'narrow', isService: true, claims: 'a.#' },
];

/** Claims narrow every right, also of services. */
function may(right: TopicRight, { isService, claims }: Actor, topic: string): boolean {
  if (claims !== null && claims !== topic && !PATTERNS[claims]?.includes(topic)) return false;
  return right === 'EVERYONE' || isService || (right === 'CLAIMED' && claims !== null);
}

interface Open {
  readonly actor: Actor;
  readonly topic: string;
  readonly subscription: TestSubscription;
  /** What it must have told, in order. */
  readonly told: unknown[];
}

class World implements HistoryWorld {
  readonly #nodes: Nodes;
  readonly #random: Random;
  readonly #tenant = newId();
  readonly #policies = new Map<string, Policy>();
  readonly #clients = new Map<string, { readonly graphql: TestClient; readonly raw: RawClient }>();
  #open: Open[] = [];
  #published = 0;

  constructor(nodes: Nodes, seed: number) {
    this.#nodes = nodes;
    this.#random = createRandom(seed);
  }

  async begin(): Promise<void> {
    for (const actor of ACTORS) {
      const { there } = this.#nodes;
      const claims = this.#claimsOf(actor);
      const clients = {
        graphql: await there.connect(actor.name, claims),
        raw: await connectRaw(there, actor.name, claims),
      };
      this.#clients.set(actor.name, clients);
    }
  }

  async step(): Promise<void> {
    await pick(this.#random, [() => this.#save(), () => this.#save(), () => this.#delete(), () => this.#listen()])();
    await eventually(() => this.#checkReading());
    await this.#endStreams();
    for (const topic of TOPICS) await this.#publish(pick(this.#random, ACTORS), topic);
    for (const { actor, topic, subscription, told } of this.#open) {
      await eventually(() => {
        const events = subscription.events.map(({ topicPublished }) => topicPublished.payload);
        this.#expect(`${actor.name} hears of ${topic}`, events, told);
      });
    }
  }

  async end(): Promise<void> {
    for (const { graphql, raw } of this.#clients.values()) await Promise.all([graphql.close(), raw.close()]);
  }

  #claimsOf({ isService, claims }: Actor): TokenClaims {
    return {
      tenant: this.#tenant,
      ...(isService && { scope: 'realtime:service' }),
      ...(claims !== null && { topics: { publish: [claims], subscribe: [claims] } }),
    };
  }

  #policyOf(topic: string): Policy {
    const pattern = Object.keys(PATTERNS).find((each) => this.#policies.has(each) && PATTERNS[each]?.includes(topic));
    const policy = pattern === undefined ? undefined : this.#policies.get(pattern);
    return policy ?? { publish: 'EVERYONE', subscribe: 'EVERYONE', hasSchema: false };
  }

  async #admin(mutation: string, variables: object): Promise<void> {
    const claims = { tenant: this.#tenant, scope: 'realtime:admin' };
    const { errors } = await this.#nodes.here.query('root', mutation, variables, claims);
    this.#expect('the admin', errors, undefined);
  }

  async #save(): Promise<void> {
    const pattern = pick(this.#random, Object.keys(PATTERNS));
    const [publish, subscribe] = [pick(this.#random, RIGHTS), pick(this.#random, RIGHTS)];
    const hasSchema = this.#random() < 0.4;
    const input = { pattern, publish, subscribe, ...(hasSchema && { schema: { type: 'number' } }) };
    this.#policies.set(pattern, { publish, subscribe, hasSchema });
    await this.#admin('mutation ($input: TopicPolicyInput!) { saveTopicPolicy(input: $input) { pattern } }', { input });
  }

  async #delete(): Promise<void> {
    const pattern = pick(this.#random, Object.keys(PATTERNS));
    if (!this.#policies.delete(pattern)) return;
    await this.#admin('mutation ($pattern: String!) { deleteTopicPolicy(pattern: $pattern) { pattern } }', { pattern });
  }

  async #listen(): Promise<void> {
    const [actor, topic] = [pick(this.#random, ACTORS), pick(this.#random, TOPICS)];
    const document = `subscription { topicPublished(topics: ["${topic}"]) { payload } }`;
    const subscription = await this.#clients.get(actor.name)?.graphql.subscribe(document);
    if (subscription) this.#open.push({ actor, topic, subscription, told: [] });
  }

  /** Every policy is in force on both nodes within a second. */
  async #checkReading(): Promise<void> {
    for (const node of new Set([this.#nodes.here, this.#nodes.there])) {
      for (const actor of ACTORS) {
        const codes = await Promise.all(
          TOPICS.map((topic) =>
            node.query(actor.name, `{ topicHistory(topic: "${topic}") { id } }`, {}, this.#claimsOf(actor)),
          ),
        );
        const wanted = TOPICS.map((topic) =>
          may(this.#policyOf(topic).subscribe, actor, topic) ? undefined : 'FORBIDDEN',
        );
        this.#expect(
          `${actor.name} reads`,
          codes.map(({ code }) => code),
          wanted,
        );
      }
    }
  }

  /** Streams that may not be heard are over, and told so. */
  async #endStreams(): Promise<void> {
    const isHeard = ({ actor, topic }: Open): boolean => may(this.#policyOf(topic).subscribe, actor, topic);
    for (const { actor, topic, subscription } of this.#open.filter((each) => !isHeard(each))) {
      await eventually(() => this.#expect(`${actor.name} is heard no more`, subscription.isOver, true));
      this.#expect(
        `${actor.name} of ${topic}`,
        subscription.errors.map(({ extensions }) => extensions.code),
        ['FORBIDDEN'],
      );
    }
    this.#open = this.#open.filter(isHeard);
  }

  async #publish(actor: Actor, topic: string): Promise<void> {
    const { publish, hasSchema } = this.#policyOf(topic);
    this.#published += 1;
    const payload = this.#random() < 0.5 ? this.#published : `text ${this.#published}`;
    const isFit = !hasSchema || typeof payload === 'number';
    const wanted = may(publish, actor, topic) ? (isFit ? 'OK' : 'BAD_USER_INPUT') : 'FORBIDDEN';
    const way = pick(this.#random, ['one', 'many', 'frame'] as const);
    this.#expect(`${actor.name} publishes to ${topic}`, await this.#publishBy(way, actor, { topic, payload }), wanted);
    if (wanted !== 'OK') return;
    for (const each of this.#open) if (each.topic === topic) each.told.push(payload);
  }

  async #publishBy(
    way: 'one' | 'many' | 'frame',
    actor: Actor,
    item: { topic: string; payload: unknown },
  ): Promise<string> {
    if (way === 'frame') {
      const answer = await this.#clients.get(actor.name)?.raw.ask('Broadcast', item);
      return answer?.type === 'Error' ? answer.data.code : 'OK';
    }
    const claims = this.#claimsOf(actor);
    if (way === 'one') {
      const one = 'mutation ($topic: String!, $payload: JSON!) { publish(topic: $topic, payload: $payload) { id } }';
      return (await this.#nodes.here.query(actor.name, one, item, claims)).code ?? 'OK';
    }
    const many = 'mutation ($items: [PublishInput!]!) { publishMany(items: $items) { error { code } } }';
    const { data } = await this.#nodes.here.query(actor.name, many, { items: [item] }, claims);
    return data.publishMany[0].error?.code ?? 'OK';
  }

  #expect(what: string, found: unknown, wanted: unknown): void {
    if (JSON.stringify(found) === JSON.stringify(wanted)) return;
    const policies = JSON.stringify([...this.#policies]);
    throw new Error(`${what}: ${JSON.stringify(found)} for ${JSON.stringify(wanted)}, policies ${policies}`);
  }
}

export const policies: Property = {
  name: 'policies: topics are published to, heard and read as their policies say',
  async run(run) {
    const nodes = await startNodes(run.engine === 'redis' ? 'two nodes on one Redis' : run.engine);
    try {
      await playHistories((each) => new World(nodes, each), STEPS, run);
    } finally {
      await nodes.close();
    }
  },
};
