/** The required behaviour of the service as a small model: no storage, no network, no races. */
import type { Data } from '../../support/service.ts';
import { type Act, ADMIN, type Names, ROLES } from './acts.ts';

type Role = (typeof ROLES)[number];
export type Outcome = 'OK' | 'NOT_FOUND' | 'FORBIDDEN' | 'BAD_USER_INPUT' | 'CONFLICT';

interface Member {
  readonly who: string;
  role: Role;
  read: number;
  hasRead: boolean;
}

interface Message {
  readonly within: Conversation;
  readonly sequence: number;
  readonly sender: string;
  readonly key: string | null;
  readonly replyTo: Message | null;
  /** As it was sent. */
  readonly said: string;
  content: string;
  isEdited: boolean;
  isDeleted: boolean;
  reactions: { readonly emoji: string; readonly users: string[] }[];
  id: string;
}

interface Conversation {
  id: string;
  readonly kind: 'DIRECT' | 'GROUP' | 'ROOM';
  readonly creator: string;
  name: string | null;
  members: Member[];
  readonly messages: Message[];
  /** Counts what happened. */
  activity: number;
}

const rankOf = (role: Role): number => ROLES.indexOf(role);

export class Model implements Names {
  readonly #retention: number;
  readonly #prefix: string;
  readonly #conversations = new Map<string, Conversation>();
  readonly #messages: Message[] = [];
  #now = 0;
  /** How many messages those who act know of; null: all there are. */
  known: number | null = null;
  /** What the last act made or found, of which the service tells the id. */
  #answer: Conversation | Message | null = null;

  constructor(retention: number, prefix: string) {
    this.#retention = retention;
    this.#prefix = prefix;
  }

  get messageCount(): number {
    return this.#messages.length;
  }

  conversation(who: string, place: string): string {
    return this.#at(who, place)?.id ?? (place.startsWith('with ') ? 'none' : this.#prefix + place);
  }

  message(which: number): string {
    return this.#messageAt(which)?.id ?? 'none';
  }

  /** Whether the answer of the last act is the one of the service; takes over what only that knows. */
  agrees({ id, sequence, conversationId }: Data): boolean {
    const answer = this.#answer;
    if (!answer) return true;
    if (answer.id === '') answer.id = id;
    if ('within' in answer && answer.within.id === '') answer.within.id = conversationId;
    return answer.id === id && (sequence === undefined || ('sequence' in answer && answer.sequence === sequence));
  }

  apply(act: Act): Outcome {
    this.#now += 1;
    this.#answer = null;
    if (act.do === 'create') return this.#create(act);
    if (act.do === 'openDirect') return this.#direct(act.who, act.whom);
    if (act.do === 'sendDirect') {
      const opened = this.#direct(act.who, act.whom);
      return opened === 'OK' ? this.#send({ ...act, place: `with ${act.whom}`, replyTo: null }) : opened;
    }
    if ('which' in act) return this.#onMessage(act);
    return act.do === 'send' ? this.#send(act) : this.#onConversation(act);
  }

  viewOf(who: string): Data {
    const own = [...this.#conversations.values()]
      .filter((each) => this.#memberOf(each, who))
      .sort((one, other) => other.activity - one.activity);
    const unread = own.map((each) => each.messages.length - (this.#memberOf(each, who)?.read ?? 0));
    return {
      unreadMessageCount: unread.reduce((sum, each) => sum + each, 0),
      conversations: own.map((each, index) => this.#show(each, who, unread[index] ?? 0)),
    };
  }

  #show({ id, kind, name, creator, members, messages }: Conversation, who: string, unread: number): Data {
    const kept = messages.filter((each) => this.#isKept(each));
    const peer = kind === 'DIRECT' ? members.find((member) => member.who !== who)?.who : undefined;
    const last = kept.at(-1);
    return {
      id,
      kind,
      name,
      createdBy: { id: creator },
      lastSequence: messages.length,
      memberCount: members.length,
      viewerRole: members.find((member) => member.who === who)?.role,
      unreadMessageCount: unread,
      peer: peer === undefined ? null : { id: peer },
      lastMessage: last ? { id: last.id } : null,
      members: {
        totalCount: members.length,
        nodes: members.map((member) => ({ user: { id: member.who }, role: member.role })),
      },
      readReceipts: {
        nodes: members
          .filter(({ hasRead }) => hasRead)
          .map((member) => ({ user: { id: member.who }, sequence: member.read })),
      },
      messages: kept.map((each) => ({
        id: each.id,
        sequence: each.sequence,
        content: each.content,
        senderId: each.sender,
        clientMessageId: each.key,
        editedAt: each.isEdited,
        deletedAt: each.isDeleted,
        replyTo: each.replyTo && this.#isKept(each.replyTo) ? { id: each.replyTo.id } : null,
        reactions: each.reactions.map(({ emoji, users }) => ({
          emoji,
          count: users.length,
          viewerReacted: users.includes(who),
          users: users.map((id) => ({ id })),
        })),
      })),
    };
  }

  #at(who: string, place: string): Conversation | undefined {
    const key = place.startsWith('with ') ? [who, place.slice('with '.length)].sort().join(' and ') : place;
    return this.#conversations.get(key);
  }

  #messageAt(which: number): Message | undefined {
    return this.#messages[(this.known ?? this.#messages.length) - 1 - which];
  }

  #memberOf({ members }: Conversation, who: string): Member | undefined {
    return members.find((member) => member.who === who);
  }

  #isKept({ within, sequence }: Message): boolean {
    return sequence > within.messages.length - this.#retention;
  }

  #rank(conversation: Conversation, who: string): number {
    if (who === ADMIN) return rankOf('OWNER');
    const member = this.#memberOf(conversation, who);
    return member ? rankOf(member.role) : -1;
  }

  #isSeen(conversation: Conversation | undefined, who: string): conversation is Conversation {
    return conversation !== undefined && this.#rank(conversation, who) >= 0;
  }

  #join(conversation: Conversation, users: readonly string[]): void {
    for (const who of users) {
      if (this.#memberOf(conversation, who)) continue;
      const role = conversation.members.length === 0 ? 'OWNER' : 'MEMBER';
      conversation.members.push({ who, role, read: conversation.messages.length, hasRead: false });
    }
  }

  #make(key: string, kind: Conversation['kind'], creator: string, id: string): Conversation {
    const made: Conversation = { id, kind, creator, name: null, members: [], messages: [], activity: this.#now };
    this.#conversations.set(key, made);
    return made;
  }

  #create({ who, place, kind, users }: Extract<Act, { do: 'create' }>): Outcome {
    const existing = this.#conversations.get(place);
    if (existing && (existing.creator !== who || !this.#memberOf(existing, who))) return 'CONFLICT';
    this.#answer = existing ?? this.#make(place, kind, who, this.#prefix + place);
    if (!existing) this.#join(this.#answer as Conversation, [who, ...users]);
    return 'OK';
  }

  #direct(who: string, whom: string): Outcome {
    if (who === whom) return 'BAD_USER_INPUT';
    const existing = this.#at(who, `with ${whom}`);
    this.#answer = existing ?? this.#make([who, whom].sort().join(' and '), 'DIRECT', who, '');
    if (!existing) this.#join(this.#answer as Conversation, [who, whom]);
    for (const member of (this.#answer as Conversation).members) member.role = 'MEMBER';
    return 'OK';
  }

  #send(act: Omit<Extract<Act, { do: 'send' }>, 'do'>): Outcome {
    const { who, place, content, key } = act;
    const within = this.#at(who, place);
    if (!this.#isSeen(within, who)) return 'NOT_FOUND';
    const sender = this.#memberOf(within, who);
    if (!sender) return 'FORBIDDEN';
    const replyTo = act.replyTo === null ? null : (this.#messageAt(act.replyTo) ?? 'none');
    const earlier = key && within.messages.find((each) => each.key === key && each.sender === who);
    if (earlier) {
      if (earlier.said !== content || earlier.replyTo !== replyTo || !this.#isKept(earlier)) return 'CONFLICT';
      this.#answer = earlier;
      return 'OK';
    }
    if (replyTo === 'none' || (replyTo && (replyTo.within !== within || !this.#isKept(replyTo))))
      return 'BAD_USER_INPUT';
    const sequence = within.messages.length + 1;
    const fresh = { isEdited: false, isDeleted: false, reactions: [], id: '' };
    const message: Message = { within, sequence, sender: who, key, replyTo, said: content, content, ...fresh };
    within.messages.push(message);
    this.#messages.push(message);
    within.activity = this.#now;
    Object.assign(sender, { read: sequence, hasRead: true });
    this.#answer = message;
    return 'OK';
  }

  #onMessage(act: Extract<Act, { which: number }>): Outcome {
    const message = this.#messageAt(act.which);
    if (!message || !this.#isKept(message) || !this.#isSeen(message.within, act.who)) return 'NOT_FOUND';
    const { who } = act;
    this.#answer = message;
    if (act.do === 'delete') {
      if (message.sender !== who && this.#rank(message.within, who) < rankOf('MODERATOR')) return 'FORBIDDEN';
      Object.assign(message, { content: '', isDeleted: true, reactions: [] });
      return 'OK';
    }
    if (!this.#memberOf(message.within, who)) return 'FORBIDDEN';
    if (act.do === 'edit' && message.sender !== who) return 'FORBIDDEN';
    if (act.do === 'unreact') {
      message.reactions = message.reactions
        .map(({ emoji, users }) => ({ emoji, users: users.filter((each) => emoji !== act.emoji || each !== who) }))
        .filter(({ users }) => users.length > 0);
      return 'OK';
    }
    if (message.isDeleted) return 'CONFLICT';
    if (act.do === 'edit') Object.assign(message, { content: act.content, isEdited: true });
    else this.#react(message, who, act.emoji);
    return 'OK';
  }

  #react({ reactions }: Message, who: string, emoji: string): void {
    const same = reactions.find((each) => each.emoji === emoji);
    if (!same) reactions.push({ emoji, users: [who] });
    else if (!same.users.includes(who)) same.users.push(who);
  }

  #onConversation(
    act: Extract<Act, { do: 'rename' | 'join' | 'leave' | 'add' | 'remove' | 'setRole' | 'read' }>,
  ): Outcome {
    const { who } = act;
    const conversation = this.#at(who, act.place);
    if (act.do === 'add' && act.users.length === 0) return 'BAD_USER_INPUT';
    if (act.do === 'join' && conversation?.kind === 'ROOM') {
      this.#join(conversation, [who]);
      return 'OK';
    }
    if (!this.#isSeen(conversation, who)) return 'NOT_FOUND';
    const own = this.#memberOf(conversation, who);
    switch (act.do) {
      case 'join':
        return own ? 'OK' : 'FORBIDDEN';
      case 'read':
        return own ? this.#read(conversation, own, act.sequence) : 'NOT_FOUND';
      case 'leave':
        if (!own) return 'NOT_FOUND';
        return conversation.kind === 'DIRECT' ? 'FORBIDDEN' : this.#part(conversation, own);
      default:
        return this.#manage(conversation, act);
    }
  }

  #read(conversation: Conversation, own: Member, sequence: number): Outcome {
    if (sequence > conversation.messages.length) return 'BAD_USER_INPUT';
    if (sequence > 0 && sequence >= own.read) Object.assign(own, { read: sequence, hasRead: true });
    return 'OK';
  }

  #part(conversation: Conversation, member: Member): Outcome {
    conversation.members = conversation.members.filter((each) => each !== member);
    const [eldest] = conversation.members;
    if (eldest && !conversation.members.some(({ role }) => role === 'OWNER')) eldest.role = 'OWNER';
    return 'OK';
  }

  #manage(conversation: Conversation, act: Extract<Act, { do: 'rename' | 'add' | 'remove' | 'setRole' }>): Outcome {
    const rank = this.#rank(conversation, act.who);
    if (rank < rankOf(act.do === 'setRole' ? 'OWNER' : 'MODERATOR')) return 'FORBIDDEN';
    if (conversation.kind === 'DIRECT') return 'FORBIDDEN';
    if (act.do === 'rename') conversation.name = act.name;
    if (act.do === 'add') this.#join(conversation, act.users);
    if (act.do !== 'remove' && act.do !== 'setRole') return 'OK';
    const target = this.#memberOf(conversation, act.whom);
    if (!target) return 'NOT_FOUND';
    if (act.do === 'remove') {
      if (rank < rankOf('OWNER') && rank <= rankOf(target.role)) return 'FORBIDDEN';
      return this.#part(conversation, target);
    }
    const owners = conversation.members.filter(({ role }) => role === 'OWNER');
    if (target.role === 'OWNER' && act.role !== 'OWNER' && owners.length === 1) return 'CONFLICT';
    target.role = act.role;
    return 'OK';
  }
}
