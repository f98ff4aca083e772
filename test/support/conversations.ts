/** Conversations and messages as users make them, over HTTP or a socket. */
import { eventually } from './eventually.ts';
import { type Answer, type Data, newId, type TestService } from './service.ts';

/** Whoever asks: a connected client is one, `user` makes one of a service. */
export interface User {
  query(
    query: string,
    variables?: Record<string, unknown>,
  ): Promise<{ readonly data: Data; readonly errors?: unknown }>;
}

export interface SentMessage {
  readonly id: string;
  readonly sequence: number;
  readonly position: string;
}

export interface NewConversation {
  readonly id?: string;
  readonly name?: string;
  readonly memberIds?: readonly string[];
}

const CREATE = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id position } }';
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id sequence position } }';

/** A user who has no connection. */
export const user = (service: TestService, userId: string): User => ({
  query: (query, variables) => service.query(userId, query, variables),
});

/** Does what a test begins with, again if need be: to a node on a busy machine its engine may seem to be away. */
export const certainly = (service: TestService, userId: string, mutation: string): Promise<Answer> =>
  eventually(async () => {
    const answer = await service.query(userId, mutation);
    if (answer.errors) throw new Error(JSON.stringify(answer.errors));
    return answer;
  });

async function ask(asker: User, query: string, input: object): Promise<Data> {
  const { data, errors } = await asker.query(query, { input });
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

export async function createConversation(
  creator: User,
  { id = newId(), ...rest }: NewConversation = {},
): Promise<{ readonly id: string; readonly position: string }> {
  return (await ask(creator, CREATE, { id, ...rest })).createConversation;
}

export async function send(sender: User, conversationId: string, content: string): Promise<SentMessage> {
  return (await ask(sender, SEND, { conversationId, content })).sendMessage;
}
