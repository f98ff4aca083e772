/** A room built with typed documents: the client preset finds them here and types their results. */
import type { Client } from '@urql/core';
import { type FragmentType, graphql, read } from './__generated__/index.ts';

const LINE = graphql(`fragment Line on Message { sequence senderId content timestamp }`);
const ROOM = graphql(`query Room($id: ID!, $last: Int!) {
  conversation(id: $id) { position messages(last: $last) { nodes { ...Line } } }
}`);
const RECEIVED = graphql(`subscription Received($ids: [ID!]!, $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { position ...Line }
}`);
const SEND = graphql(`mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { ...Line } }`);

export const textOf = (message: FragmentType<typeof LINE>): string => {
  const { sequence, senderId, content } = read(LINE, message);
  return `${sequence} ${senderId}: ${content}`;
};

/** Shows the last messages, then each new one. Returns a function that stops. */
export async function show(client: Client, id: string, line: (text: string) => void): Promise<() => void> {
  const { data, error } = await client.query(ROOM, { id, last: 20 });
  if (!data?.conversation) throw error ?? new Error('There is no such conversation.');
  const { messages, position } = data.conversation;
  for (const message of messages.nodes) line(textOf(message));
  const { unsubscribe } = client
    .subscription(RECEIVED, { ids: [id], after: [position] })
    .subscribe(({ data: heard }) => heard && line(textOf(heard.messageReceived)));
  return unsubscribe;
}

export async function send(client: Client, conversationId: string, content: string): Promise<string> {
  const { data, error } = await client.mutation(SEND, { input: { conversationId, content } });
  if (!data?.sendMessage) throw error ?? new Error('The service returned no data.');
  return textOf(data.sendMessage);
}

/** Mistakes that the compiler finds. */
export const isRefused = (client: Client): unknown => [
  // @ts-expect-error: the id is required.
  client.query(ROOM, { last: 20 }),
  // @ts-expect-error: must be a number, not a string.
  client.query(ROOM, { id: '1', last: 'all' }),
  // @ts-expect-error: must be a string, not a number.
  client.mutation(SEND, { input: { conversationId: '1', content: 1 } }),
];
