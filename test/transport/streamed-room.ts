import { eventually } from '../support/eventually.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';

export const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { content position }
}`;
export const MULTIPART = { accept: 'multipart/mixed;subscriptionSpec="1.0", application/json' };
export const SSE = { accept: 'text/event-stream' };
export const env = { MAX_CONNECTIONS: '40', MAX_QUEUED_BYTES: '64KiB', PRESENCE_GRACE: '0ms' };

export class StreamedRoom {
  /** The shared one, unless a test starts its own. */
  service!: TestService;
  id!: string;
  /** The reader. */
  bob!: string;
  #shared!: TestService;

  constructor() {
    beforeAll(async () => {
      this.#shared = await startTestService({ env });
    });
    beforeEach(() => this.begin(this.#shared));
    afterEach(async () => {
      if (this.service !== this.#shared) await this.service.close();
      else await eventually(async () => expect(await this.subscriptions()).toBe(0));
    });
    afterAll(() => this.#shared.close());
  }

  async begin(given: TestService): Promise<void> {
    [this.service, this.id, this.bob] = [given, newId(), `bob-${newId()}`];
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    await given.query('alice', create, { input: { id: this.id, name: 'Streams', memberIds: [this.bob] } });
  }

  /** Resolves with the position of the message. */
  async send(content: string): Promise<string> {
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { position } }';
    const { data } = await this.service.query('alice', text, { input: { conversationId: this.id, content } });
    return data.sendMessage.position;
  }

  async open(
    headers: Record<string, string> = {},
    variables: object = { ids: [this.id] },
    user = this.bob,
  ): Promise<RawStream> {
    return openStream(this.service, await this.service.token(user), { query: RECEIVED, variables }, headers);
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.service.url}/metrics`)).text();
  }

  /** Subscriptions this node carries, whatever carries them. */
  async subscriptions(): Promise<number> {
    const lines = (await this.metrics()).matchAll(/^realtime_subscriptions\{transport="\w+"\} (\d+)$/gm);
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  }
}
