/** Two people on two nodes, each with a client, over a history of cuts, restarts, ends of tokens and reloads. */
import { memoryStorage, type Realtime, type ShownMessage, type Storage } from '../../client/src/index.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { TestClock } from '../support/test-clock.ts';
import { type Clients, clientsOf } from './clients.ts';

export type Act =
  | 'send'
  | 'send-many'
  | 'edit'
  | 'delete'
  | 'react'
  | 'read'
  | 'cut'
  | 'restart'
  | 'expire'
  | 'reload'
  | 'rest';
export interface Step {
  readonly act: Act;
  readonly who: number;
  readonly room: number;
  readonly pick: number;
}

const TOKEN_LASTS_S = 600;
const CREATE = `mutation ($id: ID!, $users: [ID!]!) {
  createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: $users}) { id }
}`;
const ALL = `query ($id: ID!) { conversation(id: $id) {
  unreadMessageCount lastSequence
  messages(first: 1000) { nodes { id sequence content senderId deletedAt reactions { emoji count viewerReacted } } }
} }`;
const LIST = '{ viewer { unreadMessageCount inbox { edges { node { unreadMessageCount conversation { id } } } } } }';

class Person {
  readonly id: string;
  readonly storage: Storage = memoryStorage();
  readonly proxy: TcpProxy;
  readonly clients: Clients;
  /** What they sent to each room, in that order. */
  readonly sent = new Map<string, string[]>();
  chat: Realtime;
  service: TestService;
  #stops: (() => void)[] = [];

  constructor(id: string, service: TestService, proxy: TcpProxy) {
    this.id = id;
    this.service = service;
    this.proxy = proxy;
    this.clients = clientsOf(() => this.service);
    this.chat = this.#open();
  }

  /** Looks at all rooms, as a page does that shows them. */
  look(rooms: readonly string[]): void {
    this.#stops = rooms.map((id) => this.chat.conversation(id).messages.subscribe(() => undefined));
  }

  reload(rooms: readonly string[]): void {
    for (const stop of this.#stops) stop();
    this.clients.close();
    this.chat = this.#open();
    this.look(rooms);
  }

  live(): Promise<void> {
    return eventually(() => expect(this.chat.status.value).toBe('live'));
  }

  #open(): Realtime {
    const chat = this.clients.of(this.id, {
      url: `http://127.0.0.1:${this.proxy.port}/graphql`,
      storage: this.storage,
      getToken: () =>
        this.service.token(this.id, { expiresAt: Math.floor(this.service.clock.now() / 1_000) + TOKEN_LASTS_S }),
    });
    chat.connect();
    return chat;
  }
}

export class ClientHistory {
  readonly rooms = [newId(), newId(), newId()];
  readonly #env = onSharedRedis();
  readonly #clock = new TestClock();
  #people: Person[] = [];
  #count = 0;

  async begin(): Promise<void> {
    for (const name of ['alice', 'bob']) {
      const service = await startTestService({ env: this.#env, clock: this.#clock });
      this.#people.push(new Person(`${name}-${newId()}`, service, await startTcpProxy(service.service.port)));
    }
    const [alice, bob] = this.#people;
    for (const id of this.rooms) await alice?.service.query(alice.id, CREATE, { id, users: [bob?.id] });
    for (const person of this.#people) {
      await person.live();
      person.look(this.rooms);
    }
  }

  get messages(): number {
    return this.#count;
  }

  async take({ act, who, room, pick }: Step): Promise<void> {
    const person = this.#people[who];
    const id = this.rooms[room];
    if (!person || !id) return;
    switch (act) {
      case 'send':
        return this.#send(person, id, 1);
      case 'send-many':
        return this.#send(person, id, 10);
      case 'edit':
      case 'delete':
      case 'react':
        return this.#change(person, id, act, pick);
      case 'read':
        return person.chat.conversation(id).markRead();
      case 'cut':
        return person.proxy.redirect(person.service.service.port);
      case 'restart':
        return this.#restart(person);
      case 'expire':
        return this.#clock.advance(TOKEN_LASTS_S * 1_000 + 60_000);
      case 'reload':
        return person.reload(this.rooms);
      case 'rest':
        return person.live();
    }
  }

  /** Waits until both are at rest, and answers what differs from what the service says. */
  async differences(): Promise<string[]> {
    await eventually(async () => {
      for (const { chat } of this.#people) expect([chat.status.value, chat.unsent]).toEqual(['live', 0]);
    });
    let differences: string[] = [];
    await eventually(async () => {
      differences = (await Promise.all(this.#people.map((person) => this.#differencesOf(person)))).flat();
      expect(differences).toEqual([]);
    }).catch(() => undefined);
    return [...differences, ...(await this.#outOfOrder())];
  }

  async end(): Promise<void> {
    for (const { clients, proxy, service } of this.#people) {
      clients.close();
      await proxy.close();
      await service.close();
    }
    this.#people = [];
  }

  async #send(person: Person, id: string, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      this.#count += 1;
      const content = `message ${this.#count}`;
      person.sent.set(id, [...(person.sent.get(id) ?? []), content]);
      await person.chat.conversation(id).send(content);
    }
  }

  /** Through the client; what a cut makes of it is not known, and what is stored decides. */
  async #change(person: Person, id: string, act: 'edit' | 'delete' | 'react', pick: number): Promise<void> {
    const room = person.chat.conversation(id);
    const known = room.messages.value.messages.filter(
      ({ status, senderId }: ShownMessage) => status === 'sent' && (act === 'react' || senderId === person.id),
    );
    const message = known[pick % Math.max(1, known.length)];
    if (message?.status !== 'sent' || message.deletedAt !== null) return;
    const changes = {
      edit: () => room.edit(message.id, `${message.content} (edited)`),
      delete: () => room.delete(message.id),
      react: () => room.react(message.id, pick % 2 ? '👍' : '🎉', pick % 3 > 0),
    };
    await changes[act]().catch(() => undefined);
  }

  async #restart(person: Person): Promise<void> {
    await person.service.close();
    person.service = await startTestService({ env: this.#env, clock: this.#clock });
    person.proxy.redirect(person.service.service.port);
  }

  async #differencesOf({ id: userId, chat, service }: Person): Promise<string[]> {
    const differences: string[] = [];
    const differ = (what: string, is: unknown, should: unknown): void => {
      if (JSON.stringify(is) !== JSON.stringify(should))
        differences.push(`${userId} ${what}: ${JSON.stringify(is)} is ${JSON.stringify(should)}`);
    };
    for (const id of this.rooms) {
      const room = chat.conversation(id);
      while (room.messages.value.hasOlder) await room.loadOlder();
      const { conversation } = (await service.query(userId, ALL, { id })).data;
      differ(id, room.messages.value.messages.map(lookOf), conversation.messages.nodes.map(lookOf));
      differ(`unread of ${id}`, room.entry.value?.unread, conversation.unreadMessageCount);
    }
    const { viewer } = (await service.query(userId, LIST)).data;
    differ(
      'list',
      chat.inbox.entries.map((entry) => entry.conversation.id),
      viewer.inbox.edges.map(({ node }: Data) => node.conversation.id),
    );
    differ('unread', chat.inbox.unread, viewer.unreadMessageCount);
    return differences;
  }

  /** Each message once, those of one person in the order in which they were written. */
  async #outOfOrder(): Promise<string[]> {
    const differences: string[] = [];
    for (const { id: userId, sent, service } of this.#people) {
      for (const [id, contents] of sent) {
        const { nodes } = (await service.query(userId, ALL, { id })).data.conversation.messages;
        const own = nodes.filter(({ senderId }: Data) => senderId === userId);
        const stored = own.map(({ content, deletedAt }: Data, index: number) =>
          deletedAt ? contents[index] : content.replaceAll(' (edited)', ''),
        );
        if (JSON.stringify(stored) !== JSON.stringify(contents))
          differences.push(`${userId} in ${id}: ${stored} is not ${contents}`);
      }
    }
    return differences;
  }
}

const lookOf = ({ id, sequence, content, deletedAt, reactions }: Data) => [id, sequence, content, deletedAt, reactions];
