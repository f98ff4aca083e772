/** Pages that a component loads more of: each fragment is on Query, so Relay refetches it without `Node`. */
import { graphql } from 'relay-runtime';

export const inboxPage = graphql`
  fragment pages_inbox on Query
  @refetchable(queryName: "pagesInboxQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    viewer {
      inbox(first: $count, after: $cursor) @connection(key: "pages_inbox") {
        edges {
          node {
            unreadMessageCount
            isPinned
            mutedUntil
            peer { id }
            conversation { id name lastMessage { id content } }
          }
        }
      }
    }
  }
`;

export const messagesPage = graphql`
  fragment pages_messages on Query
  @refetchable(queryName: "pagesMessagesQuery")
  @argumentDefinitions(id: { type: "ID!" }, count: { type: "Int", defaultValue: 50 }, cursor: { type: "String" }) {
    conversation(id: $id) {
      messages(last: $count, before: $cursor) @connection(key: "pages_messages") {
        edges {
          node { id sequence content senderId position reactions { emoji count viewerReacted } }
        }
      }
    }
  }
`;

export const membersPage = graphql`
  fragment pages_members on Query
  @refetchable(queryName: "pagesMembersQuery")
  @argumentDefinitions(id: { type: "ID!" }, count: { type: "Int", defaultValue: 50 }, cursor: { type: "String" }) {
    conversation(id: $id) {
      members(first: $count, after: $cursor) @connection(key: "pages_members") {
        edges {
          node { role joinedAt user { id status } }
        }
      }
    }
  }
`;

export const receiptsPage = graphql`
  fragment pages_receipts on Query
  @refetchable(queryName: "pagesReceiptsQuery")
  @argumentDefinitions(id: { type: "ID!" }, count: { type: "Int", defaultValue: 50 }, cursor: { type: "String" }) {
    conversation(id: $id) {
      readReceipts(first: $count, after: $cursor) @connection(key: "pages_readReceipts") {
        edges {
          node { sequence readAt user { id } }
        }
      }
    }
  }
`;

export const roomsPage = graphql`
  fragment pages_rooms on Query
  @refetchable(queryName: "pagesRoomsQuery")
  @argumentDefinitions(search: { type: "String" }, count: { type: "Int", defaultValue: 50 }, cursor: { type: "String" }) {
    rooms(search: $search, first: $count, after: $cursor) @connection(key: "pages_rooms", filters: ["search"]) {
      edges {
        node { id name memberCount }
      }
    }
  }
`;
