/**
 * Notifies a user's devices through Novu, which sends to FCM, APNs and others. Without `NOVU_SECRET_KEY` it prints a line.
 *
 * `transactionId` is the event's id: Novu drops a second trigger with the same one.
 */
const NOVU_URL = process.env.NOVU_URL ?? 'https://api.novu.co';

export async function push({ id, data }) {
  const { userId, senderId, content, conversationId } = data;
  if (!process.env.NOVU_SECRET_KEY) {
    console.log(`push to ${userId}: ${senderId} wrote ${JSON.stringify(content)}`);
    return;
  }
  const response = await fetch(`${NOVU_URL}/v1/events/trigger`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `ApiKey ${process.env.NOVU_SECRET_KEY}` },
    body: JSON.stringify({
      name: 'unread-message',
      to: { subscriberId: userId },
      payload: { senderId, content, conversationId },
      transactionId: id,
    }),
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`Novu answered ${response.status}.`);
}
