/** A subscriber of the raw protocol: it reconnects by itself, and `Resume` says where to resume. */
import { WebSocket } from 'ws';
import type { Data } from '../support/service.ts';
import type { Heard } from './history.ts';
import { isToBeAskedAgain, Retry, type Subscriber, type SubscriberOptions } from './subscriber.ts';

export function subscribeRaw(options: SubscriberOptions): Subscriber {
  const { url, token, conversationId, keep = (event) => event } = options;
  const heard: Heard = { conversationId, events: [], errors: [], closes: [], closedAt: [] };
  let { position } = options;
  let socket: WebSocket | null = null;
  let isStopped = false;
  const retry = new Retry();

  /** What comes before the answer is the session's own going on, which this client does without. */
  function receive(frame: Data, hasResumed: boolean): void {
    if (frame.type === 'Error') return void heard.errors.push(frame.data.code);
    if (frame.type !== 'RoomMessage' || frame.data.room !== conversationId || !hasResumed) return;
    const { message_id: id, sequence, position: next, client_message_id: clientMessageId = null } = frame.data;
    position = next;
    retry.succeeded();
    heard.events.push(keep({ id, conversationId, sequence, position: next, clientMessageId }));
  }

  function connect(): void {
    let hasResumed = false;
    const current = new WebSocket(`${url().replace('/graphql', '/ws')}?token=${token}`);
    socket = current;
    current.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Data;
      if (frame.type === 'Status' && frame.data.status === 'connected') {
        current.send(JSON.stringify({ type: 'Resume', id: 'resume', data: { positions: [position] } }));
      } else if (frame.id === 'resume') {
        hasResumed = frame.type === 'Status';
        if (!hasResumed && isToBeAskedAgain(frame.data.code)) return current.close();
        if (!hasResumed) receive(frame, false);
      } else receive(frame, hasResumed);
    });
    current.on('error', () => undefined);
    current.on('close', (code: number) => {
      heard.closes.push(code);
      heard.closedAt.push(performance.now());
      if (!isStopped) setTimeout(connect, retry.nextMs());
    });
  }

  connect();
  return {
    heard,
    client: {
      dispose() {
        isStopped = true;
        socket?.terminate();
      },
    },
  };
}
