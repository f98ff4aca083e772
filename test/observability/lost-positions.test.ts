/** A position that cannot be resumed is counted, and its reason is logged, whatever it is a position of. */
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { captureLog } from '../support/log.ts';
import { metrics } from '../support/metrics.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';

const CREATE = 'mutation { createConversation(input: {id: "room"}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "room", content: "x"}) { position } }';
const PUBLISH = 'mutation { publish(topic: "news", payload: 1) { position } }';
const MESSAGES = 'subscription ($after: [ID!]) { messageReceived(after: $after) { id } }';
const NAMED = 'subscription ($after: [ID!]) { messageReceived(conversationIds: ["room"], after: $after) { id } }';
const TOPIC = 'subscription ($after: [ID!]) { topicPublished(topics: ["news"], after: $after) { id } }';
const INBOX =
  'subscription ($after: [ID!]) { inbox(after: $after) { __typename ... on ConversationReset { reason } } }';
/** Of a list that nobody has. */
const ELSEWHERE = Buffer.from('~inbox~1~elsewhere~1').toString('base64url');

/** The same position, `by` places later. */
function later(position: string, by: number): string {
  const parts = Buffer.from(position, 'base64url').toString().split('~');
  const place = Number.parseInt(parts.at(-1) ?? '', 36) + by;
  return Buffer.from([...parts.slice(0, -1), place.toString(36)].join('~')).toString('base64url');
}

describe('a position that cannot be resumed', () => {
  const { log, lines } = captureLog('warn');
  let node: TestService;
  beforeEach(async () => {
    node = await startTestService({ env: { MESSAGE_RETENTION: '2' }, log });
  });
  afterEach(() => node.close());
  const ask = async (query: string): Promise<Data> => {
    const { data, errors } = await node.query('ann', query);
    expect(errors).toBeUndefined();
    return Object.values(data)[0];
  };
  const counts = () => {
    const outcomes = ['resumed', 'expired', 'lost'];
    return metrics(
      node.url,
      outcomes.map((outcome) => `realtime_resumes_total{outcome="${outcome}"}`),
    );
  };

  it.each([
    ['all conversations', MESSAGES, SEND, 'RETENTION', 0, [0, 1, 0]],
    ['one conversation', NAMED, SEND, 'DIVERGED', 1_000, [0, 0, 1]],
    ['the inbox', INBOX, SEND, 'RETENTION', 0, [0, 1, 0]],
    ['the list', INBOX, null, 'EPOCH', 0, [0, 1, 0]],
    ['a topic', TOPIC, PUBLISH, 'DIVERGED', 1_000, [0, 0, 1]],
  ])('of %s', async (_, query, change, reason, by, expected) => {
    await ask(CREATE);
    const position = change === null ? ELSEWHERE : later((await ask(change)).position, by);
    for (let n = 0; n < 4; n += 1) await ask(change ?? SEND);
    const from = lines().length;
    const body = { query, variables: { after: [position] } };
    const stream = await openStream(node, await node.token('ann'), body, { accept: 'text/event-stream' });
    await eventually(() => expect(stream.text).toContain(reason));
    expect(await counts()).toEqual(expected);
    const about = query === TOPIC ? { topic: 'news' } : change === null ? {} : { conversation: 'room' };
    expect(lines().slice(from)).toMatchObject([{ msg: 'position refused', level: 40, reason, refused: 1, ...about }]);
    stream.stop();
  });
});
