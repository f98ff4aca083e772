/** How long the client waits for what. */
export const OPEN_WITHIN_MS = 15_000;
export const PING_EVERY_MS = 15_000;
export const PONG_WITHIN_MS = 6_000;
/** Used when the host reports that it is offline, in which some hosts are wrong. */
export const OFFLINE_WITHIN_MS = 1_000;
/** The service sends a comment every 4 s, gateways every 12 s at most. */
export const SILENT_FOR_MS = 30_000;
/** Used after a sign that the network has changed. */
export const HEARD_WITHIN_MS = 15_000;
export const LOOK_AT_STREAMS_EVERY_MS = 2_000;
export const ANSWER_WITHIN_MS = 10_000;
export const HTTP_ANSWER_WITHIN_MS = 20_000;
export const TOKEN_WITHIN_MS = 30_000;
/** The share of an access token's lifetime after which the next one is requested. */
export const REFRESH_AT = 0.75;
export const LONGEST_TIMER_MS = 2_000_000_000;
export const REFRESH_AGAIN_MS = 5_000;
