/** A conversation's channel over an engine whose announcements a test decides on, and a listener that keeps what it is told. */
import { ConversationChannel } from '../../src/delivery/conversations/channel.ts';
import type { ChannelListener, ConversationCause, ReadMoved } from '../../src/delivery/conversations/listeners.ts';
import { Merging } from '../../src/delivery/conversations/merging.ts';
import type { Engine, LeaveReason } from '../../src/engine/port.ts';
import type { ServiceError } from '../../src/errors.ts';
import type {
  ConversationId,
  ConversationRecord,
  Membership,
  MessageChange,
  MessageRecord,
  Position,
  Retention,
  TypingRecord,
  UserId,
} from '../../src/model.ts';
import { alice, bob, carol, createGroup, sendText, tenant } from '../support/world.ts';
import { logging } from './listening.ts';
import { TappedEngine } from './tapped-engine.ts';

/** Keeps what it is told as text. */
export class Ear implements ChannelListener {
  readonly heard: string[] = [];
  readonly messages: MessageRecord[] = [];
  readonly takesText: boolean;
  readonly member: UserId | null;
  readonly takesConversation: boolean;
  readonly takesReads: boolean;
  constructor(member: UserId | null = null, takesConversation = false, takesReads = false, takesText = true) {
    this.member = member;
    this.takesConversation = takesConversation;
    this.takesReads = takesReads;
    this.takesText = takesText;
  }
  isOf(membership: Membership | null): boolean {
    return this.member === null || membership !== null;
  }
  onMessage(change: MessageChange, message: MessageRecord): void {
    this.messages.push(message);
    this.heard.push(`${change} ${message.content}`);
  }
  onHead({ place }: Position): void {
    this.heard.push(`head ${place}`);
  }
  onConversation({ name, lastSequence }: ConversationRecord, cause: ConversationCause): void {
    this.heard.push(`${cause} ${name} ${lastSequence}`);
  }
  onRead({ userId, sequence }: ReadMoved): void {
    this.heard.push(`read ${userId} ${sequence}`);
  }
  onTyping({ userId, isTyping }: TypingRecord): void {
    this.heard.push(`${userId} ${isTyping ? 'types' : 'stops'}`);
  }
  onExtended(): void {
    this.heard.push('text');
  }
  onSettled(): void {
    this.heard.push('settled');
  }
  onStop({ content }: MessageRecord): void {
    this.heard.push(`stop ${content}`);
  }
  onLeft(userIds: readonly UserId[], why: LeaveReason | null): void {
    this.heard.push(`left ${userIds.join()} ${why}`);
  }
  onChannelEnd({ code, reason }: ServiceError): void {
    this.heard.push(`lost ${code} ${reason}`);
  }
  /** What it was told since the last look, but for `settled`. */
  take(): string[] {
    return this.heard.splice(0).filter((each) => each !== 'settled');
  }
}

interface Options {
  readonly retention?: Retention;
  readonly pageSize?: number;
}

export async function unopenedChannel({ retention = null, pageSize = 500 }: Options = {}) {
  const tap = new TappedEngine(retention);
  const id = await createGroup(tap.steady, alice, bob, carol);
  const gaps: string[] = [];
  const engine: Engine = new Proxy(tap.engine, {
    get: (target, name: keyof Engine) =>
      name === 'readLog'
        ? (...[of, conversation, after]: Parameters<Engine['readLog']>) =>
            target.readLog(of, conversation, after, pageSize)
        : target[name],
  });
  const { log, logged } = logging();
  const parts = { engine, clock: tap.clock, log, countGap: (outcome: string) => void gaps.push(outcome) };
  const create = (of: ConversationId): ConversationChannel =>
    new ConversationChannel({ ...parts, merging: new Merging(tap.clock, 0) }, tenant, of);
  const channel = create(id);
  const say = (content: string): Promise<MessageRecord> => sendText(tap.steady, id, alice, content);
  return { tap, id, channel, create, gaps, logged, say, engine: tap.steady };
}

export async function openedChannel(options: Options = {}, ear = new Ear()) {
  const parts = await unopenedChannel(options);
  expect(await parts.channel.open()).toBe(true);
  parts.channel.add(ear);
  return { ...parts, ear };
}
