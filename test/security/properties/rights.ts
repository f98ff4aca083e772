/**
 * A stream is open exactly as long as the present token of its connection could open it (G17).
 *
 * Random histories of one user on both kinds of socket: streams are opened, tokens
 * take each other's place, with and without admin rights and with more and fewer
 * topics, and the user is added to and removed from conversations.
 */
import { createRandom, pick, type Random } from '../../faults/random.ts';
import type { TestClient, TestSubscription } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { startNodes } from '../../support/nodes.ts';
import { connectRaw, type RawClient } from '../../support/raw-client.ts';
import { type Data, newId, type TestService, type TokenClaims } from '../../support/service.ts';
import { type HistoryWorld, type Property, playHistories } from './property.ts';

const STEPS = 25;
const TOPICS = ['a.one', 'b.one', 'c.one'];
const PATTERNS = ['a.*', 'b.*', 'c.*'];

/** What a token may hear, and whether it is an admin's. */
interface Rights {
  readonly isAdmin: boolean;
  readonly patterns: readonly string[];
}

interface Open {
  readonly name: string;
  readonly topics: readonly string[];
  /** What it still carries: one that its viewer was removed from does not come back. */
  readonly conversations: Set<string>;
  readonly subscription: TestSubscription;
}

const some = <Item>(random: Random, items: readonly Item[]): Item[] => items.filter(() => random() < 0.6);
const hears = ({ patterns }: Rights, topic: string): boolean => patterns.some((each) => each[0] === topic[0]);
const claimsOf = ({ isAdmin, patterns }: Rights): TokenClaims => ({
  topics: { publish: null, subscribe: patterns },
  ...(isAdmin ? { scope: 'realtime:admin' } : {}),
});

class World implements HistoryWorld {
  readonly #service: TestService;
  readonly #random: Random;
  readonly #user: string;
  readonly #rooms: readonly string[];
  readonly #isMember = new Set<string>();
  readonly #open: Open[] = [];
  readonly #over: Open[] = [];
  readonly #heard = new Set<string>();
  #graphql: { readonly client: TestClient; rights: Rights } | null = null;
  #raw: { readonly client: RawClient; rights: Rights } | null = null;

  constructor(service: TestService, seed: number) {
    this.#service = service;
    this.#random = createRandom(seed);
    this.#user = `user-${seed}`;
    this.#rooms = [newId(), newId()];
  }

  async begin(): Promise<void> {
    for (const id of this.#rooms) await this.#run('owner', `createConversation(input: {id: "${id}"}) { id }`);
    const [graphql, raw] = [this.#rights(true), this.#rights(true)];
    this.#graphql = { client: await this.#service.connect(this.#user, claimsOf(graphql)), rights: graphql };
    this.#raw = { client: await connectRaw(this.#service, this.#user, claimsOf(raw)), rights: raw };
  }

  async step(): Promise<void> {
    const act = pick(this.#random, [
      () => this.#subscribe(),
      () => this.#subscribe(),
      () => this.#hear(),
      () => this.#refresh(),
      () => this.#authenticate(),
      () => this.#changeMembers(),
    ]);
    await act();
    await this.#check();
  }

  async end(): Promise<void> {
    await this.#graphql?.client.close();
    await this.#raw?.client.close();
  }

  #rights(mayBeAdmin: boolean): Rights {
    return { isAdmin: mayBeAdmin && this.#random() < 0.5, patterns: some(this.#random, PATTERNS) };
  }

  async #run(userId: string, mutation: string, claims: TokenClaims = {}): Promise<Data> {
    return (await this.#service.query(userId, `mutation { ${mutation} }`, {}, claims)).data;
  }

  async #subscribe(): Promise<void> {
    if (!this.#graphql) return;
    const name = `stream ${this.#open.length}`;
    const topics = this.#random() < 0.5 ? [pick(this.#random, TOPICS), pick(this.#random, TOPICS)] : [];
    const both = [pick(this.#random, this.#rooms), pick(this.#random, this.#rooms)];
    const conversations = topics.length > 0 ? [] : [...new Set(both)];
    const field =
      topics.length > 0
        ? `topicPublished(topics: ${JSON.stringify(topics)}) { payload }`
        : `messageReceived(conversationIds: ${JSON.stringify(conversations)}) { content }`;
    const subscription = await this.#graphql.client.subscribe(`subscription { ${field} }`);
    const opened = { name, topics, conversations: new Set(conversations), subscription };
    if (this.#mayGoOn(opened)) this.#open.push(opened);
    // What is refused stays so, whatever its token may see later.
    else await eventually(() => this.#require(subscription.isOver, `${name} was opened`));
  }

  async #hear(): Promise<void> {
    if (!this.#raw) return;
    const topic = pick(this.#random, TOPICS);
    const { data } = await this.#raw.client.ask('Subscribe', { topics: [topic] });
    if (data.status === 'subscribed') this.#heard.add(topic);
  }

  /** A session never has an admin's rights. */
  async #refresh(): Promise<void> {
    if (!this.#graphql) return;
    const rights = this.#rights(false);
    const begin = 'createSession(input: {deviceId: "phone"}) { refreshToken }';
    const { refreshToken } = (await this.#run(this.#user, begin, claimsOf(rights))).createSession;
    await this.#graphql.client.query(`mutation { refreshSession(refreshToken: "${refreshToken}") { accessToken } }`);
    this.#graphql.rights = rights;
    // Each is opened anew, as it were.
    await this.#drop((each) => !this.#mayGoOn(each));
  }

  async #authenticate(): Promise<void> {
    if (!this.#raw) return;
    const rights = this.#rights(true);
    const token = await this.#service.token(this.#user, claimsOf(rights));
    await this.#raw.client.ask('Authenticate', { token });
    this.#raw.rights = rights;
    for (const topic of this.#heard) if (!hears(rights, topic)) this.#heard.delete(topic);
  }

  async #changeMembers(): Promise<void> {
    const id = pick(this.#random, this.#rooms);
    if (!this.#isMember.delete(id)) {
      this.#isMember.add(id);
      await this.#run('owner', `addMembers(id: "${id}", userIds: ["${this.#user}"]) { id }`);
      return;
    }
    await this.#run('owner', `removeMember(id: "${id}", userId: "${this.#user}") { id }`);
    if (this.#graphql?.rights.isAdmin) return;
    // The stream of several conversations carries those that are left; it is over with the last of them.
    await this.#drop(({ conversations }) => conversations.delete(id) && conversations.size === 0);
  }

  /** Streams that must be over. They are watched for one round more: nothing that is said from now on comes by them. */
  async #drop(isOver: (open: Open) => boolean): Promise<void> {
    for (const each of this.#open.filter(isOver)) {
      await eventually(() => this.#require(each.subscription.isOver, `${each.name} goes on`));
      this.#open.splice(this.#open.indexOf(each), 1);
      this.#over.push(each);
    }
  }

  /** Says something everywhere: it comes by each stream that may be open, and by no other. */
  async #check(): Promise<void> {
    const said = newId();
    for (const topic of TOPICS) await this.#run('owner', `publish(topic: "${topic}", payload: "${said}") { id }`);
    for (const id of this.#rooms) {
      await this.#run('owner', `sendMessage(input: {conversationId: "${id}", content: "${said} in ${id}"}) { id }`);
    }
    const isTold = (value: unknown, what = said): boolean => JSON.stringify(value).includes(what);
    for (const { name, topics, conversations, subscription } of this.#open) {
      const wanted = topics.length > 0 ? [said] : [...conversations].map((id) => `${said} in ${id}`);
      for (const what of wanted) {
        await eventually(() => this.#require(isTold(subscription.events, what), `${name} is silent`));
      }
      const others = this.#rooms.filter((id) => !conversations.has(id));
      const isTooMuch = others.some((id) => isTold(subscription.events, `${said} in ${id}`));
      this.#require(!isTooMuch, `${name} told what it does not carry`);
    }
    for (const { name, subscription } of this.#over.splice(0)) {
      this.#require(!isTold(subscription.events), `${name} told what its token may not see`);
    }
    const raw = this.#raw?.client;
    const toldOf = (topic: string): boolean =>
      raw?.of('Broadcast').some((each) => each.topic === topic && isTold(each)) === true;
    for (const topic of TOPICS) {
      if (this.#heard.has(topic)) await eventually(() => this.#require(toldOf(topic), `${topic} is silent`));
      else this.#require(!toldOf(topic), `${topic} is told`);
    }
  }

  /** Whether the present token could open it, of what it still carries. */
  #mayGoOn({ topics, conversations }: Open): boolean {
    const rights = this.#graphql?.rights;
    if (!rights) return false;
    return (
      topics.every((topic) => hears(rights, topic)) &&
      [...conversations].every((id) => rights.isAdmin || this.#isMember.has(id))
    );
  }

  #require(isSo: boolean, fault: string): void {
    if (!isSo) throw new Error(fault);
  }
}

export const rights: Property = {
  name: 'rights: a stream is open as long as the present token could open it',
  async run(run) {
    const nodes = await startNodes(run.engine);
    try {
      await playHistories((each) => new World(nodes.here, each), STEPS, run);
    } finally {
      await nodes.close();
    }
  },
};
