/** The conversation of this page: its first person creates it, and every person shown becomes a member. */
import { tokenOf } from './tokens.ts';

interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly { readonly message: string }[];
}

async function ask<Data>(userId: string, query: string, variables: object): Promise<Data> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await tokenOf(userId)}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as Answer<Data>;
  if (!data || errors?.length) throw new Error(errors?.[0]?.message ?? 'The service returned no data.');
  return data;
}

const FIND = 'query ($id: ID!) { conversation(id: $id) { id members(first: 50) { nodes { user { id } } } } }';
const CREATE = `mutation ($id: ID!, $memberIds: [ID!]!) {
  createConversation(input: {id: $id, name: "Console", kind: GROUP, memberIds: $memberIds}) { id }
}`;
const ADD = 'mutation ($id: ID!, $userIds: [ID!]!) { addMembers(id: $id, userIds: $userIds) { id } }';

interface Found {
  readonly conversation: {
    readonly members: { readonly nodes: readonly { readonly user: { readonly id: string } }[] };
  };
}

export const conversationOf = (ownerId: string): string => `console-${ownerId}`;

/** Throws if the service refuses the token of this user. */
export async function signIn(userId: string): Promise<void> {
  await ask(userId, '{ viewer { id } }', {}).catch(({ message }: Error) => {
    throw new Error(`The token of ${userId} was refused: ${message}`);
  });
}

/** Creates the conversation if there is none, and adds these members. */
export async function prepare(ownerId: string, memberIds: readonly string[]): Promise<void> {
  const id = conversationOf(ownerId);
  const found = await ask<Found>(ownerId, FIND, { id }).catch(() => null);
  if (!found?.conversation) {
    await ask(ownerId, CREATE, { id, memberIds: memberIds.filter((memberId) => memberId !== ownerId) });
    return;
  }
  const known = new Set(found.conversation.members.nodes.map(({ user }) => user.id));
  const userIds = memberIds.filter((memberId) => !known.has(memberId));
  if (userIds.length > 0) await ask(ownerId, ADD, { id, userIds });
}
