/** Writers of every kind of change, each of which tries again until it knows what became of it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { pick } from '../faults/random.ts';
import type { Trial } from './client.ts';

export const OWNER = 'owner';
export const READER = 'reader';
const TOPIC = 'news';
const PACE_MS = 30;

/** A message that was acknowledged. */
export interface Sent {
  readonly id: string;
  readonly conversationId: string;
  readonly sequence: number;
  readonly key: string;
}

export class Writers {
  readonly sent: Sent[] = [];
  readonly conversations: readonly string[] = [randomUUID(), randomUUID(), randomUUID()];
  readonly topic = TOPIC;
  /** The position at which each conversation began. */
  readonly begun = new Map<string, string>();
  readonly #trial: Trial;
  #count = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  async begin(): Promise<void> {
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id position } }';
    for (const id of this.conversations) {
      const data = await this.#trial.ask(OWNER, create, { input: { id, kind: 'ROOM', memberIds: [READER] } });
      this.begun.set(id, data.createConversation.position);
    }
  }

  /** Sends under a key of its own until it is acknowledged. */
  async send(conversationId: string): Promise<Sent | null> {
    const key = randomUUID();
    const mutation = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id sequence } }`;
    const input = { conversationId, content: key, clientMessageId: key };
    const data = await this.#trial.ask(OWNER, mutation, { input });
    if (!data) return null;
    const sent = { ...data.sendMessage, conversationId, key } as Sent;
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
    const changes = this.conversations.map((id) =>
      this.#trial.ask(OWNER, `mutation { updateConversation(id: "${id}", name: "last") { id } }`),
    );
    const presence = 'mutation { setPresence(status: AWAY, statusText: "last") { status } }';
    await Promise.all([...changes, this.#trial.ask(OWNER, presence)]);
  }

  async #step(): Promise<void> {
    const { random } = this.#trial;
    const id = pick(random, this.conversations);
    const chance = random();
    if (chance < 0.6) return void (await this.send(id));
    this.#count += 1;
    const n = this.#count;
    if (chance < 0.7) return this.#change(id, n);
    const sequence = this.sent.findLast(({ conversationId }) => conversationId === id)?.sequence ?? 0;
    const [user, mutation] = pick(random, [
      [OWNER, `mutation { updateConversation(id: "${id}", name: "name ${n}") { id } }`],
      [READER, `mutation { markRead(conversationId: "${id}", sequence: ${sequence}) { id } }`],
      [OWNER, `mutation { setPresence(status: BUSY, statusText: "status ${n}") { status } }`],
      [OWNER, `mutation { setTyping(conversationId: "${id}", isTyping: ${n % 2 === 0}) }`],
      [OWNER, `mutation { publish(topic: "${TOPIC}", payload: ${n}) { id } }`],
    ] as const);
    await this.#trial.ask(user, mutation);
  }

  async #change(conversationId: string, n: number): Promise<void> {
    const message = this.sent.findLast((each) => each.conversationId === conversationId);
    if (!message) return;
    const mutation = pick(this.#trial.random, [
      `mutation { editMessage(id: "${message.id}", content: "edit ${n}") { id } }`,
      `mutation { addReaction(messageId: "${message.id}", emoji: "👍") { id } }`,
      `mutation { removeReaction(messageId: "${message.id}", emoji: "👍") { id } }`,
    ]);
    await this.#trial.ask(OWNER, mutation);
  }
}
