/** All GraphQL documents of the client. */

/** A new message selects no field that depends on the reader, so the service renders it once for all readers. */
const TEXT = `fragment Text on Message{id conversationId sequence content payload senderId timestamp clientMessageId replyTo{id}editedAt deletedAt state length position}`;
const WHOLE = `${TEXT}fragment Whole on Message{...Text reactions{emoji count viewerReacted}}`;
const INFO = `fragment Info on Conversation{id name kind createdAt lastActivityAt lastSequence unreadMessageCount viewerRole memberCount peer{id}}`;

export const INBOX_EVENTS = `subscription Inbox($after:[ID!]){inbox(after:$after){__typename ... on MessageSent{message{...Text}}... on MessageChanged{message{...Whole}}... on MessageExtended{conversationId messageId offset text length payload}... on MessageStopRequested{message{id}}... on ConversationJoined{conversation{...Info}}... on ConversationLeft{conversationId}... on ConversationChanged{conversation{...Info}}... on ConversationReset{conversationId reset:reason}... on ReadMoved{conversationId userId sequence}... on TypingChanged{typing{conversationId userId isTyping}}... on Checkpoint{position isLive unreadMessageCount}}}${WHOLE}${INFO}`;

export const INBOX_PAGE = `query InboxPage($first:Int!,$after:String){viewer{unreadMessageCount inbox(first:$first,after:$after){edges{node{mutedUntil isArchived isPinned isMarkedUnread conversation{...Info lastMessage{...Whole}}}}pageInfo{hasNextPage endCursor}}}}${WHOLE}${INFO}`;

export const MESSAGES_PAGE = `query MessagesPage($id:ID!,$last:Int!,$before:String,$isFirst:Boolean!){conversation(id:$id){...Info @include(if:$isFirst) lastMessage @include(if:$isFirst){...Whole}readReceipts(first:200) @include(if:$isFirst){nodes{user{id}sequence}}messages(last:$last,before:$before){nodes{...Whole}pageInfo{hasPreviousPage startCursor}}}}${WHOLE}${INFO}`;

export const VIEWER = `{viewer{id}}`;

export const SEND = `mutation Send($input:SendMessageInput!){sendMessage(input:$input){...Whole}}${WHOLE}`;
export const MARK_READ = `mutation($id:ID!,$sequence:Int!){markRead(conversationId:$id,sequence:$sequence){id}}`;
const FLAGS = '{mutedUntil isArchived isPinned isMarkedUnread}';
export const MUTE = `mutation($id:ID!,$until:DateTime){muteConversation(id:$id,until:$until)${FLAGS}}`;
export const ARCHIVE = `mutation($id:ID!,$is:Boolean!){archiveConversation(id:$id,isArchived:$is)${FLAGS}}`;
export const PIN = `mutation($id:ID!,$is:Boolean!){pinConversation(id:$id,isPinned:$is)${FLAGS}}`;
export const MARK_UNREAD = `mutation($id:ID!){markUnread(id:$id)${FLAGS}}`;
export const SET_TYPING = `mutation($id:ID!,$is:Boolean!){setTyping(conversationId:$id,isTyping:$is)}`;
export const EDIT = `mutation($id:ID!,$content:String,$payload:JSON){editMessage(id:$id,content:$content,payload:$payload){...Whole}}${WHOLE}`;
export const DELETE = `mutation($id:ID!){deleteMessage(id:$id){...Whole}}${WHOLE}`;
export const REACT = `mutation($id:ID!,$emoji:String!){addReaction(messageId:$id,emoji:$emoji){...Whole}}${WHOLE}`;
export const UNREACT = `mutation($id:ID!,$emoji:String!){removeReaction(messageId:$id,emoji:$emoji){...Whole}}${WHOLE}`;

export const PRESENCE = `subscription Presence($userIds:[ID!]!){presenceUpdated(userIds:$userIds){userId status statusText lastSeenAt}}`;
export const SET_PRESENCE = `mutation($status:PresenceStatus!,$statusText:String){setPresence(status:$status,statusText:$statusText){status}}`;

export const START = `mutation($input:SendMessageInput!){startMessage(input:$input){id}}`;
export const APPEND = `mutation Append($id:ID!,$offset:Int!,$text:String!){appendToMessage(id:$id,offset:$offset,text:$text){length stopRequested}}`;
export const FINISH = `mutation($id:ID!,$state:MessageState!){finishMessage(id:$id,state:$state){...Whole}}${WHOLE}`;
export const STOP = `mutation($id:ID!){stopMessage(id:$id)}`;

const TOKENS = `{accessToken refreshToken session{id}}`;
export const CREATE_SESSION = `mutation($input:CreateSessionInput!){createSession(input:$input)${TOKENS}}`;
export const REFRESH_SESSION = `mutation RefreshSession($token:String!){refreshSession(refreshToken:$token)${TOKENS}}`;
export const REVOKE_SESSION = `mutation($id:ID!){revokeSession(id:$id){id}}`;
