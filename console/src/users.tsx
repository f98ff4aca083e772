/** Users, their tokens, and the links to GraphiQL. */
import { type ReactElement, useState } from 'react';
import { Avatar } from './avatar.tsx';
import { graphiqlOf, tokenOf } from './tokens.ts';

interface UsersProps {
  readonly users: readonly string[];
  readonly canAdd: boolean;
  readonly onAdd: () => void;
}

export function Users({ users, canAdd, onAdd }: UsersProps): ReactElement {
  return (
    <section className="card users" aria-labelledby="users-title">
      <h2 id="users-title">Users and tokens</h2>
      <ul>
        {users.map((userId) => (
          <User key={userId} userId={userId} />
        ))}
      </ul>
      {canAdd && (
        <button type="button" onClick={onAdd}>
          Add a user
        </button>
      )}
    </section>
  );
}

function User({ userId }: { readonly userId: string }): ReactElement {
  const [said, setSaid] = useState('');
  const copy = async (): Promise<void> => {
    const token = await tokenOf(userId);
    try {
      await navigator.clipboard.writeText(token);
      setSaid('copied');
    } catch {
      setSaid(token);
    }
  };
  // Make the token at the click, because it expires soon.
  const open = async (): Promise<void> => {
    const page = window.open('about:blank', '_blank');
    const address = graphiqlOf(await tokenOf(userId));
    if (page) page.location.href = address;
    else location.assign(address);
  };
  return (
    <li>
      <Avatar userId={userId} />
      <strong>{userId}</strong>
      <span className="actions">
        <button type="button" onClick={() => void copy()}>
          Copy token<span className="hidden"> of {userId}</span>
        </button>
        <button type="button" onClick={() => void open()}>
          GraphiQL<span className="hidden"> as {userId}, in a new tab</span>
        </button>
      </span>
      <output>{said}</output>
    </li>
  );
}
