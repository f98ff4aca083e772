/** The schema of the GraphQL peers: the part of this service's that the subscription needs. */
export const TYPE_DEFINITIONS = `
  type Message { id: ID! sequence: Int! content: String! }
  type Query { ok: Boolean }
  type Subscription { messageReceived(conversationIds: [ID!]): Message! }
`;
