import { useState } from 'react';
import { useRealtime, useStatus } from 'realtime-communication-client/react';
import { List } from './list.tsx';
import { Room } from './room.tsx';

const DIRECT = `mutation ($userId: ID!, $content: String!) {
  sendDirectMessage(userId: $userId, content: $content) { conversationId }
}`;

export function Chat({ onSignOut }: { onSignOut: () => void }) {
  const chat = useRealtime();
  const status = useStatus();
  const [openId, setOpenId] = useState<string | null>(null);
  const begin = async (userId: string): Promise<void> => {
    type Answer = { sendDirectMessage: { conversationId: string } };
    const { sendDirectMessage } = await chat.request<Answer>(DIRECT, { userId, content: 'Hello' });
    setOpenId(sendDirectMessage.conversationId);
  };
  return (
    <main className="chat">
      <header>
        <h1>{chat.userId ?? 'Chat'}</h1>
        <span className="status" role="status" data-status={status}>
          {status}
        </span>
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <List openId={openId} onOpen={setOpenId} onBegin={begin} />
      {openId === null ? (
        <p className="empty">Open a conversation, or begin one.</p>
      ) : (
        <Room key={openId} id={openId} />
      )}
    </main>
  );
}
