/** The field in which a person writes. */
import { type FormEvent, type ReactElement, useRef, useState } from 'react';
import type { Room } from '../../client/src/index.ts';
import { useRealtime, useTyping } from '../../client/src/react/index.ts';
import { ASSISTANT, answer } from './assistant.ts';

interface ComposerProps {
  readonly userId: string;
  readonly conversationId: string;
  readonly hasAssistant: boolean;
}

const AT_ONCE = 10;
const MOST_CHARACTERS = 8_000;
const TOO_LONG = 'A message has at most 8,000 characters.';
const QUESTION = 'How does that work?';

/** The id that the service gave to a message of this client. Waits until the outbox has sent the message. */
function idOf(room: Room, key: string): Promise<string> {
  return new Promise((resolve) => {
    const look = (): void => {
      const found = room.messages.value.messages.find((message) => message.key === key);
      if (found?.status !== 'sent') return;
      stop();
      resolve(found.id);
    };
    const stop = room.messages.subscribe(look);
    look();
  });
}

export function Composer({ userId, conversationId, hasAssistant }: ComposerProps): ReactElement {
  const [text, setText] = useState('');
  const [typing, setTyping] = useTyping(conversationId);
  const room = useRealtime().conversation(conversationId);
  const input = useRef<HTMLInputElement>(null);

  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() === '') return;
    setText('');
    // The service ends typing with a message that it takes; it may refuse this one.
    setTyping(false);
    void room.send(text);
  };
  const ask = async (): Promise<void> => {
    const question = text.trim() || QUESTION;
    setText('');
    input.current?.focus();
    await answer(conversationId, await idOf(room, await room.send(question)));
  };
  const sendMany = async (): Promise<void> => {
    for (let index = 1; index <= AT_ONCE; index += 1) await room.send(`${index} of ${AT_ONCE}`);
  };
  const others = typing.filter((other) => other !== ASSISTANT);
  return (
    <form className="composer" onSubmit={send}>
      <p className="typing" role="status">
        {others.length > 0 && `${others.join(' and ')} ${others.length === 1 ? 'is' : 'are'} typing …`}
      </p>
      <div className="row">
        <label className="hidden" htmlFor={`text-${userId}`}>
          Message of {userId}
        </label>
        <input
          ref={input}
          id={`text-${userId}`}
          value={text}
          autoComplete="off"
          placeholder={`Write as ${userId}`}
          onChange={(event) => {
            setText(event.target.value);
            event.target.setCustomValidity([...event.target.value].length > MOST_CHARACTERS ? TOO_LONG : '');
            setTyping(event.target.value !== '');
          }}
        />
        <button type="submit" className="primary">
          Send
        </button>
      </div>
      <div className="row more">
        <button type="button" onClick={() => void sendMany()}>
          Send {AT_ONCE} at once
        </button>
        {hasAssistant && (
          <button type="button" onClick={() => void ask()}>
            Ask the assistant
          </button>
        )}
      </div>
    </form>
  );
}
