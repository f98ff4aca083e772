/** Every cap of the service, named, each with its reason. */
export { TIMES } from './times.ts';

export const LIMITS = {
  /** Characters of a message; longer texts belong in a file. */
  contentCharacters: 8_000,
  /** Code points of a message that is read while it is written: the longest answer of a model. */
  writtenCharacters: 65_536,
  /** Code points of a part in which such a text is stored: an append rewrites one, and nothing before it. */
  writtenPartCharacters: 1_024,
  /** The most characters, those of its payload included, of an append that is counted as an append alone: a longer one counts as a message, too. */
  shortAppendCharacters: 4 * 1024,
  /** Milliseconds between appends to one message, on the average; those of a second may come at once. */
  appendPaceMs: 10,
  /** Messages that one sender writes in a conversation at the same time; a reader who joins is given the text of each. */
  writingsPerSender: 20,
  /** The same of all senders. Of each the whole text is held on every node with a reader. */
  writingsPerConversation: 100,
  /** Messages being written of which is remembered where: rules that are saved meanwhile hold what is added. */
  rememberedWritings: 10_000,
  /** Bytes of texts and messages after which one reading of them ends: the rest is read in another turn. */
  readingBytes: 256 * 1024,
  /** Bytes of a payload as JSON: it is held in memory once per event and node. */
  payloadBytes: 32 * 1024,
  /** Levels of a payload: keeps every recursive reader far from its stack's end. */
  payloadDepth: 20,
  /** Characters of a conversation's name. */
  nameCharacters: 200,
  /** Characters of an id: ids become parts of keys. */
  idCharacters: 128,
  /** Characters of an id that a position has as it is: those that the service makes. A longer one stands there by its digest. */
  idCharactersInPosition: 50,
  /** Characters of the words beside a presence status. */
  statusTextCharacters: 200,
  /** Characters of an emoji or its short code. */
  emojiCharacters: 64,
  /** Conversations named in one subscription. */
  conversationsPerSubscription: 100,
  /** Open files kept for all that is no client's socket: health, requests, Redis, the database. */
  otherFiles: 200,
  /** Characters of a topic. */
  topicCharacters: 200,
  /** Topics heard on one socket of the raw protocol. */
  topicsPerSocket: 1_000,
  /** Sessions of one user whose place in what they were sent is kept. */
  bookmarksPerUser: 50,
  /** Messages a socket sent itself and has not heard back. */
  ownMessages: 1_000,
  /** Direct conversations whose two members are remembered. */
  rememberedPairs: 10_000,
  /** Messages that services sent or write, whose senders a node remembers: a text is added to without a look at whose it is. */
  rememberedSenders: 10_000,
  /** Topics in one subscription. */
  topicsPerSubscription: 100,
  /** Publications kept of a topic: those who listen close holes from them. */
  publicationsPerTopic: 100,
  /** Publications read at once for a listener that resumes. */
  publicationsPerPage: 20,
  /** Publications or messages in one mutation. */
  itemsPerBatch: 100,
  /** Routing rules of one tenant: each is looked at for every message. */
  rulesPerTenant: 100,
  /** Topic policies of one tenant. */
  policiesPerTenant: 100,
  /** Characters of a policy's schema as JSON: those of all tenants in use are held in memory, and compiled. */
  schemaCharacters: 4_096,
  /** Values of a schema: each may be looked at for each value of a payload. */
  schemaValues: 500,
  /** Levels of a schema: the compiler and what it makes call themselves. */
  schemaDepth: 20,
  /** Values of a schema times those of a payload: a payload that needs more steps is refused. */
  schemaSteps: 1_000_000,
  /** Schemas kept compiled, those used last. */
  compiledSchemas: 1_000,
  /** Topics of which is remembered what policy is theirs, those used last. */
  decidedTopics: 10_000,
  /** Consumers of one tenant: each has a place in all that happens. */
  consumersPerTenant: 50,
  /** Conversations, and patterns of topics, that a consumer names. */
  namesPerConsumer: 100,
  /** Events that one pull is given. */
  eventsPerPull: 100,
  /** How often an event is handed out before it is a dead letter. */
  eventAttempts: 10,
  /** Events of a partition that one pull looks at for those that its consumer wants. */
  scannedEvents: 1_000,
  /** Events of a partition that are counted of those which wait: counting holds the server. */
  countedEvents: 2_000,
  /** Dead letters of a partition that are handed out once more at a time: they are before all that is new. */
  redeliveredEvents: 100,
  /** Events that are pulled for a webhook at once. */
  eventsPerWebhookPull: 50,
  /** Requests of a webhook on their way at once, and connections to its receiver. */
  webhookRequests: 8,
  /** Bytes of a receiver's answer that are read, so that its connection can be used again. */
  webhookAnswerBytes: 64 * 1024,
  /** Characters of a webhook's URL. */
  webhookUrlCharacters: 2_048,
  /** Webhooks that a node begins to hold at a time: the others are left to other nodes. */
  webhooksPerLook: 100,
  /** Conversations and topics whose events a node has in hand, and those that are looked for at once. */
  unforwardedSources: 10_000,
  /** Tenants of which a node remembers whether they have consumers. */
  consumingTenants: 1_000,
  /** Targets of one rule. */
  targetsPerRule: 20,
  /** Characters of an expression of a rule. */
  expressionCharacters: 2_000,
  /** Steps and nesting of one evaluation. */
  expressionSteps: 10_000,
  expressionDepth: 100,
  /** Memory of a process that evaluates expressions, in MiB. */
  expressionMemoryMb: 64,
  /** Characters of each text that an expression makes on its way. */
  expressionTextCharacters: 1024 * 1024,
  /** Running time of a tenant's expressions, of each second; and at once, after quiet. */
  expressionMsPerSecond: 250,
  expressionBurstMs: 2_000,
  /** Characters of what an expression comes to, as JSON: more than any payload and content it may make. */
  expressionResultCharacters: 256 * 1024,
  /** Expressions that a process keeps compiled. */
  compiledExpressions: 1_000,
  /** Evaluations of one tenant that wait for a process, and of all: of those the tenant with most gives way. */
  queuedExpressionsPerTenant: 200,
  queuedExpressions: 2_000,
  /** How often a message that a rule forwarded is routed again. */
  routingHops: 3,
  /** Deliveries that rules make of one message. */
  routedDeliveries: 100,
  /** Those made in one turn of the event loop; and those that may wait, of one tenant and of all. */
  copiesPerTurn: 4,
  queuedCopiesPerTenant: 10_000,
  queuedCopies: 50_000,
  /** Tenants whose rules and policies are remembered, those used last. */
  settledTenants: 1_000,
  /** Users whose presence one query or subscription may ask. */
  usersPerPresence: 200,
  /** Of `STREAM_LIFETIME`, what a stream may last past it: the ends of those opened together are spread over this. */
  streamLifetimeSpread: 0.1,
  /** Subscriptions open on one socket. */
  subscriptionsPerSocket: 100,
  /** Subscriptions open on sockets of gateways, for each connection that the process takes. */
  gatewaySubscriptionsPerConnection: 10,
  /** Conversations one user began or joined: a stream of all of a user's conversations follows each. */
  conversationsPerUser: 100_000,
  /** Members of a conversation whose lists are written to with each message; in larger ones each reads for themselves. */
  listedMembers: 200,
  /** Conversations whose keys in Redis are not made again with each call. */
  rememberedKeys: 5_000,
  /** Conversations of which this node still has to tell their members' lists. */
  unlistedConversations: 10_000,
  /** Characters of a room's name by which it is found: more do not fit into a cursor. */
  roomNameCharacters: 64,
  /** Users that one user blocks: they are part of what is announced of their presence. */
  blockedPerUser: 1_000,
  /** Positions a stream resumes at: a user may be in more conversations than they began or joined. */
  positionsPerStream: 10_000,
  /** Members of one conversation: a change of members is announced to every node. */
  membersPerConversation: 10_000,
  /** Users whose indexes lag, of whom one look at a conversation learns. */
  unsettledMemberships: 200,
  /** Users named in one call. */
  usersPerCall: 1_000,
  /** Items in one page of a connection. */
  pageSize: 1_000,
  /** Items in a page when the caller does not say. */
  defaultPageSize: 50,
  /** Users of a reaction when the caller does not say. */
  defaultReactionUsers: 20,
  /** Different emojis on one message. */
  emojisPerMessage: 50,
  /** Emojis of one user on one message: nobody leaves the others none. */
  emojisPerUserAndMessage: 20,
  /** Reactions on one message: they travel with every change of it. */
  reactionsPerMessage: 1_000,
  /** Representations one `_entities` call may name. */
  representations: 1_000,
  /** Tokens of a GraphQL document: bounds the parser's memory. */
  documentTokens: 5_000,
  /** Characters of a GraphQL document: what is not a token (blanks, comments) is held and looked up too. */
  documentCharacters: 256 * 1024,
  /** Aliases of a document: each asks for a field once more. */
  aliases: 200,
  /** Directives of a document: each is looked at for every field it stands at. */
  directives: 200,
  /** Fields of a document once its fragments are in place: what walks it walks all of them. */
  expandedFields: 10_000,
  /** Root fields of one operation: each is a request of its own. */
  rootFields: 100,
  /** Pairs of fields that a document merges into one, and of fragments beside each other: each is compared. */
  mergedPairs: 10_000,
  /** Errors validation collects before it stops, and the coercion of variables. */
  validationErrors: 5,
  /** Characters of an error's message: it repeats what was sent. */
  errorCharacters: 500,
  /** Bytes of a document from someone without a token: what needs none is short. */
  openDocumentBytes: 8 * 1024,
  /** Bytes of a body, or of waiting frames, from someone without a valid token: what needs none is short, and held before it is looked at. */
  strangerBodyBytes: 64 * 1024,
  /** Values of the JSON of a request or a frame: more than any needs, and no more than are read in one go. */
  jsonValues: 100_000,
  /** Bytes that all peers sent and that are not dealt with: past it those of whom most waits are turned away, … */
  unhandledBytes: 32 * 1024 * 1024,
  /** … except those of whom no more than this is held: they have as much again, together. */
  smallBytes: 8 * 1024,
  /** Connections of plain requests, past which the one that is quiet longest goes: a herd's that comes back fit. */
  plainConnections: 5_000,
  /** Requests of one connection that are not answered yet: those who ask ahead ask for less. */
  requestsAhead: 2_000,
  /** Tokens of such a document. */
  openDocumentTokens: 500,
  /** Units that the response to an event may cost without counting against a user's rate of reading. */
  freeEventUnits: 20,
  /** Characters of a response that a user's rate of reading pays nothing for beside its units. */
  freeResponseCharacters: 64 * 1024,
  /** Bytes of the response to an operation, and to an event of a subscription. */
  responseBytes: 4 * 1024 * 1024,
  /** Documents whose parse and validation are remembered. */
  cachedDocuments: 1_000,
  /** Characters of those documents: a syntax tree takes up to 250 bytes for each. */
  cachedDocumentCharacters: 128 * 1024,
  /** Documents that may be named by their hash, of everyone together, … */
  persistedDocuments: 10_000,
  /** … and their characters; clients send one that was forgotten again. */
  persistedDocumentCharacters: 4 * 1024 * 1024,
  /** Characters of the different documents that the subscriptions of one socket are of. */
  subscribedCharactersPerSocket: 32 * 1024,
  /** Characters of the variables of those subscriptions, as JSON. */
  subscribedVariablesPerSocket: 256 * 1024,
  /** Topics, and users whose presence is watched, of all subscriptions of a user on a node: each takes up to 2 KB. */
  followedNamesPerUser: 10_000,
  /** Conversations of all those subscriptions. A list that is longer has one subscription over all. */
  followedConversationsPerUser: 100_000,
  /** Log entries read at once while catching up. */
  logPage: 500,
  /** Characters of log entries held for others who ask for the same stretch at about the same time. */
  sharedLogCharacters: 16 * 1024 * 1024,
  /** Characters of those pages that one stream holds while it resumes, besides one. */
  heldLogCharacters: 1024 * 1024,
  /** Events a stream holds for a reader that does not keep up. */
  queuedEvents: 2_000,
  /** Places of one raw client that are noted one by one; of more, the last in each conversation is. */
  placesPerSocket: 1_000,
  /** Conversations that a checkpoint of an inbox names, those that changed last: it fits into a header. */
  checkpointConversations: 100,
  /** Entries of the log of a user's list: who was away for longer reads the list anew. */
  userLogEntries: 1_000,
  /** Conversations a user left lately, with the version in which: a change before it is never taken for a later one. */
  leftConversationsPerUser: 1_000,
  /** Connections that went lately and are removed again when Redis lost its end. */
  rememberedDepartures: 10_000,
  /** Conversations and users changed lately whose lists are compared when a server of a cluster lost its end. */
  rememberedChanges: 20_000,
  /** Sessions whose positions wait for the engine to take them. */
  unsavedBookmarks: 10_000,
  /** Bytes of those events, as JSON. */
  queuedEventBytes: 4 * 1024 * 1024,
  /** Bytes of a fragment on the average, at least: clients that cut a message cut it at 1,000 bytes or more. */
  fragmentBytes: 1_000,
  /** Renderings that read from the engine, at once: the others wait, each user's in turn. */
  renderingsAtOnce: 16,
  /** Frames a socket may send ahead of their handling. */
  queuedFrames: 1_000,
  /** Bytes of those frames: a peer that sends and does not read is held to this much. */
  queuedFrameBytes: 4 * 1024 * 1024,
  /** Bytes of a JWT: a larger one is refused before it is verified. */
  tokenBytes: 8 * 1024,
  /** The furthest date there is (ECMA-262), from the Unix epoch. */
  dateMs: 8.64e15,
  /** Tokens whose verification is remembered: a herd that comes back is not verified twice. */
  verifiedTokens: 10_000,
  /** Users and tenants whose use is counted on this node: those seen last. */
  meteredUsers: 50_000,
  meteredTenants: 1_000,
  /** Signals of one user over their rate that are still to be applied: the latest of each kind. */
  heldSignalsPerUser: 100,
  /** Characters of a frame, or bytes of a body, that cost one unit of their user's rate of reading: shorter ones cost nothing by themselves. */
  charactersPerUnit: 4 * 1024,
  /** Refusals by the rate limits and for want of room, and one a second more, until a socket is closed. */
  refusalsPerConnection: 100,
  /** Sockets of gateways that are kept at once only to be told that there is no room. */
  gatewaysTurnedAway: 1_000,
  /** Routers that are told at once of subscriptions that were refused. */
  callbackRefusals: 1_000,
  /** Hops of `X-Forwarded-For` that are looked at, the last ones: no chain of proxies is longer. */
  forwardedHops: 20,
  /** Characters of one hop: the longest address, in quotes, with a zone and a port. */
  addressCharacters: 100,
  /** Addresses whose sockets without a known user are counted: those seen last. */
  meteredAddresses: 10_000,
  /** Sockets of one address whose user is not known yet, at once, before `RATE_LIMIT_STRANGERS`. */
  strangersAtOnce: 500,
  /** Of `MAX_CONNECTIONS`, what sockets may take whose user is not known yet: past it the oldest gives way to the next. */
  strangersShare: 0.5,
  /** Sockets and streams let in at once, before `RATE_LIMIT_ADMISSIONS` paces a herd that comes back. */
  admissionBurst: 5_000,
  /** Sessions of one user that have not ended. */
  sessionsPerUser: 50,
  /** Refresh tokens of one session that are known to have been used. */
  usedRefreshTokens: 100,
  /** Tokens that wait for the keys of their issuer: each is held until it answers, or for five seconds. */
  tokensAwaitingKeys: 5_000,
  /** Characters of a user agent that are kept. */
  userAgentCharacters: 500,
  /** Earlier epochs of a log that are remembered so that their positions still resume. */
  rememberedEpochs: 32,
} as const;
