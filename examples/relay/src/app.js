/** The first screen, one conversation, and what keeps both up to date. */
import { graphql } from 'relay-runtime';

export const firstScreen = graphql`
  query appFirstScreenQuery($search: String) {
    ...pages_inbox
    ...pages_rooms @arguments(search: $search)
  }
`;

export const room = graphql`
  query appRoomQuery($id: ID!) {
    conversation(id: $id) { id name position }
    ...pages_messages @arguments(id: $id)
    ...pages_members @arguments(id: $id)
    ...pages_receipts @arguments(id: $id)
  }
`;

/** The fields of a message that its edge needs: `cursor` is that of the edge, so paging goes on from it. */
export const received = graphql`
  subscription appReceivedSubscription($ids: [ID!], $after: [ID!], $connections: [ID!]!) {
    messageReceived(conversationIds: $ids, after: $after)
    @appendNode(connections: $connections, edgeTypeName: "MessageEdge") {
      id
      cursor
      sequence
      content
      senderId
      position
      reactions { emoji count viewerReacted }
    }
  }
`;

export const inbox = graphql`
  subscription appInboxSubscription($after: [ID!]) {
    inbox(after: $after) {
      __typename
      ... on MessageSent { message { id cursor conversationId sequence content senderId position } }
      ... on MessageChanged { change message { id cursor conversationId content deletedAt position } }
      ... on ConversationJoined { conversation { id name } }
      ... on ConversationLeft { conversationId reason }
      ... on ConversationChanged { conversation { id name } }
      ... on ConversationReset { conversationId resetReason: reason }
      ... on ReadMoved { conversationId userId sequence readAt }
      ... on TypingChanged { typing { conversationId userId isTyping } }
      ... on Checkpoint { position isLive unreadMessageCount }
    }
  }
`;
