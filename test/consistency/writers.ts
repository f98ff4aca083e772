/** Writers of every kind of change, each of which retries until the outcome is known. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { pick } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import { DEVICE, GUEST, OWNER, READER } from './users.ts';

const PACE_MS = 30;
/** Of what has a key, so much is sent twice, as clients do that lost an answer. */
const SENT_AGAIN = 0.1;
const SEND =
  'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id sequence position conversationId } }';
const SEND_DIRECT = `mutation ($content: String!, $key: ID) {
  sendDirectMessage(userId: "${READER}", content: $content, clientMessageId: $key) { id sequence position conversationId }
}`;

/** A message that was acknowledged. */
export interface Sent {
  readonly id: string;
  readonly conversationId: string;
  readonly sequence: number;
  readonly position: string;
  /** Its content, and its key where it has one. */
  readonly key: string;
  readonly askedAt: number;
  readonly acknowledgedAt: number;
}

export class Writers {
  readonly sent: Sent[] = [];
  readonly rooms: readonly string[] = [randomUUID(), randomUUID(), randomUUID()];
  direct = '';
  /** The position at which each conversation began. */
  readonly begun = new Map<string, string>();
  readonly #again: { readonly sent: Sent; readonly again: Data; readonly at: number }[] = [];
  readonly #trial: Trial;
  #count = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  get conversations(): readonly string[] {
    return [...this.rooms, this.direct];
  }

  async begin(): Promise<void> {
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id position } }';
    for (const id of this.rooms) {
      const input = { id, kind: 'ROOM', memberIds: [READER, GUEST, DEVICE] };
      const data = await this.#trial.ask(OWNER, create, { input });
      this.begun.set(id, data.createConversation.position);
    }
    // Both at once: there is one of two users.
    const open = (userId: string, peer: string): Promise<Data> =>
      this.#trial.ask(userId, `mutation { openDirectConversation(userId: "${peer}") { id position } }`);
    const opened = await Promise.all([open(OWNER, READER), open(READER, OWNER)]);
    const [{ id, position }, other] = opened.map(({ openDirectConversation }) => openDirectConversation);
    if (id !== other.id) this.#trial.breaches.push('two users have two DIRECT conversations');
    this.direct = id;
    this.begun.set(id, position);
  }

  /** Sends under a key of its own until it is acknowledged. */
  async send(conversationId: string): Promise<Sent | null> {
    const key = randomUUID();
    const askedAt = performance.now();
    const isDirect = conversationId === this.direct && this.#trial.random() < 0.7;
    const ask = async (): Promise<Data> => {
      const data = isDirect
        ? await this.#trial.ask(OWNER, SEND_DIRECT, { content: key, key })
        : await this.#trial.ask(OWNER, SEND, { input: { conversationId, content: key, clientMessageId: key } });
      return data && (data.sendMessage ?? data.sendDirectMessage);
    };
    const message = await ask();
    if (!message) return null;
    const sent = this.#note(message, key, askedAt);
    if (this.#trial.random() < SENT_AGAIN) this.#again.push({ sent, again: await ask(), at: performance.now() });
    return sent;
  }

  /** What is sent again under its key is the message that it was. */
  judge(): string[] {
    return this.#again
      .filter(({ sent, again, at }) => again?.id !== sent.id && !this.#trial.mayBeLost(sent.askedAt, at))
      .map(({ sent }) => `${sent.sequence} was sent again, and is another message`);
  }

  /** Sends once, without a key: where the answer is lost nobody knows whether it is stored. */
  async #sendOnce(conversationId: string): Promise<void> {
    const content = randomUUID();
    const askedAt = performance.now();
    const { data } = await this.#trial.once(OWNER, SEND, { input: { conversationId, content } });
    if (data) this.#note(data.sendMessage, content, askedAt);
  }

  #note(message: Data, key: string, askedAt: number): Sent {
    const sent = { ...message, key, askedAt, acknowledgedAt: performance.now() } as Sent;
    this.sent.push(sent);
    return sent;
  }

  /** Goes on until the trial is over. */
  async run(): Promise<void> {
    while (!this.#trial.isOver) {
      await this.#step();
      await wait(PACE_MS * (0.5 + this.#trial.random()));
    }
  }

  /** One last change of each state: nothing later tells of it. */
  async last(): Promise<void> {
    // The last room is only sent to: that it went on follows from nothing else.
    const changes = this.rooms
      .slice(0, -1)
      .map((id) => this.#trial.ask(OWNER, `mutation { updateConversation(id: "${id}", name: "last") { id } }`));
    // By one who is connected: what others say of themselves is over by itself soon.
    const presence = 'mutation { setPresence(status: AWAY, statusText: "last") { status } }';
    // By one who sends nothing, which would end it.
    const typing = this.rooms.map((id) =>
      this.#trial.ask(GUEST, `mutation { setTyping(conversationId: "${id}", isTyping: true) }`),
    );
    const messages = this.conversations.map((id) => this.send(id));
    await Promise.all([...changes, ...typing, ...messages, this.#trial.ask(READER, presence)]);
  }

  async #step(): Promise<void> {
    const { random } = this.#trial;
    const id = pick(random, this.conversations);
    const chance = random();
    if (chance < 0.5) return void (await this.send(id));
    if (chance < 0.6) return this.#sendOnce(id);
    this.#count += 1;
    const n = this.#count;
    if (chance < 0.72) return this.#change(id, n);
    const room = pick(random, this.rooms);
    const sequence = this.sent.findLast(({ conversationId }) => conversationId === id)?.sequence ?? 0;
    const role = pick(random, ['MODERATOR', 'MEMBER']);
    const [user, mutation] = pick(random, [
      [OWNER, `mutation { updateConversation(id: "${room}", name: "name ${n}") { id } }`],
      [READER, `mutation { markRead(conversationId: "${id}", sequence: ${sequence}) { id } }`],
      [OWNER, `mutation { setPresence(status: BUSY, statusText: "status ${n}") { status } }`],
      [OWNER, `mutation { setTyping(conversationId: "${id}", isTyping: ${n % 2 === 0}) }`],
      [OWNER, `mutation { setMemberRole(id: "${room}", userId: "${READER}", role: ${role}) { id } }`],
    ] as const);
    // What a failover lost can be past the head of what is left.
    await this.#trial.ask(user, mutation, {}, this.#trial.world.lossy ? ['BAD_USER_INPUT'] : []);
  }

  async #change(conversationId: string, n: number): Promise<void> {
    const message = this.sent.findLast((each) => each.conversationId === conversationId);
    if (!message) return;
    const mutation = pick(this.#trial.random, [
      `mutation { editMessage(id: "${message.id}", content: "edit ${n}") { id } }`,
      `mutation { addReaction(messageId: "${message.id}", emoji: "👍") { id } }`,
      `mutation { removeReaction(messageId: "${message.id}", emoji: "👍") { id } }`,
      `mutation { deleteMessage(id: "${message.id}") { id } }`,
    ]);
    // It may have been deleted meanwhile, or lost.
    await this.#trial.ask(OWNER, mutation, {}, ['NOT_FOUND', 'CONFLICT', 'BAD_USER_INPUT']);
  }
}
