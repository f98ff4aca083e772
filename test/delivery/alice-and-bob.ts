/** Alice on one node and Bob on another, for the tests of a file: their acts, and the events they receive. */
import type { TestClient } from '../support/client.ts';
import { type Nodes, type Setting, startNodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const CREATE = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }`;
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id sequence position } }`;

/** The data of a result without errors. */
export async function ok(result: Promise<Data>): Promise<Data> {
  const { data, errors } = await result;
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

export class AliceAndBob {
  nodes!: Nodes;
  alice!: TestClient;
  bob!: TestClient;

  constructor(setting: Setting) {
    beforeAll(async () => {
      this.nodes = await startNodes(setting, { PRESENCE_GRACE: '5s' });
      this.alice = await this.nodes.here.connect('alice');
      this.bob = await this.nodes.there.connect('bob');
    });
    afterAll(async () => {
      await this.alice.close();
      await this.bob.close();
      await this.nodes.close();
    });
  }

  /** A conversation of Alice and these users. Returns its id. */
  async group(...memberIds: string[]): Promise<string> {
    const id = newId();
    await ok(this.alice.query(CREATE, { input: { id, name: 'Team', memberIds } }));
    return id;
  }

  async send(client: TestClient, conversationId: string, content: string): Promise<Data> {
    return (await ok(client.query(SEND, { input: { conversationId, content } }))).sendMessage;
  }
}
