/** Times that are part of the contract, in milliseconds. */
export const TIMES = {
  typingMs: 6_000,
  /** How long the writer of a message may be silent before it is aborted. */
  writingMs: 60_000,
  /** How long a wish to stop what is not started yet is remembered. */
  stopMs: 60_000,
  idempotencyMs: 24 * 60 * 60 * 1_000,
  connectionInitMs: 3_000,
  /** What is refused at the door is spoken of this often. */
  refusalsToldMs: 60_000,
  /** How long a gateway's socket that was not let in is kept for what is asked on it. */
  idleGatewayMs: 3_000,
  clockToleranceMs: 30_000,
  /** A token's verification is trusted this long before its key is asked for again. */
  verifiedTokenMs: 60_000,
  /** No session is kept longer, whatever `SESSION_MAX_AGE` says. */
  longestSessionMs: 3_650 * 24 * 60 * 60 * 1_000,
  /** How long the place of a session of `/ws` is kept. */
  sessionMs: 30 * 24 * 60 * 60 * 1_000,
  /** How long a refresh token that was just used repeats its answer. */
  refreshLeewayMs: 10_000,
  /** How old a session's `lastSeenAt` grows before it is written. */
  lastSeenMs: 60_000,
  /** How long after a start found that the engine cannot serve it looks again. */
  startRetryMs: 1_000,
  /** How long the place of a worker that died stays empty: doubled with each that dies soon again, up to the second. */
  workerAgainMs: 100,
  workerAgainMostMs: 30_000,
  /** How long the figures of workers are waited for. */
  figuresMs: 2_000,
  /** How long a start looks what is wrong with a server at a time. */
  startLookMs: 1_500,
  /** A killed node's users are gone after this and a sweep. */
  nodeLeaseMs: 15_000,
  /** How often a node renews its lease and sweeps what others left. */
  nodeRenewMs: 4_000,
  /** How long a connection that went is remembered: a failover loses no more than the last of it. */
  departureMs: 60_000,
  /** The same of a conversation that was changed. */
  changeMs: 60_000,
  /** How long an operation of the engine may take, counted from the call. */
  operationMs: 2_000,
  /** How long `setPresence` holds for a caller with no connection. */
  visitMs: 60_000,
  /** How long an event is rendered again that the engine's absence cut short; then its stream ends. */
  renderMs: 10_000,
  /** How long an event may wait for its rendering, with the rendering itself. Then its stream ends, as for a slow reader. */
  renderWaitMs: 15_000,
  /** How long a stretch of a log is shared by those who resume. */
  sharedLogMs: 5_000,
  /** How long a frame may take to be handled, its reader's slowness included. */
  handlerMs: 30_000,
  /** How long the answer to a plain request may go unread. */
  unreadAnswerMs: 60_000,
  /** How long a peer may take to answer our close, or to read the last of a stream. */
  terminateMs: 3_000,
  /** How long a token waits for the keys of its issuer. */
  keysMs: 5_000,
  /** How long a router may take to answer a callback. */
  callbackMs: 5_000,
  /** How often a router that wants no heartbeats is asked whether a subscription is still its own. */
  callbackCheckMs: 30_000,
  /** How long a message is sent again to a router whose callback endpoint fails. */
  callbackRetryMs: 30_000,
  /** How long a topic's publications are kept after the last. */
  publicationMs: 24 * 60 * 60 * 1_000,
  /** The shortest and the longest that a policy keeps publications. */
  shortestKeepMs: 1_000,
  longestKeepMs: 7 * 24 * 60 * 60 * 1_000,
  /** How long what happened is kept for consumers. */
  eventsMs: 7 * 24 * 60 * 60 * 1_000,
  /** How long a member of a consumer may take to acknowledge what it was handed. */
  eventAckMs: 60_000,
  /** How long a pull may wait for events; how often those who wait look whether some came, and whether some are to be handed out again. */
  longestPullMs: 20_000,
  eventTurnMs: 250,
  eventLookMs: 2_000,
  /** How often a node looks for webhooks that nobody holds. */
  webhookLookMs: 2_000,
  /** How long after a fault of the engine a webhook goes on. */
  webhookAgainMs: 1_000,
  /** How long a receiver may take to answer: when nothing is said, and at most. */
  webhookMs: 10_000,
  longestWebhookMs: 20_000,
  /** How long an idle connection to a receiver is kept. */
  webhookIdleMs: 30_000,
  /** How long an event that a receiver did not take rests at most. */
  webhookRestMs: 4 * 60 * 60 * 1_000,
  /** How long a webhook that takes nothing is tried until it is disabled: before an event is given up. */
  webhookFailingMs: 5 * 60 * 60 * 1_000,
  /** How long the secret before signs as well. */
  earlierSecretMs: 24 * 60 * 60 * 1_000,
  /** How long a node may take it that a tenant has no consumer. */
  consumersKnownMs: 10_000,
  /** How long a source of events stays noted once it is quiet: what happens meanwhile needs no other note. */
  eventsInHandMs: 1_000,
  /** How long it takes until events whose node did not get so far are forwarded by others. */
  unforwardedMs: 10_000,
  /** How long the last event of a source stays beside it, and how long is known up to where it was forwarded. */
  forwardedMs: 24 * 60 * 60 * 1_000,
  /** How long an expression of a rule may run, and how long it may compute before it is stopped between two steps. */
  expressionMs: 1_000,
  /** How long it may run before others: one that takes longer runs again in the last lane. And CPU time, between steps. */
  expressionSliceMs: 150,
  expressionStepsMs: 500,
  /** How long a tenant whose expression overran shares a process with others who did. */
  suspectTenantMs: 10 * 60_000,
  /** How long a rule rests after an expression of it took too long. */
  ruleRestMs: 60_000,
  /** How long after the circuit of the engine opened, or a probe failed, the next probe is made. */
  circuitProbeMs: 500,
  /** How often the settings of Redis are looked at again. */
  requirementsMs: 60_000,
  /** What a health check writes ends after this. */
  healthKeyMs: 60_000,
  /** How long after a late signal could not be applied it is tried again. */
  heldSignalRetryMs: 1_000,
  /** How often the lists of a conversation's members are written to: what is sent meanwhile is one change. */
  listMs: 100,
  /** How long it takes until a conversation whose node did not get so far is told to its members' lists by others. */
  unlistedMs: 10_000,
  /** How old a user's place in a conversation is when it may be compared with the membership: nothing that joins takes so long. */
  placeLeaseMs: 60_000,
  /** How long past the drain window what is in flight may take. */
  drainGraceMs: 5_000,
  /** Clients of streams that were lost come back this long after a drain is over. */
  retryPastDrainMs: 1_000,
  /** Peers are looked at this often: heartbeats, silence, ends of tokens. */
  sweepMs: 1_000,
  /** How often nodes tell each other what users used of their rates. */
  shareUseMs: 1_000,
  /** How long a sum of use is added to before it is begun anew. */
  sharedUseMs: 60_000,
  /** How far the clocks of the servers of one cluster may be apart. */
  clocksApartMs: 30_000,
  /** A checkpoint of an inbox follows the one before after this at the earliest. */
  checkpointMs: 10_000,
  /** How often what was heard on a channel is compared with what is stored: a lost announcement may have no successor that shows it. */
  headCheckMs: 25_000,
  /** How long before its end a TLS certificate is warned of: those of 90 days are renewed 30 days before. */
  certificateEndsSoonMs: 14 * 24 * 60 * 60 * 1_000,
  /** How often the certificate that is served is looked at. */
  certificateCheckMs: 24 * 60 * 60 * 1_000,
} as const;
