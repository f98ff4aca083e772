/** Every cap of the service, with its reason. The caps of rules, policies and consumers are in `setting-limits.ts`. */
import { SETTING_LIMITS } from './setting-limits.ts';

export { TIMES } from './times.ts';

export const LIMITS = {
  ...SETTING_LIMITS,
  /** Characters of a message; longer texts belong in a file. */
  contentCharacters: 8_000,
  /** Code points of a streamed message: the longest answer of a model. */
  writtenCharacters: 65_536,
  /** Code points of a part in which the text of a streamed message is stored: an append rewrites only the last part. */
  writtenPartCharacters: 1_024,
  /** Characters, payload included, up to which an append counts as an append only; a longer one also counts as a message. */
  shortAppendCharacters: 4 * 1024,
  /** Average milliseconds between appends to one message; the appends of a second may come at once. */
  appendPaceMs: 10,
  /** Messages that one sender writes in a conversation at the same time; a new reader gets the text of each. */
  writingsPerSender: 20,
  /** Messages that all senders write in a conversation at the same time. Every node with a reader holds the whole text of each. */
  writingsPerConversation: 100,
  /** Streamed messages whose conversation is cached, so that rules that are saved meanwhile apply to later appends. */
  rememberedWritings: 10_000,
  /** Bytes of texts and messages after which one read ends; the rest is read in another turn. */
  readingBytes: 256 * 1024,
  /** Bytes of a payload as JSON: it is held in memory once per event and node. */
  payloadBytes: 32 * 1024,
  /** Levels of a payload: recursive functions that read it never exhaust the stack. */
  payloadDepth: 20,
  /** Characters of a conversation's name. */
  nameCharacters: 200,
  /** Characters of an id: ids become parts of keys. */
  idCharacters: 128,
  /** Characters of an id that a position contains unchanged, as of ids made by the service. A longer id is replaced by its digest. */
  idCharactersInPosition: 50,
  /** Characters of the text of a presence status. */
  statusTextCharacters: 200,
  /** Characters of an emoji or its short code. */
  emojiCharacters: 64,
  /** Conversations named in one subscription. */
  conversationsPerSubscription: 100,
  /** Open files reserved for everything except clients' sockets: health, requests, Redis, the database. */
  otherFiles: 200,
  /** Operations in a row that the server did not answer, after which operations fail at once. */
  circuitOutages: 5,
  /** Characters of a topic. */
  topicCharacters: 200,
  /** Topics that one socket of the raw protocol subscribes to. */
  topicsPerSocket: 1_000,
  /** Sessions of one user whose bookmarks are kept. */
  bookmarksPerUser: 50,
  /** Messages that a socket sent and whose events have not arrived in its feed. */
  ownMessages: 1_000,
  /** Direct conversations whose two members are cached. */
  rememberedPairs: 10_000,
  /** Messages of back ends whose senders a node caches, so that appends need not read them. */
  rememberedSenders: 10_000,
  /** Topics in one subscription. */
  topicsPerSubscription: 100,
  /** Publications kept of a topic: subscribers close gaps from them. */
  publicationsPerTopic: 100,
  /** Publications read at once for a subscriber that resumes. */
  publicationsPerPage: 20,
  /** Publications or messages in one mutation. */
  itemsPerBatch: 100,
  /** Users in one presence query or subscription. */
  usersPerPresence: 200,
  /** Share of `STREAM_LIFETIME` by which a stream may outlast it: streams opened together do not end together. */
  streamLifetimeSpread: 0.1,
  /** Subscriptions open on one socket. */
  subscriptionsPerSocket: 100,
  /** Subscriptions open on sockets of gateways, for each connection that the process takes. */
  gatewaySubscriptionsPerConnection: 10,
  /** Conversations one user began or joined: a stream of all of a user's conversations follows each. */
  conversationsPerUser: 100_000,
  /** Members of a conversation whose lists are updated with each message; in larger ones each list is updated when it is read. */
  listedMembers: 200,
  /** Conversations and users whose Redis keys are cached. */
  rememberedKeys: 5_000,
  /** Conversations whose members' lists this node still has to update. */
  unlistedConversations: 10_000,
  /** Such conversations of all nodes that one read of a list looks at, oldest first. */
  unlistedPerRead: 10_000,
  /** Characters of a room's name that order and find it: more do not fit into a cursor. */
  roomNameCharacters: 64,
  /** Users that one user blocks: they are part of the announcements of presence. */
  blockedPerUser: 1_000,
  /** Positions at which a stream resumes: a user may be in more conversations than the user began or joined. */
  positionsPerStream: 10_000,
  /** Members of one conversation: a change of members is announced to every node. */
  membersPerConversation: 10_000,
  /** Membership notes that one check of a conversation reports. */
  notesPerLook: 200,
  /** Users named in one call. */
  usersPerCall: 1_000,
  /** Items in one page of a connection. */
  pageSize: 1_000,
  /** Items in a page by default. */
  defaultPageSize: 50,
  /** Users of a reaction by default. */
  defaultReactionUsers: 20,
  /** Different emojis on one message. */
  emojisPerMessage: 50,
  /** Emojis of one user on one message, so that some are left for others. */
  emojisPerUserAndMessage: 20,
  /** Reactions on one message: every event of a message contains them. */
  reactionsPerMessage: 1_000,
  /** Representations one `_entities` call may name. */
  representations: 1_000,
  /** Tokens of a GraphQL document: bounds the parser's memory. */
  documentTokens: 5_000,
  /** Characters of a GraphQL document: blanks and comments take memory and time, too. */
  documentCharacters: 256 * 1024,
  /** Aliases of a document: each repeats a field. */
  aliases: 200,
  /** Directives of a document: each is checked for every field it is on. */
  directives: 200,
  /** Fields of a document with its fragments expanded: each visitor visits all of them. */
  expandedFields: 10_000,
  /** Root fields of one operation: each is a request by itself. */
  rootFields: 100,
  /** Pairs of fields that a document merges, and of adjacent fragments: each is compared. */
  mergedPairs: 10_000,
  /** Errors after which validation, and the coercion of variables, stops. */
  validationErrors: 5,
  /** Characters of an error's message, which may repeat input. */
  errorCharacters: 500,
  /** Bytes of a document without a valid token: operations that need no token are short. */
  openDocumentBytes: 8 * 1024,
  /** Bytes of a body, or of waiting frames, without a valid token: such requests are short, and held before they are checked. */
  strangerBodyBytes: 64 * 1024,
  /** Values of the JSON of a request or a frame: more than any needs, and few enough to parse at once. */
  jsonValues: 100_000,
  /** Unhandled bytes of all peers: above this cap the peers with the most waiting bytes are refused, … */
  unhandledBytes: 32 * 1024 * 1024,
  /** … except peers with no more than this, which have a second cap of the same size. */
  smallBytes: 8 * 1024,
  /** Plain HTTP connections: above this cap the one that is idle longest is closed. A reconnecting herd fits. */
  plainConnections: 5_000,
  /** Unanswered requests of one connection: a pipelining client sends fewer, and Node parses them in one turn. */
  requestsAhead: 1_000,
  /** Requests that wait for a turn of the event loop, each with its headers: above this cap each connection may have a share of them. */
  waitingArrivals: 4_000,
  /** Bytes of the URL and the headers of a request. */
  headerBytes: 16 * 1024,
  /** Requests and streams at a time on one connection of HTTP/2: a browser or a gateway that wants more opens another. */
  streamsPerSession: 128,
  /** Tokens of a document without a valid token. */
  openDocumentTokens: 500,
  /** Units that the response to an event may cost without counting against a user's read rate. */
  freeEventUnits: 20,
  /** Characters of a response that cost no units of a user's read rate. */
  freeResponseCharacters: 64 * 1024,
  /** Bytes of the response to an operation, and to an event of a subscription. */
  responseBytes: 4 * 1024 * 1024,
  /** Cached parsed and validated documents. */
  cachedDocuments: 1_000,
  /** Characters of the cached documents: a syntax tree takes up to 250 bytes for each. */
  cachedDocumentCharacters: 128 * 1024,
  /** Persisted documents of all users together, … */
  persistedDocuments: 10_000,
  /** … and their characters; clients send an evicted one again. */
  persistedDocumentCharacters: 4 * 1024 * 1024,
  /** Characters of the distinct documents of one socket's subscriptions. */
  subscribedCharactersPerSocket: 32 * 1024,
  /** Characters of the variables of one socket's subscriptions, as JSON. */
  subscribedVariablesPerSocket: 256 * 1024,
  /** Topics and watched users of all subscriptions of a user on a node: each takes up to 2 KB. */
  followedNamesPerUser: 10_000,
  /** Conversations of all subscriptions of a user on a node. A longer list may have one subscription over all. */
  followedConversationsPerUser: 100_000,
  /** Log entries read at once while catching up. */
  logPage: 500,
  /** Characters of cached log pages, shared by streams that resume from the same position. */
  sharedLogCharacters: 16 * 1024 * 1024,
  /** Characters of those pages that one stream holds while it resumes, besides one page. */
  bufferedLogCharacters: 1024 * 1024,
  /** Events that a stream holds for a slow consumer. */
  queuedEvents: 2_000,
  /** Positions of one raw client that are recorded one by one; above this cap, only the last in each conversation. */
  positionsPerSocket: 1_000,
  /** Conversations named in a checkpoint of an inbox, the last changed ones: it fits into a header. */
  checkpointConversations: 100,
  /** Entries of the log of a user's list: a client that was away for longer reads the list again. */
  userLogEntries: 1_000,
  /** Conversations that a user left lately, with the version, so that an earlier change is never taken for a later one. */
  leftConversationsPerUser: 1_000,
  /** New memberships that wait until the user's list is opened; above this cap, each new one applies the two oldest. */
  waitingMemberships: 16,
  /** Recently closed connections, which are removed again when Redis lost its last writes. */
  rememberedDepartures: 10_000,
  /** Recently changed conversations and users, whose lists are compared when a server of a cluster lost its last writes. */
  rememberedChanges: 20_000,
  /** Keys or rows in one part of a walk over stored data; and those read at once. */
  tidiedAtATime: 500,
  tidiedAtOnce: 50,
  /** Connections of unknown nodes that a walk remembers. */
  strayConnections: 1_000,
  /** Bytes of an older release's embedded database that is rewritten at the start, so that it can shrink. */
  rewrittenBytes: 256 * 1024 * 1024,
  /** Writes of the embedded database that share a commit, and writes of a lone writer before one waits for others again. */
  groupedWrites: 64,
  /** Writes of the embedded database between two checkpoints. */
  checkpointedWrites: 500,
  /** Pages of 4 KiB in the log of the embedded database after which it must begin again: 33 MB. */
  longLogPages: 8_000,
  /** Free pages of the embedded database that are returned to the disk at a time: 4 KiB each. */
  freedPages: 500,
  /** Sessions whose bookmarks wait to be stored. */
  unsavedBookmarks: 10_000,
  /** Bytes of the queued events, as JSON; characters of the texts that arrive during a read of the log. */
  queuedEventBytes: 4 * 1024 * 1024,
  /** The least average bytes of a fragment: clients cut messages at 1,000 bytes or more. */
  fragmentBytes: 1_000,
  /** Concurrent renderings that read from the engine: others wait, users in turn. */
  renderingsAtOnce: 16,
  /** Bytes of a frame before `connection_ack`: a token and little else. */
  initBytes: 16 * 1024,
  /** Characters of an answer that may wait for the end of the turn, to be written with others. */
  deferredAnswerCharacters: 1_024,
  /** Frames a socket may send ahead of their handling. */
  queuedFrames: 1_000,
  /** Bytes of the queued frames: the cap of a peer that sends and does not read. */
  queuedFrameBytes: 4 * 1024 * 1024,
  /** Bytes of a JWT: a larger one is refused before it is verified. */
  tokenBytes: 8 * 1024,
  /** The latest date that JavaScript can represent (ECMA-262), in milliseconds since the Unix epoch. */
  dateMs: 8.64e15,
  /** Verified tokens in the cache: a returning herd is not verified twice. */
  verifiedTokens: 10_000,
  /** Users and tenants whose use is counted on this node, the most recent ones. */
  meteredUsers: 50_000,
  meteredTenants: 1_000,
  /** Tenants that `METRICS_TENANTS` may show by name: each adds four series in Prometheus. */
  tenantsInMetrics: 1_000,
  /** Signals of one user over their rate that are still to be applied: the latest of each kind. */
  deferredSignalsPerUser: 100,
  /** Characters of a frame, or bytes of a body, that cost one unit of their user's read rate: shorter ones are free. */
  charactersPerUnit: 4 * 1024,
  /** Refusals by rates and caps, and one a second more, until a socket is closed. */
  refusalsPerConnection: 100,
  /** Sockets of gateways that are kept at once only to receive the refusal. */
  gatewaysTurnedAway: 1_000,
  /** Concurrent requests that report refused subscriptions to routers. */
  callbackRefusals: 1_000,
  /** Hops of `X-Forwarded-For` that are read, the last ones: no chain of proxies is longer. */
  forwardedHops: 20,
  /** Characters of one hop: the longest address, in quotes, with a zone and a port. */
  addressCharacters: 100,
  /** Characters of an `Accept` header; a longer one is ignored. No client sends a tenth of this. */
  acceptCharacters: 2_000,
  /** Addresses whose unauthenticated sockets are counted, the most recent ones. */
  meteredAddresses: 10_000,
  /** Unauthenticated sockets of one address at once, before `RATE_LIMIT_STRANGERS`. */
  strangersAtOnce: 500,
  /** Share of `MAX_CONNECTIONS` for unauthenticated sockets: above it each new socket closes the oldest. */
  strangersShare: 0.5,
  /** Sockets and streams admitted at once, before `RATE_LIMIT_ADMISSIONS` paces a returning herd. */
  admissionBurst: 5_000,
  /** Sessions of one user that have not ended. */
  sessionsPerUser: 50,
  /** Used refresh tokens of one session that are remembered. */
  usedRefreshTokens: 100,
  /** Tokens that wait for the keys of their issuer: each is held for five seconds at most. */
  tokensAwaitingKeys: 5_000,
  /** Characters of a user agent that are kept. */
  userAgentCharacters: 500,
  /** Tries to finish a streamed message while text is added. */
  finishTries: 5,
  /** Characters of a request to the embedded engine's control socket: the path of a file. */
  controlCharacters: 8_192,
  /** Earlier epochs of a log that are remembered so that their positions still resume. */
  rememberedEpochs: 32,
} as const;
