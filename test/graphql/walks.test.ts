/** Walks over pages whose contents change meanwhile, on both engines, compared with a model. */
import fc from '../support/fast-check.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const RETENTION = 10;
const USERS = ['u1', 'u2', 'u3', 'u4', 'u5'];

type Change =
  | { readonly do: 'send'; readonly count: number; readonly where: number }
  | { readonly do: 'delete'; readonly which: number }
  | { readonly do: 'add' | 'remove' | 'read'; readonly who: string };
type Step = Change | { readonly do: 'page' };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 7 }), where: fc.nat(3) }),
  fc.record({ do: fc.constant('delete' as const), which: fc.nat(RETENTION - 1) }),
  fc.record({
    do: fc.constantFrom('add' as const, 'remove' as const, 'read' as const),
    who: fc.constantFrom(...USERS),
  }),
);
const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(change, fc.constant<Step>({ do: 'page' })), {
  minLength: 6,
  maxLength: 14,
});

/** What the conversation and the list of `owner` hold. */
class Model {
  sent = 0;
  readonly members = ['owner'];
  /** Who has read since they joined. */
  readonly readers = new Set<string>();
  /** Ids of conversations, the latest activity last. */
  order: string[] = [];

  get kept(): string[] {
    const count = Math.min(this.sent, RETENTION);
    return Array.from({ length: count }, (_, index) => String(this.sent - count + 1 + index));
  }
}

/** One walk over one list, page by page. */
interface Walk {
  readonly path: (page: string) => string;
  readonly direction: 'first' | 'last';
  readonly key: (node: Data) => string;
  readonly all: (model: Model) => string[];
}

const inside = (field: string) => (page: string) => `conversation(id: $id) { list: ${field}${page} }`;
const WALKS: Record<string, Walk> = {
  'messages, forwards': {
    path: inside('messages'),
    direction: 'first',
    key: ({ sequence }) => String(sequence),
    all: ({ kept }) => kept,
  },
  'messages, backwards': {
    path: inside('messages'),
    direction: 'last',
    key: ({ sequence }) => String(sequence),
    all: ({ kept }) => kept,
  },
  members: {
    path: inside('members'),
    direction: 'first',
    key: ({ user }) => user.id,
    all: ({ members }) => [...members],
  },
  receipts: {
    path: inside('readReceipts'),
    direction: 'first',
    key: ({ user }) => user.id,
    all: ({ members, readers }) => members.filter((who) => readers.has(who)),
  },
};
const NODE: Record<string, string> = { messages: 'sequence', members: 'user { id }', readReceipts: 'user { id }' };

/** A walk on its way: each page must be what the model says, and none may lead nowhere. */
class Progress {
  readonly #walk: Walk;
  readonly #size: number;
  #cursor: string | null = null;
  /** The key at which the next page begins to count. */
  #last: string | null = null;
  readonly seen: string[] = [];
  isOver = false;

  constructor(walk: Walk, size: number) {
    this.#walk = walk;
    this.#size = size;
  }

  get field(): string {
    const { path, direction } = this.#walk;
    const cursor = this.#cursor === null ? '' : `, ${direction === 'first' ? 'after' : 'before'}: "${this.#cursor}"`;
    const name = /list: (\w+)/.exec(path(''))?.[1] ?? '';
    const nodes = `edges { cursor node { ${NODE[name]} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
    return path(`(${direction}: ${this.#size}${cursor}) { ${nodes} }`);
  }

  take({ list: { edges, pageInfo } }: Data, model: Model, before: readonly string[]): void {
    const { direction, key, all } = this.#walk;
    const now = all(model);
    const left = direction === 'first' ? this.#ahead(now, before) : this.#behind(now, before);
    const expected = direction === 'first' ? left.slice(0, this.#size) : left.slice(-this.#size);
    const keys: string[] = edges.map(({ node }: Data) => key(node));
    expect(keys).toEqual(expected);
    expect(direction === 'first' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage).toBe(left.length > expected.length);
    expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([
      edges[0]?.cursor ?? null,
      edges.at(-1)?.cursor ?? null,
    ]);
    this.seen.push(...keys);
    this.#cursor = (direction === 'first' ? pageInfo.endCursor : pageInfo.startCursor) ?? this.#cursor;
    this.#last = (direction === 'first' ? keys.at(-1) : keys[0]) ?? this.#last;
    this.isOver = left.length === expected.length;
  }

  /** What lies past the cursor: the order of everything there ever was says where that is. */
  #ahead(now: readonly string[], everything: readonly string[]): string[] {
    const at = this.#last === null ? -1 : everything.lastIndexOf(this.#last);
    return now.filter((key) => everything.lastIndexOf(key) > at);
  }

  #behind(now: readonly string[], everything: readonly string[]): string[] {
    const at = this.#last === null ? Number.POSITIVE_INFINITY : everything.lastIndexOf(this.#last);
    return now.filter((key) => everything.lastIndexOf(key) < at);
  }
}

describe.each(LONG_SETTINGS)('walks over pages: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { MESSAGE_RETENTION: String(RETENTION) });
  });
  afterAll(() => nodes.close());

  const ask = async (user: string, query: string, variables?: object): Promise<Data> => {
    const { data, errors } = await nodes.here.query(user, query, variables);
    expect(errors).toBeUndefined();
    return data;
  };
  const send = (id: string, count: number): Promise<Data> => {
    const one = `sendMessage(input: {conversationId: "${id}", content: "x"}) { id }`;
    return ask('owner', `mutation { ${Array.from({ length: count }, (_, n) => `m${n}: ${one}`).join(' ')} }`);
  };

  it('show every item once, and end', async () => {
    const property = fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (history, size) => {
      const id = newId();
      const model = new Model();
      /** Everything there ever was, in the order of each list: who comes back is at its end. */
      const order: Record<string, string[]> = { messages: [], members: ['owner'] };
      await ask('owner', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
      const begin = () =>
        Object.entries(WALKS).map(([name, walk]) => ({ name, walk, progress: new Progress(walk, size) }));
      let walks = begin();

      const apply = async (step: Change): Promise<void> => {
        if (step.do === 'send') {
          await send(id, step.count);
          for (let n = 0; n < step.count; n += 1) order['messages']?.push(String(++model.sent));
          model.readers.add('owner');
        } else if (step.do === 'delete') {
          const { conversation } = await ask(
            'owner',
            `{ conversation(id: "${id}") { messages(last: 10) { nodes { id } } } }`,
          );
          const message = conversation.messages.nodes[step.which];
          if (message) await ask('owner', `mutation { deleteMessage(id: "${message.id}") { id } }`);
        } else if (step.do === 'add' && !model.members.includes(step.who)) {
          await ask('owner', `mutation { addMembers(id: "${id}", userIds: ["${step.who}"]) { id } }`);
          model.members.push(step.who);
          order['members']?.push(step.who);
        } else if (step.do === 'remove' && model.members.includes(step.who)) {
          await ask('owner', `mutation { removeMember(id: "${id}", userId: "${step.who}") { id } }`);
          model.members.splice(model.members.indexOf(step.who), 1);
          model.readers.delete(step.who);
        } else if (step.do === 'read' && model.members.includes(step.who)) {
          await ask(step.who, `mutation { markRead(conversationId: "${id}", sequence: ${model.sent}) { id } }`);
          if (model.sent > 0) model.readers.add(step.who);
        }
      };
      const page = async (): Promise<void> => {
        const open = walks.filter(({ progress }) => !progress.isOver);
        const fields = open.map(({ progress }, index) => `w${index}: ${progress.field}`);
        if (fields.length === 0) return;
        const data = await ask('owner', `query ($id: ID!) { ${fields.join(' ')} }`, { id });
        for (const [index, { name, progress }] of open.entries()) {
          progress.take(data[`w${index}`], model, order[name.startsWith('messages') ? 'messages' : 'members'] ?? []);
        }
      };

      for (const step of history) await (step.do === 'page' ? page() : apply(step));
      // Nothing more happens: each walk ends after as many pages as there are, and a walk from the start shows everything.
      for (let n = 0; n < RETENTION + USERS.length + 2; n += 1) await page();
      for (const { progress } of walks) expect(progress.isOver).toBe(true);
      for (const { progress } of walks) expect(new Set(progress.seen).size).toBe(progress.seen.length);
      walks = begin();
      for (let n = 0; n < RETENTION + USERS.length + 2; n += 1) await page();
      for (const { walk, progress } of walks) expect(progress.seen.toSorted()).toEqual(walk.all(model).toSorted());
    });
    await fc.assert(property, { numRuns: 5 });
  });

  it('a page between two crossed cursors is empty and has no next page', async () => {
    const id = newId();
    await ask('owner', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
    await send(id, 9);
    const { conversation } = await ask(
      'owner',
      `{ conversation(id: "${id}") { messages(first: 9) { edges { cursor } } } }`,
    );
    const [low, high] = [conversation.messages.edges[2].cursor, conversation.messages.edges[6].cursor];
    for (const [size, direction] of [
      ['first', 'hasNextPage'],
      ['last', 'hasPreviousPage'],
    ] as const) {
      const query = `{ conversation(id: "${id}") {
        none: messages(${size}: 5, after: "${high}", before: "${low}") { nodes { id } pageInfo { ${direction} } }
        some: messages(${size}: 5, after: "${low}", before: "${high}") { nodes { sequence } pageInfo { ${direction} } } } }`;
      const { none, some } = (await ask('owner', query)).conversation;
      expect(none).toEqual({ nodes: [], pageInfo: { [direction]: false } });
      expect(some.nodes.map(({ sequence }: Data) => sequence)).toEqual([4, 5, 6]);
      expect(some.pageInfo).toEqual({ [direction]: false });
    }
  });

  it('conversations of a user that did not move are neither repeated nor skipped', async () => {
    const user = newId();
    const ids = Array.from({ length: 7 }, () => newId());
    const one = async (who: string, query: string) => {
      const { data, errors } = await nodes.here.query(who, query);
      expect(errors).toBeUndefined();
      return data;
    };
    for (const id of ids) {
      await one(user, `mutation { createConversation(input: {id: "${id}"}) { id } }`);
      nodes.clock.advance(5);
    }
    const latestFirst = ids.toReversed();
    const page = async (after: string | null, first: number) =>
      (await one(user, `{ viewer { conversations(first: ${first}, after: ${JSON.stringify(after)}) { id cursor } } }`))
        .viewer.conversations as { id: string; cursor: string }[];
    const [, second] = await page(null, 2);
    // The one at the cursor moves to the top, and so does one that is ahead; another that was seen is left.
    const say = (id: string) =>
      one(user, `mutation { sendMessage(input: {conversationId: "${id}", content: "x"}) { id } }`);
    await say(second?.id ?? '');
    await say(latestFirst[4] ?? '');
    await one(user, `mutation { leaveConversation(id: "${latestFirst[0]}") { id } }`);
    const rest = [...(await page(second?.cursor ?? null, 2))];
    rest.push(...(await page(rest.at(-1)?.cursor ?? null, 50)));
    expect(rest.map(({ id }) => id)).toEqual([2, 3, 5, 6].map((index) => latestFirst[index]));
    expect(await page(rest.at(-1)?.cursor ?? null, 50)).toEqual([]);
    // By an id, a page begins where that conversation is now.
    expect((await page(latestFirst[2] ?? null, 2)).map(({ id }) => id)).toEqual([latestFirst[3], latestFirst[5]]);
    for (const bad of ['~', '~x', 'unknown', ''])
      expect((await nodes.here.query(user, `{ viewer { conversations(after: "${bad}") { id } } }`)).code).toBe(
        'BAD_USER_INPUT',
      );
  });
});
