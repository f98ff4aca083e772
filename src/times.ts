/** Times that are part of the contract, in milliseconds. */
export const TIMES = {
  /** The pause before a failed read of the engine, or a failed connection to it, is retried. */
  retryMs: 250,
  /** How long a client waits whose socket was closed for too many requests. */
  refusedRetryMs: 1_000,
  /** The pause before a failed write of a bookmark is retried. */
  bookmarkRetryMs: 1_000,
  /** How long the user of a new connection may take to be identified. */
  authenticationMs: 5_000,
  typingMs: 6_000,
  /** How long the writer of a message may be silent before it is aborted. */
  writingMs: 60_000,
  /** How long a request to stop a message that has not started is remembered. */
  stopMs: 60_000,
  idempotencyMs: 24 * 60 * 60 * 1_000,
  connectionInitMs: 3_000,
  /** The shortest time between two log lines about refusals at the entry. */
  refusalsToldMs: 60_000,
  /** How long a gateway's refused socket is kept for the operations on it. */
  idleGatewayMs: 3_000,
  clockToleranceMs: 30_000,
  /** How long a verified token is trusted before it is verified again. */
  verifiedTokenMs: 60_000,
  /** The longest lifetime of a session, whatever `SESSION_MAX_AGE` says. */
  longestSessionMs: 3_650 * 24 * 60 * 60 * 1_000,
  /** How long the bookmark of a session of `/ws` is kept. */
  sessionMs: 30 * 24 * 60 * 60 * 1_000,
  /** How long a refresh token that was just used repeats its answer. */
  refreshLeewayMs: 10_000,
  /** How old a session's `lastSeenAt` grows before it is written. */
  lastSeenMs: 60_000,
  /** The pause before a start checks again whether the engine can serve. */
  startRetryMs: 1_000,
  /**
   * The pause before a dead worker is replaced: doubled each time the replacement dies soon, up to the second value.
   */
  workerAgainMs: 100,
  workerAgainMostMs: 30_000,
  /** How long a stop waits for a collector to accept the last traces. */
  lastTracesMs: 2_000,
  /** How long the answers of workers are awaited. */
  figuresMs: 2_000,
  /** The timeout of one diagnosis of a server during the start. */
  startLookMs: 1_500,
  /** The lease of a node: the presence of a killed node's users ends after this and a sweep. */
  nodeLeaseMs: 15_000,
  /** How long after its sweep the record of a stopped node is kept, at most. */
  stoppedNodeMs: 3_600_000,
  /** How often a node renews its lease and sweeps the records of dead nodes. */
  nodeRenewMs: 4_000,
  /** How long a closed connection is remembered, since a failover may undo its removal. */
  departureMs: 60_000,
  /** How long a changed conversation is remembered, since a failover may undo the change. */
  changeMs: 60_000,
  /** How long an operation of the engine may take, counted from the call. */
  operationMs: 2_000,
  /** A connection to a sentinel is checked at this interval. */
  sentinelCheckMs: 4_000,
  /** How long a Redis may send nothing while commands wait; then its connection is closed. */
  silentServerMs: 5_000,
  /** How long `setPresence` applies to a caller without a connection. */
  visitMs: 60_000,
  /** How long an event is rendered again while the engine is unavailable; then its stream ends. */
  renderMs: 10_000,
  /** How long an event may wait for its rendering, rendering included. Then its stream ends, as for a slow consumer. */
  renderWaitMs: 15_000,
  /** How long a page of a log is shared by resuming streams. */
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
  /** How often a router that wants no heartbeats is asked whether it still has a subscription. */
  callbackCheckMs: 30_000,
  /** How long a message is retried to a router whose callback endpoint fails. */
  callbackRetryMs: 30_000,
  /** How long a topic's publications are kept after the last. */
  publicationMs: 24 * 60 * 60 * 1_000,
  /** The shortest and the longest retention of publications by a policy. */
  shortestKeepMs: 1_000,
  longestKeepMs: 7 * 24 * 60 * 60 * 1_000,
  /** How long events are stored for consumers. */
  eventsMs: 7 * 24 * 60 * 60 * 1_000,
  /** How long a member of a consumer may take to acknowledge its events. */
  eventAckMs: 60_000,
  /** The longest wait of a pull; how often waiting pulls look for new events, and for events to hand out again. */
  longestPullMs: 20_000,
  eventTurnMs: 250,
  eventLookMs: 2_000,
  /** How long messages are held at most until it is checked whether they were read. */
  unreachedWaitMs: 30_000,
  /** How often a node looks for webhooks without a node. */
  webhookLookMs: 2_000,
  /** The pause of a webhook after a fault of the engine. */
  webhookAgainMs: 1_000,
  /** How long a receiver may take to answer: by default, and at most. */
  webhookMs: 10_000,
  longestWebhookMs: 20_000,
  /** How long an idle connection to a receiver is kept. */
  webhookIdleMs: 30_000,
  /** The longest delay before an event that a receiver did not accept is sent again. */
  webhookRestMs: 4 * 60 * 60 * 1_000,
  /** How long a failing webhook is tried until it is disabled, which is before any event becomes a dead letter. */
  webhookFailingMs: 5 * 60 * 60 * 1_000,
  /** How long events are also signed with the previous secret of a webhook. */
  earlierSecretMs: 24 * 60 * 60 * 1_000,
  /** How long a node may rely on a tenant having no consumer. */
  consumersKnownMs: 10_000,
  /** How long events of a busy subject wait, so that several are forwarded together. */
  eventsTogetherMs: 10,
  /** How long a quiet subject of events stays noted, so that further events need no new note. */
  eventsInHandMs: 1_000,
  /** The age at which events that their node did not forward are forwarded by others. */
  unforwardedMs: 10_000,
  /** How long an event that only a newer version knows waits for a node of that version to forward it. */
  newerEventsMs: 10 * 60 * 1_000,
  /** How long the last event of a subject, and the position up to which it was forwarded, are kept. */
  forwardedMs: 24 * 60 * 60 * 1_000,
  /** How long an expression of a rule may run. */
  expressionMs: 1_000,
  /** How long an expression may run in the first lanes; a longer one runs again in the last lane. */
  expressionSliceMs: 150,
  /** CPU time after which an expression is stopped between two steps. */
  expressionStepsMs: 500,
  /** How long a tenant whose expression overran stays in the last lane. */
  suspectTenantMs: 10 * 60_000,
  /** How long a rule is skipped after one of its expressions took too long. */
  ruleRestMs: 60_000,
  /** The pause between health checks after the circuit of the engine opened. */
  circuitCheckMs: 500,
  /** How often the settings of Redis are checked again. */
  requirementsMs: 60_000,
  /** The expiry of keys that health checks write. */
  healthKeyMs: 60_000,
  /** The pause before a late signal that failed is retried. */
  deferredSignalRetryMs: 1_000,
  /** How long after a change the lists of a conversation's members are updated: messages meanwhile are one change. */
  listMs: 500,
  /** The age at which a conversation that its node did not finish is applied to its members' lists by others. */
  unlistedMs: 10_000,
  /** The age at which a reservation of a user's quota is compared with the membership: no join takes so long. */
  reservationLeaseMs: 60_000,
  /** How often a part of the stored data is checked for abandoned data. */
  tidyMs: 5_000,
  /** How long work in flight may take after the drain window. */
  drainGraceMs: 5_000,
  /** How long after a drain clients of lost streams reconnect. */
  retryPastDrainMs: 1_000,
  /** How often peers are checked: heartbeats, silence, expiry of tokens. */
  sweepMs: 1_000,
  /** How often nodes share the use of rates. */
  shareUseMs: 1_000,
  /** The period after which a shared sum of use starts again. */
  sharedUseMs: 60_000,
  /** How far the clocks of the servers of one cluster may be apart. */
  clocksApartMs: 30_000,
  /** The shortest time between two checkpoints of an inbox. */
  checkpointMs: 10_000,
  /** How often the last mark heard on a channel is compared with the stored one: no later announcement may follow that reveals a lost one. */
  headCheckMs: 25_000,
  /**
   * How long before its expiry a TLS certificate causes a warning. Certificates of 90 days are renewed 30 days before.
   */
  certificateEndsSoonMs: 14 * 24 * 60 * 60 * 1_000,
  /** How often the served certificate is checked. */
  certificateCheckMs: 24 * 60 * 60 * 1_000,
} as const;
