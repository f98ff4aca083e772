/** Caps of the settings that back ends and admins save: routing rules, topic policies, consumers and webhooks. Part of `LIMITS`. */
export const SETTING_LIMITS = {
  /** Routing rules of one tenant: each is checked for every message. */
  rulesPerTenant: 100,
  /** Topic policies of one tenant. */
  policiesPerTenant: 100,
  /** Characters of a policy's schema as JSON: those of all tenants in use are held in memory, and compiled. */
  schemaCharacters: 4_096,
  /** Values of a schema: each may be checked for each value of a payload. */
  schemaValues: 500,
  /** Levels of a schema: the compiler and its output are recursive. */
  schemaDepth: 20,
  /** Values of a schema times those of a payload: a payload that needs more steps is refused. */
  schemaSteps: 1_000_000,
  /** Compiled schemas in the cache. */
  compiledSchemas: 1_000,
  /** Topics whose policy is cached. */
  decidedTopics: 10_000,
  /** Consumers of one tenant: each stores a position per partition. */
  consumersPerTenant: 50,
  /** Conversations, and patterns of topics, that a consumer names. */
  namesPerConsumer: 100,
  /** Events of one pull. */
  eventsPerPull: 100,
  /** Pulls that wait for events on a node, of one tenant and in all: each holds a request. */
  waitingPullsPerTenant: 500,
  waitingPulls: 10_000,
  /** The number of attempts after which an event is a dead letter. */
  eventAttempts: 10,
  /** Events of a partition that one pull scans for those its consumer wants. */
  scannedEvents: 1_000,
  /** Waiting events of a partition that are counted at most: counting blocks the server. */
  countedEvents: 2_000,
  /** Dead letters of a partition that are redelivered at a time: they come before all new events. */
  redeliveredEvents: 100,
  /** Code points of a message's text in the event that a user was not reached. */
  unreachedCharacters: 500,
  /** Events pulled for a webhook at once. */
  eventsPerWebhookPull: 50,
  /** Concurrent requests of a webhook, and connections to its receiver. */
  webhookRequests: 8,
  /** Bytes of a receiver's answer that are read, so that its connection can be reused. */
  webhookAnswerBytes: 64 * 1024,
  /** Characters of a webhook's URL. */
  webhookUrlCharacters: 2_048,
  /** Webhooks that a node takes over at a time: the others are left to other nodes. */
  webhooksPerLook: 100,
  /** Subjects of events that a node works on, and those that one sweep looks for. */
  unforwardedSubjects: 10_000,
  /** Tenants for which a node caches whether they have consumers. */
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
  /** Characters of each intermediate text of an expression. */
  expressionTextCharacters: 1024 * 1024,
  /** Running time of a tenant's expressions per second; and at once, after quiet. */
  expressionMsPerSecond: 250,
  expressionBurstMs: 2_000,
  /** Characters of an expression's result as JSON: more than any payload and content may have. */
  expressionResultCharacters: 256 * 1024,
  /** Compiled expressions per process. */
  compiledExpressions: 1_000,
  /** Evaluations that wait for a process, of one tenant and in all: above the total, the tenant with the most loses one. */
  queuedExpressionsPerTenant: 200,
  queuedExpressions: 2_000,
  /** How often a forwarded message is routed again. */
  routingHops: 3,
  /** Deliveries that rules make of one message. */
  routedDeliveries: 100,
  /** Copies made in one turn of the event loop; copies that may wait, of one tenant and in all. */
  copiesPerTurn: 4,
  queuedCopiesPerTenant: 10_000,
  queuedCopies: 50_000,
  /** Tenants whose rules and policies are cached. */
  knownTenants: 1_000,
} as const;
