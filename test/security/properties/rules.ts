/**
 * A tenant's rules do what the contract says, and are nobody else's business (G09, G18).
 *
 * Random rules, publications, messages and edits in two tenants, each compared with a
 * model that knows nothing of the other, while a third does its worst: expressions
 * that hang, in rules and in dry runs. What is answered, stored, delivered and forwarded is what the model says.
 */
import { createRandom, pick, type Random } from '../../faults/random.ts';
import type { TestClient, TestSubscription } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { type Nodes, startNodes } from '../../support/nodes.ts';
import { Tenant } from '../../support/tenant.ts';
import { type Answer, directOf, type Message, Model, PAIRS } from '../rules/model.ts';
import { type Kind, PAYLOADS, randomRule, ruleInput, TEXTS, TOPICS, USERS } from '../rules/vocabulary.ts';
import type { Property } from './property.ts';

const STEPS = 160;
/** Rules that a history begins with. */
const RULES = 3;
const SAVE = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
const DRY_RUN =
  'query ($input: RoutingRuleInput!, $sample: JSON!) { testRoutingRule(input: $input, sample: $sample) { fault } }';
const HANGS = { match: { on: ['TOPIC'], where: '$match(payload, /^(a+)+$/)' }, action: { drop: true } };
const HARD = `${'a'.repeat(40)}!`;

/** What came back, as the model says it. */
function told({ data, errors }: { data?: Record<string, unknown> | null; errors?: readonly unknown[] }, field: string) {
  const made = data?.[field] as { content?: string; payload: unknown } | null | undefined;
  if (made) return { content: made.content ?? '', payload: made.payload };
  const [error] = (errors ?? []) as { extensions: { code: string; reason?: string } }[];
  return { reason: error?.extensions.reason ?? error?.extensions.code };
}

const wanted = (answer: Answer): object =>
  'reason' in answer ? answer : { content: answer.said.content, payload: answer.said.payload };

/** One tenant, its model, and one of its users who listens to everything. */
class Judged {
  readonly #tenant: Tenant;
  readonly #random: Random;
  readonly #conversations = new Map<string, string>();
  readonly #sent: { message: Message; key: string | null }[] = [];
  readonly #ids = new Map<object, string>();
  readonly #log: string[] = [];
  #model = new Model(new Map());
  #client!: TestClient;
  #messages!: TestSubscription;
  #publications!: TestSubscription;

  constructor(tenant: Tenant, random: Random) {
    this.#tenant = tenant;
    this.#random = random;
  }

  async open(nodes: Nodes): Promise<void> {
    const kinds = new Map<string, Kind>();
    for (const kind of ['GROUP', 'ROOM'] as const) {
      const id = await this.#tenant.group(kind, 'alice', 'bob', 'carol');
      this.#conversations.set(id, id);
      kinds.set(id, kind);
    }
    for (const [one, other] of PAIRS) {
      this.#conversations.set(directOf(one, other), await this.#tenant.direct(one, other));
    }
    // Rules know a conversation by its id, the model a direct one by its users: no rule names either.
    this.#model = new Model(kinds);
    this.#client = await nodes.there.connect('bob', { tenant: this.#tenant.id });
    this.#messages = await this.#client.subscribe('subscription { messageReceived { conversationId sequence } }');
    this.#publications = await this.#client.subscribe(
      'subscription ($topics: [String!]!) { topicPublished(topics: $topics) { topic payload } }',
      { topics: TOPICS },
    );
  }

  async step(): Promise<void> {
    const roll = this.#random();
    if (roll < 0.15) return this.saveRule();
    if (roll < 0.3) return this.#publish();
    if (roll < 0.5) return this.#edit();
    return this.#send();
  }

  #same(what: string, is: unknown, shouldBe: unknown): void {
    this.#log.push(what);
    const [got, want] = [JSON.stringify(is), JSON.stringify(shouldBe)];
    if (got === want) return;
    const rules = [...this.#model.rules.values()].map((rule) => JSON.stringify(ruleInput(rule)));
    const history = this.#log.slice(-15).join('\n  ');
    throw new Error(`${what}: ${got} instead of ${want}\nrules:\n  ${rules.join('\n  ')}\nbefore:\n  ${history}`);
  }

  async saveRule(): Promise<void> {
    const rule = randomRule(this.#random);
    const enabled = this.#random() < 0.8;
    const { errors } = await this.#tenant.admin(SAVE, { input: { ...ruleInput(rule), enabled } });
    this.#same(`save ${rule.id}${enabled ? '' : ', disabled'}`, errors, undefined);
    if (enabled) this.#model.rules.set(rule.id, rule);
    else this.#model.rules.delete(rule.id);
  }

  async #publish(): Promise<void> {
    const [sender, topic] = [pick(this.#random, USERS), pick(this.#random, TOPICS)];
    const payload = pick(
      this.#random,
      PAYLOADS.filter((each) => each !== null),
    );
    const is = told(await this.#tenant.publish(sender, topic, payload), 'publish');
    this.#same(
      `publish ${topic} ${JSON.stringify(payload)} by ${sender}`,
      is,
      wanted(this.#model.publish(sender, topic, payload)),
    );
  }

  #randomSaid(): { content: string; payload: unknown } {
    const payload = pick(this.#random, PAYLOADS);
    return { content: pick(this.#random, payload === null ? TEXTS.slice(1) : TEXTS), payload };
  }

  #randomMessage(): { message: Message; key: string | null } {
    if (this.#sent.length > 0 && this.#random() < 0.5) return pick(this.#random, this.#sent);
    const conversation = pick(this.#random, [...this.#conversations.keys()]);
    const users = conversation.startsWith('direct ') ? conversation.split(' ').slice(1) : USERS;
    const key = this.#random() < 0.6 ? `key-${this.#sent.length}` : null;
    const made = { message: { conversation, sender: pick(this.#random, users), ...this.#randomSaid() }, key };
    if (key) this.#sent.push(made);
    return made;
  }

  async #send(): Promise<void> {
    const { message, key } = this.#randomMessage();
    const { conversation, sender, content, payload } = message;
    const input = { content, payload, ...(key && { clientMessageId: key }) };
    const answer = await this.#tenant.send(sender, this.#conversations.get(conversation) ?? '', input);
    const should = this.#model.send(message, key);
    this.#same(
      `send to ${conversation} ${JSON.stringify(input)} by ${sender}`,
      told(answer, 'sendMessage'),
      wanted(should),
    );
    if ('message' in should && should.message) this.#ids.set(should.message, answer.data.sendMessage.id);
  }

  async #edit(): Promise<void> {
    const known = [...this.#model.messages.values()].flat().filter((each) => this.#ids.has(each));
    if (known.length === 0) return;
    const message = pick(this.#random, known);
    const said = this.#randomSaid();
    const answer = await this.#tenant.edit(message.sender, this.#ids.get(message) ?? '', said);
    const should = wanted(this.#model.edit(message, said));
    this.#same(`edit ${message.conversation} to ${JSON.stringify(said)}`, told(answer, 'editMessage'), should);
  }

  /** What is stored, and what the one who listens was sent. */
  async judge(): Promise<void> {
    const names = new Map([...this.#conversations].map(([name, id]) => [id, name]));
    for (const [name, id] of this.#conversations) {
      const [, reader = 'bob'] = name.startsWith('direct ') ? name.split(' ') : [];
      const should = (this.#model.messages.get(name) ?? []).map(({ content, payload }) => [content, payload]);
      this.#same(`stored in ${name}`, await this.#tenant.said(reader, id), should);
    }
    for (const topic of TOPICS) {
      this.#same(
        `kept of ${topic}`,
        await this.#tenant.history(topic),
        this.#model.publications.get(topic)?.slice(-50),
      );
    }
    await eventually(() => {
      const heard = this.#messages.events.map(
        ({ messageReceived: { conversationId, sequence } }) => `${names.get(conversationId)} ${sequence}`,
      );
      this.#same('heard by bob', heard.sort(), this.#model.heardBy('bob'));
      for (const topic of TOPICS) {
        const events = this.#publications.events.map(({ topicPublished }) => topicPublished);
        const payloads = events.filter((each) => each.topic === topic).map(({ payload }) => payload);
        this.#same(`heard of ${topic}`, payloads, this.#model.publications.get(topic));
      }
    });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

async function tryOne(nodes: Nodes, seed: number): Promise<void> {
  const random = createRandom(seed);
  const hostile = new Tenant(nodes);
  const judged = [1, 2].map((each) => new Judged(new Tenant(nodes), createRandom(seed * 10 + each)));
  const attacks: Promise<unknown>[] = [];
  const attack = (): void => {
    const sample = { topic: 'x', payload: HARD };
    attacks.push(
      hostile.admin(DRY_RUN, { input: { name: 'Rule', ...HANGS }, sample }),
      hostile.admin(SAVE, { input: { id: pick(random, ['a', 'b']), name: 'Rule', ...HANGS } }),
      hostile.publish('mallory', pick(random, TOPICS), HARD),
    );
  };
  try {
    for (const each of judged) await each.open(nodes);
    for (let n = 0; n < RULES; n += 1) for (const each of judged) await each.saveRule();
    for (let step = 0; step < STEPS; step += 1) {
      if (step % 80 === 0) attack();
      await pick(random, judged).step();
    }
    for (const each of judged) await each.judge();
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  } finally {
    await Promise.allSettled(attacks);
    for (const each of judged) await each.close();
  }
}

export const rules: Property = {
  name: 'rules: what a tenant’s rules make of a message is what the contract says, whatever other tenants do',
  async run({ engine, seed, untilMs }) {
    const nodes = await startNodes(engine);
    try {
      for (let round = 0; round === 0 || Date.now() < untilMs; round += 1) await tryOne(nodes, seed * 1_000 + round);
    } finally {
      await nodes.close();
    }
  },
};
