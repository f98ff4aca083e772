/** A history of one user's inbox over two nodes: acts of the user and of another, faults of networks and of Redis. */
import { eventually, NoLonger } from '../support/eventually.ts';
import { type Data, newId, type TestService } from '../support/service.ts';
import type { MovableClock } from '../support/test-clock.ts';
import { InboxReader } from './reader.ts';
import { placeOf } from './shown.ts';
import {
  type Ask,
  differencesOf,
  type Flags,
  type Joined,
  listDifferencesOf,
  readConversation,
  readList,
  type Truth,
} from './truth.ts';
import type { Way } from './ways.ts';

const ACTS = [
  ['send', 8],
  ['edit', 3],
  ['react', 2],
  ['unreact', 1],
  ['remove-message', 1],
  ['create', 3],
  ['add', 2],
  ['remove', 3],
  ['delete', 1],
  ['hide', 2],
  ['type', 1],
  ['rename', 2],
  ['read', 3],
  ['pin', 1],
  ['archive', 1],
  ['mark-unread', 1],
  ['block', 1],
  ['connect', 5],
  ['leave', 4],
  ['away', 2],
] as const;
export type Act = (typeof ACTS)[number][0] | 'flood' | 'restart' | 'fail-over';
export const WEIGHTS: readonly (readonly [Act, number])[] = ACTS;

export interface Step {
  readonly act: Act;
  readonly at: number;
  /** By the user whose inbox it is, or by the other. */
  readonly isOwn: boolean;
  readonly node: number;
}

export const PLACES = 4;
/** Of the direct conversation between the two. */
export const DIRECT = PLACES - 1;
/** How long one is away, in milliseconds: no time, a moment, a minute, an hour, ten days. */
const AWAY_MS = [1, 300, 61_000, 3_600_000, 10 * 86_400_000] as const;
/** Messages of a flood. */
const FLOOD = 5;
const CREATE = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
/** What a stream waits with until something else comes. */
const DUE_MS = 250;

export interface HistoryWorld {
  /** Each with where the user's client reaches it. */
  readonly nodes: readonly { readonly service: TestService; reach(): string }[];
  readonly clock: MovableClock;
  /** Whether retention drops no message. */
  readonly isAllKept: boolean;
  restartRedis?(): Promise<void>;
  failOver?(): Promise<void>;
}

interface Place {
  readonly id: string;
  isIn: boolean;
  message: { readonly id: string; readonly senderId: string } | null;
}

export class InboxHistory {
  readonly #world: HistoryWorld;
  readonly #viewer = `viewer-${newId()}`;
  readonly #other = `other-${newId()}`;
  readonly #reader: InboxReader;
  readonly #places: (Place | null)[] = Array.from({ length: PLACES }, () => null);
  /** Every conversation there ever was. */
  readonly #ids = new Set<string>();
  readonly #joined = new Map<string, Joined>();
  readonly #flags = new Map<string, Flags>();
  readonly #hidden = new Set<string>();
  #isBlocked = false;
  #count = 0;
  /** The node that acts, and the one the reader is on. */
  #node = 0;
  #at = 0;

  constructor(world: HistoryWorld, way: Way) {
    this.#world = world;
    this.#reader = new InboxReader(way, {
      list: async () => (await readList(this.#asking, this.#viewer)).entries.map(({ conversation }) => conversation.id),
      conversation: (id) => readConversation(this.#asking, this.#viewer, id),
    });
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      for (const step of steps) await this.#take(step);
      await this.#settle();
      // Whoever comes back at rest shows the same.
      this.#reader.leave();
      this.#at += 1;
      await this.#settle();
    } finally {
      this.#reader.leave();
    }
  }

  readonly #answer = async (user: string, query: string, variables: object = {}): Promise<Data> => {
    const { service } = this.#nodeAt(this.#node);
    return service.query(user, query, variables);
  };

  readonly #asking: Ask = async (user, query, variables) => {
    const { data, errors } = await this.#answer(user, query, variables);
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };

  #nodeAt(node: number): HistoryWorld['nodes'][number] {
    const { nodes } = this.#world;
    return nodes[node % nodes.length] as HistoryWorld['nodes'][number];
  }

  async #take({ act, at, isOwn, node }: Step): Promise<void> {
    this.#count += 1;
    this.#node = node;
    if (act === 'connect') return this.#connect(node);
    if (act === 'leave') return this.#leave();
    if (act === 'away') return this.#away(at);
    if (act === 'restart') return this.#outage(this.#world.restartRedis);
    if (act === 'fail-over') return this.#outage(this.#world.failOver);
    if (act === 'block') return this.#block();
    const place = this.#places[at];
    if (act === 'create') return place ? undefined : this.#create(at, isOwn);
    if (!place) return;
    if (at === DIRECT ? ['add', 'remove', 'delete', 'rename'].includes(act) : act === 'hide') return;
    if (['send', 'flood', 'edit', 'react', 'unreact', 'remove-message', 'type', 'read'].includes(act)) {
      return this.#talk(act, place, isOwn, at === DIRECT);
    }
    if (['pin', 'archive', 'mark-unread', 'hide'].includes(act)) return this.#keep(act, place, isOwn);
    return this.#change(act, at, place, isOwn);
  }

  async #connect(node: number): Promise<void> {
    if (this.#reader.isConnected) return;
    this.#at = node;
    const { service, reach } = this.#nodeAt(node);
    this.#reader.connect(reach(), await service.token(this.#viewer));
  }

  async #leave(): Promise<void> {
    // Half of the times it has everything, and so a checkpoint to come back with: steps follow sooner than an inbox opens.
    const isCaughtUp = async (): Promise<void> => {
      await this.#reader.read();
      // An outage may have ended it.
      expect(this.#reader.isLive).toBe(this.#reader.isConnected);
    };
    if (this.#count % 2 === 0) await eventually(isCaughtUp);
    this.#reader.leave();
  }

  async #away(at: number): Promise<void> {
    const ms = AWAY_MS[at] ?? AWAY_MS[0];
    // A token that ends ends the stream, and is no part of this.
    if (ms > 60_000) await this.#leave();
    this.#world.clock.advance(ms);
  }

  async #outage(begin: (() => Promise<void>) | undefined): Promise<void> {
    await begin?.();
    for (const { service } of this.#world.nodes) {
      await eventually(async () => {
        const { status, errors } = await service.query(
          this.#other,
          'mutation { setPresence(status: ONLINE) { userId } }',
        );
        expect([status, errors]).toEqual([200, undefined]);
      });
    }
  }

  async #block(): Promise<void> {
    this.#isBlocked = !this.#isBlocked;
    const name = this.#isBlocked ? 'blockUser' : 'unblockUser';
    await this.#asking(this.#viewer, `mutation { ${name}(userId: "${this.#other}") }`);
    const direct = this.#places[DIRECT];
    const truth = direct && this.#isBlocked ? await this.#truth(direct.id) : null;
    if (truth) this.#reader.shown.block(truth.id, this.#other, truth.lastSequence);
    else this.#reader.shown.unblock();
  }

  async #create(at: number, isOwn: boolean): Promise<void> {
    let id = newId();
    if (at === DIRECT) {
      if (this.#isBlocked) return;
      const answer = await this.#asking(
        this.#other,
        `mutation { openDirectConversation(userId: "${this.#viewer}") { id } }`,
      );
      id = answer.openDirectConversation.id;
    } else {
      const memberIds = isOwn && !this.#isBlocked ? [this.#viewer] : [];
      await this.#asking(this.#other, CREATE, { input: { id, name: 'first', memberIds } });
      if (memberIds.length === 0) return this.#place(at, id, false);
    }
    return this.#place(at, id, true);
  }

  #place(at: number, id: string, isIn: boolean): void {
    this.#places[at] = { id, isIn, message: null };
    this.#ids.add(id);
    this.#joined.set(id, { place: 0, sequence: 0 });
  }

  async #talk(act: Act, place: Place, isOwn: boolean, isDirect: boolean): Promise<void> {
    const user = isOwn ? this.#viewer : this.#other;
    if (isOwn && !place.isIn) return;
    const { id, message } = place;
    if (act === 'flood') for (let n = 1; n < FLOOD; n += 1) await this.#send(place, user, isDirect);
    if (act === 'send' || act === 'flood') return this.#send(place, user, isDirect);
    if (act === 'type') {
      this.#reader.shown.typed(user);
      return void (await this.#try(user, isDirect, `setTyping(conversationId: "${id}", isTyping: true)`));
    }
    if (act === 'read') {
      const { conversation } = await this.#asking(user, `{ conversation(id: "${id}") { lastSequence } }`);
      const read = `markRead(conversationId: "${id}", sequence: ${conversation.lastSequence}) { id }`;
      if ((await this.#try(user, isDirect, read)) && isOwn) this.#flag(id, { isMarkedUnread: false });
      return;
    }
    if (!message) return;
    const fields = {
      edit: `editMessage(id: "${message.id}", content: "${this.#count}") { id }`,
      'remove-message': `deleteMessage(id: "${message.id}") { id }`,
      react: `addReaction(messageId: "${message.id}", emoji: "${isOwn ? '👍' : '🎉'}") { id }`,
      unreact: `removeReaction(messageId: "${message.id}", emoji: "${isOwn ? '👍' : '🎉'}") { id }`,
    };
    const isOfSender = act === 'edit' || act === 'remove-message';
    if (isOfSender && message.senderId !== user) return;
    const isDone = await this.#try(user, isDirect, fields[act as keyof typeof fields]);
    if (act === 'remove-message' || (!isDone && !this.#world.isAllKept)) place.message = null;
  }

  /** Whether it was done: a blocked user changes nothing between the two, and nobody what was dropped. */
  async #try(user: string, isDirect: boolean, field: string): Promise<boolean> {
    const { errors } = await this.#answer(user, `mutation { ${field} }`);
    const code = errors?.[0]?.extensions.code;
    const isRefused = code === 'FORBIDDEN' && isDirect && this.#isBlocked;
    const isDropped = code === 'NOT_FOUND' && !this.#world.isAllKept;
    if (errors && !isRefused && !isDropped) throw new Error(`${field}: ${JSON.stringify(errors)}`);
    return !errors;
  }

  async #send(place: Place, user: string, isDirect: boolean): Promise<void> {
    const { id } = place;
    const isRefused = isDirect && this.#isBlocked && user === this.#other;
    if (!isRefused && this.#hidden.delete(id)) this.#reader.shown.unhide(id);
    const input = { conversationId: id, content: `${this.#count}`, clientMessageId: newId() };
    const query = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    const { data, errors } = await this.#answer(user, query, { input });
    if (isRefused) return expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(errors).toBeUndefined();
    place.message = { id: data.sendMessage.id, senderId: user };
    if (place.isIn) this.#flag(id, { isArchived: false, ...(user === this.#viewer ? { isMarkedUnread: false } : {}) });
  }

  #flag(id: string, change: Partial<Flags>): void {
    const before = this.#flags.get(id) ?? { isPinned: false, isArchived: false, isMarkedUnread: false };
    this.#flags.set(id, { ...before, ...change });
  }

  async #keep(act: Act, { id, isIn }: Place, isOn: boolean): Promise<void> {
    if (!isIn) return;
    const fields: Partial<Record<Act, string>> = {
      pin: `pinConversation(id: "${id}", isPinned: ${isOn}) { isPinned }`,
      archive: `archiveConversation(id: "${id}", isArchived: ${isOn}) { isArchived }`,
      'mark-unread': `markUnread(id: "${id}") { isMarkedUnread }`,
      hide: `deleteConversation(id: "${id}")`,
    };
    await this.#asking(this.#viewer, `mutation { ${fields[act]} }`);
    if (act === 'pin') this.#flag(id, { isPinned: isOn });
    if (act === 'archive') this.#flag(id, { isArchived: isOn });
    if (act === 'mark-unread') this.#flag(id, { isMarkedUnread: true });
    if (act !== 'hide') return;
    this.#hidden.add(id);
    const truth = await this.#truth(id);
    if (truth) this.#reader.shown.hide(id, truth);
  }

  async #change(act: Act, at: number, place: Place, isOwn: boolean): Promise<void> {
    const { id } = place;
    if (act === 'rename')
      await this.#asking(this.#other, `mutation { updateConversation(id: "${id}", name: "${this.#count}") { id } }`);
    if (act === 'delete') {
      await this.#asking(this.#other, `mutation { deleteConversation(id: "${id}") }`);
      this.#places[at] = null;
      this.#flags.delete(id);
    }
    if (act === 'add' && !place.isIn) {
      const field = `addMembers(id: "${id}", userIds: ["${this.#viewer}"]) { id }`;
      const { errors } = await this.#answer(this.#other, `mutation { ${field} }`);
      if (this.#isBlocked) return expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
      expect(errors).toBeUndefined();
      place.isIn = true;
      const truth = await this.#truth(id);
      if (truth) this.#joined.set(id, { place: placeOf(truth.position), sequence: truth.lastSequence });
    }
    if (act === 'remove' && place.isIn) {
      if (isOwn) await this.#asking(this.#viewer, `mutation { leaveConversation(id: "${id}") { id } }`);
      else await this.#asking(this.#other, `mutation { removeMember(id: "${id}", userId: "${this.#viewer}") { id } }`);
      place.isIn = false;
      this.#flags.delete(id);
    }
  }

  #truth(id: string): Promise<Truth | null> {
    return readConversation(this.#asking, this.#viewer, id);
  }

  /** The client is live, and shows what there is; so do queries, on both nodes. */
  async #settle(): Promise<void> {
    await eventually(async () => {
      await this.#connect(this.#at);
      this.#world.clock.advance(DUE_MS);
      await this.#reader.read();
      const { shown } = this.#reader;
      if (shown.breaches.length > 0) throw new NoLonger(shown.breaches.join('\n'));
      const all = await Promise.all([...this.#ids].map((id) => this.#truth(id)));
      const truths = all.filter((truth) => truth !== null);
      const found = differencesOf(shown, truths, this.#joined, this.#hidden, this.#world.isAllKept);
      for (this.#node = 0; this.#node < this.#world.nodes.length; this.#node += 1) {
        const list = await readList(this.#asking, this.#viewer);
        found.push(...listDifferencesOf(this.#viewer, list, truths, this.#joined, this.#flags, this.#hidden));
      }
      expect([this.#reader.isLive, found]).toEqual([true, []]);
    });
  }
}
