/** Random texts that only members may read, and the search for them in everything that others receive. */
import type { ConversationId, TenantId, UserId } from '../../../src/model.ts';
import type { Random } from '../../faults/random.ts';

export interface Place {
  readonly tenant: TenantId;
  readonly conversation: ConversationId;
}

export interface Secrets {
  /** A new secret of this conversation. */
  plant(place: Place): string;
  /** It was not taken, so that it is nobody's. */
  forget(secret: string): void;
  /** The users are members now: they may learn what was planted up to now, and what is from now on. */
  noteMembers(place: Place, members: readonly UserId[]): void;
  /** Where the secrets of a text were planted, each once. */
  foundIn(text: string): { readonly secret: string; readonly place: Place }[];
  /** Whether the user has been a member of its conversation at any time since it was planted. */
  mayHaveLearnt(secret: string, userId: UserId): boolean;
}

interface Planted {
  readonly place: Place;
  readonly learnt: Set<UserId>;
}

export function createSecrets(random: Random): Secrets {
  const planted = new Map<string, Planted>();
  const members = new Map<string, readonly UserId[]>();
  const keyOf = ({ tenant, conversation }: Place): string => JSON.stringify([tenant, conversation]);
  return {
    plant(place) {
      const secret = `sk-${Math.floor(random() * 2 ** 52).toString(36)}-${planted.size}x`;
      planted.set(secret, { place, learnt: new Set(members.get(keyOf(place)) ?? []) });
      return secret;
    },
    forget: (secret) => void planted.delete(secret),
    noteMembers(place, now) {
      const key = keyOf(place);
      members.set(key, now);
      for (const each of planted.values()) {
        if (keyOf(each.place) === key) for (const userId of now) each.learnt.add(userId);
      }
    },
    foundIn(text) {
      const found = new Set(text.match(/sk-[a-z0-9]+-\d+x/g) ?? []);
      return [...found].flatMap((secret) => {
        const known = planted.get(secret);
        return known ? [{ secret, place: known.place }] : [];
      });
    },
    mayHaveLearnt: (secret, userId) => planted.get(secret)?.learnt.has(userId) ?? true,
  };
}
