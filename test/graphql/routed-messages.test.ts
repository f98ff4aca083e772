/** Routing rules on messages of every kind, on edits, on failures, and on repeated messages. */
import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { Tenant } from '../support/tenant.ts';

const MESSAGES = { on: ['DIRECT', 'GROUP', 'ROOM'] };
const REDACT = { transform: { content: '"[redacted]"', payload: 'null' } };
const refused = (reason: string): object => ({ errors: [{ extensions: { code: 'FORBIDDEN', reason } }] });

describe.each(LONG_SETTINGS)('routed messages, %s', (setting) => {
  let nodes: Nodes;
  let tenant: Tenant;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  beforeEach(() => {
    tenant = new Tenant(nodes);
  });
  afterAll(() => nodes.close());

  const conversations = async (): Promise<Record<string, string>> => ({
    DIRECT: await tenant.direct('alice', 'bob'),
    GROUP: await tenant.group('GROUP', 'alice', 'bob'),
    ROOM: await tenant.group('ROOM', 'alice', 'bob'),
  });

  it('rules apply to every kind of conversation, and only to those they name', async () => {
    const places = await conversations();
    await tenant.save({ match: { on: ['GROUP'] }, action: { drop: true } });
    for (const [kind, id] of Object.entries(places)) {
      const answer = await tenant.send('alice', id, { content: 'x' });
      if (kind === 'GROUP') expect(answer).toMatchObject({ data: { sendMessage: null }, ...refused('DROPPED') });
      else expect(answer.data.sendMessage).toMatchObject({ content: 'x', sequence: 1 });
    }
    const stranger = await tenant.send('eve', places['GROUP'] ?? '', { content: 'x' });
    expect(stranger.code).toBe('NOT_FOUND');
  });

  it('redacted text is in no message, and in no edit of one', async () => {
    const secret = 'the secret is 4711';
    const places = await conversations();
    const before = (await tenant.send('alice', places['DIRECT'] ?? '', { content: 'harmless' })).data.sendMessage;
    await tenant.save({ match: { ...MESSAGES, where: '$contains(content, "4711")' }, action: REDACT });
    for (const [kind, id] of Object.entries(places)) {
      const sent = await tenant.send('alice', id, { content: secret, payload: { secret } });
      expect(sent.data.sendMessage).toMatchObject({ content: '[redacted]', payload: null });
      const edited = await tenant.edit('alice', sent.data.sendMessage.id, { content: `again: ${secret}` });
      expect(edited.data.editMessage).toMatchObject({ content: '[redacted]', payload: null });
      const read = await tenant.said('bob', id);
      expect(read).toEqual([...(kind === 'DIRECT' ? [['harmless', null]] : []), ['[redacted]', null]]);
    }
    const late = await tenant.edit('alice', before.id, { content: secret, payload: { secret } });
    expect(late.data.editMessage).toMatchObject({ content: '[redacted]', payload: null });
  });

  it('a transform of the payload leaves the text, and one of the text leaves the payload', async () => {
    const { DIRECT: id = '' } = await conversations();
    await tenant.save({ match: { on: ['DIRECT'], where: 'content = "a"' }, action: { transform: '{"was": payload}' } });
    await tenant.save({
      match: { on: ['DIRECT'], where: 'content = "b"' },
      action: { transform: { content: '$uppercase(content)' } },
    });
    await tenant.send('alice', id, { content: 'a', payload: 1 });
    await tenant.send('alice', id, { content: 'b', payload: 2 });
    expect(await tenant.said('bob', id)).toEqual([
      ['a', { was: 1 }],
      ['B', 2],
    ]);
  });

  it('a dropped or forwarded edit leaves the message unchanged; a copied edit is also copied', async () => {
    const { GROUP: id = '' } = await conversations();
    const { data } = await tenant.send('alice', id, { content: 'first' });
    const message = data.sendMessage.id;
    await tenant.save({ priority: 3, match: { ...MESSAGES, where: 'content = "drop"' }, action: { drop: true } });
    await tenant.save({
      priority: 2,
      match: { ...MESSAGES, where: 'content = "move"' },
      action: { forward: { topics: ['moved'] } },
    });
    await tenant.save({ priority: 1, match: MESSAGES, action: { copy: { topics: ['audit'] } } });
    expect(await tenant.edit('alice', message, { content: 'drop' })).toMatchObject({
      data: { editMessage: null },
      ...refused('DROPPED'),
    });
    expect(await tenant.edit('alice', message, { content: 'move' })).toMatchObject({
      data: { editMessage: null },
      ...refused('ROUTED'),
    });
    expect(await tenant.said('bob', id)).toEqual([['first', null]]);
    await tenant.edit('alice', message, { content: 'second' });
    expect(await tenant.said('bob', id)).toEqual([['second', null]]);
    expect([await tenant.history('moved'), await tenant.history('audit')]).toEqual([['move'], ['second']]);
    await tenant.as('alice', `mutation { deleteMessage(id: "${message}") { id } }`);
    expect((await tenant.edit('alice', message, { content: 'third' })).code).toBe('CONFLICT');
    expect(await tenant.history('audit')).toEqual(['second']);
  });

  it('a repeated clientMessageId is not forwarded or copied again, to users or topics', async () => {
    const { ROOM: id = '' } = await conversations();
    const match = { on: ['ROOM'] };
    await tenant.save({ id: 'b', priority: 2, match, action: { copy: { topics: ['copied'] } } });
    await tenant.save({
      id: 'c',
      priority: 1,
      match: { ...match, where: 'payload = 1' },
      action: { forward: { users: ['carol', 'dan'] } },
    });
    await tenant.save({
      id: 'd',
      match: { ...match, where: 'payload = 2' },
      action: { forward: { topics: ['forwarded'] } },
    });
    const sendTwice = async (payload: number): Promise<unknown[]> => {
      const message = { content: 'x', payload, clientMessageId: `key-${payload}` };
      const answers = [await tenant.send('alice', id, message), await tenant.send('alice', id, message)];
      return answers.map(({ data, errors }) => data.sendMessage ?? errors?.[0]?.extensions);
    };
    const [first, again] = await sendTwice(1);
    expect(first).toMatchObject({ content: 'x', payload: 1, clientMessageId: 'key-1' });
    expect(again).toEqual(first);
    const routed = { code: 'FORBIDDEN', reason: 'ROUTED' };
    expect(await sendTwice(2)).toEqual([routed, routed]);
    for (const user of ['carol', 'dan']) {
      expect(await tenant.said(user, await tenant.direct(user, 'alice'))).toEqual([['x', 1]]);
    }
    expect(await tenant.history('forwarded')).toEqual([2]);
    expect(await tenant.history('copied')).toEqual([1, 2]);
    expect(await tenant.said('bob', id)).toEqual([]);
    // Another message under another key is another.
    await tenant.send('alice', id, { content: 'x', payload: 2, clientMessageId: 'key-3' });
    expect(await tenant.history('forwarded')).toEqual([2, 2]);
  });

  it('a repeated message gets its first answer and no delivery, after any change of the rules', async () => {
    const { ROOM: id = '', DIRECT: direct = '' } = await conversations();
    const answer = async (content: string): Promise<unknown> => {
      const { data, errors } = await tenant.send('alice', id, { content, clientMessageId: `key-${content}` });
      return data.sendMessage ?? errors?.[0]?.extensions;
    };
    const rule = (where: string, action: object): object => ({
      id: where,
      match: { on: ['ROOM'], where: `content = "${where}"` },
      action,
    });
    const contents = ['stored', 'dropped', 'carol', 'topic'];
    await tenant.save(rule('dropped', { drop: true }));
    await tenant.save(rule('carol', { forward: { users: ['carol'] } }));
    await tenant.save(rule('topic', { forward: { topics: ['topic'] } }));
    const first = await Promise.all(contents.map(answer));
    expect(first).toMatchObject([{ sequence: 1 }, { reason: 'DROPPED' }, { sequence: 1 }, { reason: 'ROUTED' }]);
    const [stored] = first as { id: string }[];
    // Of all rules nothing is left that was, and each now does something else.
    for (const content of contents.slice(1)) await tenant.delete(content);
    await tenant.save(rule('stored', { drop: true }));
    await tenant.save({ priority: 1, match: { on: ['ROOM'] }, action: { copy: { topics: ['audit'] } } });
    expect(await Promise.all(contents.map(answer))).toEqual(first);
    expect(await tenant.history('audit')).toEqual([]);
    expect(await tenant.history('topic')).toEqual(['topic']);
    expect(await tenant.said('bob', id)).toEqual([['stored', null]]);
    // Of another content nothing is routed either; the answer is not that of the rule.
    for (const content of contents) {
      const other = await tenant.send('alice', id, { content: 'other', clientMessageId: `key-${content}` });
      expect(other).toMatchObject({ data: { sendMessage: null }, code: 'CONFLICT' });
    }
    // Sent again as a reply to what is gone, or somewhere else: the first is answered, the second is another message.
    await tenant.as('alice', `mutation { deleteMessage(id: "${stored?.id}") { id } }`);
    expect(await answer('stored')).toMatchObject({ id: stored?.id, content: '' });
    const elsewhere = { content: 'stored', clientMessageId: 'key-stored' };
    expect((await tenant.send('alice', direct, elsewhere)).data.sendMessage).toMatchObject({ content: 'stored' });
  });

  it('a dropped direct message opens no conversation, and its repetition gets the same answer', async () => {
    await tenant.save({ id: 'one', match: { on: ['DIRECT'], where: 'content = "spam"' }, action: { drop: true } });
    const spam = (content: string) => tenant.sendDirect('alice', 'dave', { content, clientMessageId: 'one' });
    const list = '{ viewer { conversations(first: 10) { id createdBy { id } } } }';
    expect([await spam('spam'), await spam('spam')]).toMatchObject([refused('DROPPED'), refused('DROPPED')]);
    expect((await spam('other')).code).toBe('CONFLICT');
    for (const user of ['alice', 'dave']) expect((await tenant.as(user, list)).data.viewer.conversations).toEqual([]);
    const sent = await tenant.sendDirect('alice', 'dave', { content: 'hello', clientMessageId: 'two' });
    expect(sent.data.sendDirectMessage).toMatchObject({ content: 'hello', sequence: 1, clientMessageId: 'two' });
    expect((await tenant.as('dave', list)).data.viewer.conversations).toMatchObject([{ createdBy: { id: 'alice' } }]);
    // What a rule forwards to a user and drops there opens nothing either.
    await tenant.save({ id: 'two', match: { on: ['GROUP'] }, action: { forward: { users: ['eve'] } } });
    const group = await tenant.group('GROUP', 'alice', 'bob');
    expect(await tenant.send('alice', group, { content: 'spam' })).toMatchObject(refused('ROUTED'));
    expect((await tenant.as('eve', list)).data.viewer.conversations).toEqual([]);
  });

  it('copies and forwards by several rules, or by one repeatedly, reach each target once', async () => {
    const { GROUP: id = '', DIRECT: direct = '' } = await conversations();
    await tenant.save({ id: 'a', priority: 2, match: MESSAGES, action: { copy: { users: ['carol', 'bob'] } } });
    await tenant.save({ id: 'b', priority: 1, match: MESSAGES, action: { copy: { users: ['carol'] } } });
    await tenant.save({
      id: 'c',
      match: { on: ['TOPIC'], topic: 'news' },
      action: { copy: { topics: ['news', 'old'] } },
    });
    await tenant.send('alice', id, { content: 'x', clientMessageId: 'one' });
    expect(await tenant.said('carol', await tenant.direct('carol', 'alice'))).toEqual([['x', null]]);
    expect(await tenant.said('bob', direct)).toEqual([['x', null]]);
    await tenant.send('alice', direct, { content: 'y' });
    expect(await tenant.said('carol', await tenant.direct('carol', 'alice'))).toEqual([
      ['x', null],
      ['y', null],
    ]);
    expect(await tenant.said('bob', direct)).toEqual([
      ['x', null],
      ['y', null],
    ]);
    await tenant.publish('alice', 'news', 1);
    expect([await tenant.history('news'), await tenant.history('old')]).toEqual([[1], [1]]);
  });

  it('copies made by a rule are kept when a later rule drops or forwards the message', async () => {
    const { GROUP: id = '' } = await conversations();
    await tenant.save({
      priority: 2,
      match: { on: ['GROUP', 'TOPIC'], topic: 'x.#' },
      action: { copy: { topics: ['audit'] } },
    });
    await tenant.save({ priority: 2, match: MESSAGES, action: { copy: { topics: ['audit'] } } });
    await tenant.save({ priority: 1, match: { ...MESSAGES, where: 'payload = "drop"' }, action: { drop: true } });
    await tenant.save({ match: MESSAGES, action: { forward: { users: ['carol'] } } });
    await tenant.save({ match: { on: ['TOPIC'], topic: 'x.#' }, action: { drop: true } });
    expect(await tenant.send('alice', id, { payload: 'drop' })).toMatchObject(refused('DROPPED'));
    await tenant.send('alice', id, { payload: 'forward' });
    expect(await tenant.publish('alice', 'x.1', 'published')).toMatchObject(refused('DROPPED'));
    expect(await tenant.history('audit')).toEqual(expect.arrayContaining(['drop', 'forward', 'published']));
  });

  it('a failing rule lets the message pass, or refuses it with onFault REFUSE; nothing goes elsewhere', async () => {
    const { GROUP: id = '' } = await conversations();
    const fails = { match: { on: ['TOPIC', 'GROUP'], where: '$error("no")' }, action: { drop: true } };
    await tenant.save({ priority: 2, match: { on: ['GROUP'] }, action: { copy: { topics: ['audit'] } } });
    expect(await tenant.save({ id: 'fails', ...fails })).toEqual({ id: 'fails', onFault: 'PASS' });
    expect((await tenant.send('alice', id, { content: 'passed' })).data.sendMessage).toMatchObject({ sequence: 1 });
    await tenant.save({ id: 'fails', ...fails, onFault: 'REFUSE' });
    expect(await tenant.send('alice', id, { content: 'not' })).toMatchObject({
      data: { sendMessage: null },
      ...refused('RULE_FAILED'),
    });
    expect(await tenant.publish('alice', 'news', 1)).toMatchObject({
      data: { publish: null },
      ...refused('RULE_FAILED'),
    });
    expect(await tenant.said('bob', id)).toEqual([['passed', null]]);
    expect([await tenant.history('news'), await tenant.history('audit')]).toEqual([[], ['passed']]);
  });

  it('a transform with an empty or invalid result is a fault of the rule', async () => {
    const { GROUP: id = '' } = await conversations();
    const refuse = async (transform: object): Promise<void> => {
      await tenant.save({ id: 'one', match: { on: ['GROUP'] }, action: { transform }, onFault: 'REFUSE' });
      expect(await tenant.send('alice', id, { content: 'x', payload: 1 })).toMatchObject(refused('RULE_FAILED'));
    };
    await refuse({ content: '""', payload: 'null' });
    await refuse({ content: '1' });
    await refuse({ content: 'payload.none' });
    await refuse({ payload: 'payload.none' });
    await refuse({ content: '$pad("", 9000, "x")' });
    // What no client may send: functions, and what is not shown.
    await refuse({ payload: '{"f": $uppercase}' });
    await refuse({ payload: '[function($x) {$x}]' });
    await refuse({ content: '"a\\u0000b"' });
    await refuse({ content: '"\\u200b"', payload: 'null' });
    await refuse({ payload: '$map([1..40], function($n) {$pad("", 1000, "x")})' });
  });

  it('a rule that overran its time is suspended; corrected and saved again it runs', async () => {
    const { GROUP: id = '' } = await conversations();
    const hangs = { id: 'one', match: { on: ['GROUP'], where: '$match(content, /^(a+)+$/)' }, action: { drop: true } };
    await tenant.save({ ...hangs, onFault: 'REFUSE' });
    const hard = `${'a'.repeat(40)}!`;
    expect(await tenant.send('alice', id, { content: hard })).toMatchObject(refused('RULE_FAILED'));
    // It rests, so the same is refused though it would not fail.
    expect(await tenant.send('alice', id, { content: 'easy' })).toMatchObject(refused('RULE_FAILED'));
    await tenant.save({ ...hangs, match: { on: ['GROUP'], where: '$match(content, /^a+$/)' } });
    expect((await tenant.send('alice', id, { content: hard })).data.sendMessage).toMatchObject({ content: hard });
    expect(await tenant.send('alice', id, { content: 'aaa' })).toMatchObject(refused('DROPPED'));
  });

  it('a deleted rule no longer applies, on any node', async () => {
    const { GROUP: id = '' } = await conversations();
    await tenant.save({ id: 'one', match: { on: ['GROUP'] }, action: { drop: true } });
    expect(await tenant.send('alice', id, { content: 'x' })).toMatchObject(refused('DROPPED'));
    await tenant.delete('one');
    const sent = await eventually(async () => {
      const { data } = await tenant.send('alice', id, { content: 'x' });
      expect(data.sendMessage).not.toBeNull();
      return data.sendMessage;
    });
    expect(sent).toMatchObject({ sequence: 1 });
  });

  it('G02: a publication with a key is routed once, with any outcome', async () => {
    const actions = {
      moved: { forward: { topics: ['elsewhere'] } },
      written: { transform: { payload: '{"n": payload.n + 1}' } },
      gone: { drop: true },
    };
    for (const [topic, action] of Object.entries(actions))
      await tenant.save({ match: { on: ['TOPIC'], topic }, action });
    const document = `mutation ($topic: String!, $payload: JSON!, $key: ID) {
      publish(topic: $topic, payload: $payload, idempotencyKey: $key) { id topic payload }
    }`;
    const all = async (n: number) =>
      Object.fromEntries(
        await Promise.all(
          Object.keys(actions).map(async (topic) => [
            topic,
            await tenant.as('alice', document, { topic, payload: { n }, key: 'one' }),
          ]),
        ),
      );
    const first = await all(1);
    expect(first['moved'].data.publish).toMatchObject({ topic: 'elsewhere', payload: { n: 1 } });
    expect(first['written'].data.publish).toMatchObject({ topic: 'written', payload: { n: 2 } });
    expect(first['gone']).toMatchObject(refused('DROPPED'));
    expect(await all(1)).toEqual(first);
    const other = await all(2);
    for (const topic of Object.keys(actions)) expect(other[topic].code).toBe('CONFLICT');
    const history =
      '{ elsewhere: topicHistory(topic: "elsewhere") { payload } written: topicHistory(topic: "written") { payload } }';
    expect((await tenant.as('alice', history)).data).toEqual({
      elsewhere: [{ payload: { n: 1 } }],
      written: [{ payload: { n: 2 } }],
    });
  });
});
