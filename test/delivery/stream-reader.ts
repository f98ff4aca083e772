/** Streams over conversations on an engine whose announcements and answers a test decides on, and what they tell as text. */
import { RenewableBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { eventWithAccess } from '../../src/delivery/conversations/access-ended.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import type { LiveStream } from '../../src/delivery/stream.ts';
import { ServiceError } from '../../src/errors.ts';
import type { ConversationId, Position, Retention, Viewer } from '../../src/model.ts';
import { alice, bob, sendText, silentLog, viewerOf } from '../support/world.ts';
import { TappedEngine } from './tapped-engine.ts';

export const NOWHERE: ReadonlyMap<ConversationId, Position> = new Map();
export const asAdmin = { scopes: new Set(['realtime:admin']) };

export function openStreams(retention: Retention = null, streamMergeMs = 0) {
  const tap = new TappedEngine(retention);
  const resumes: string[] = [];
  const gaps: string[] = [];
  const delivery = createDelivery({
    engine: tap.engine,
    clock: tap.clock,
    log: silentLog,
    countGap: (outcome) => void gaps.push(outcome),
    countResume: (outcome) => void resumes.push(outcome),
    streamMergeMs,
  });
  const say = (id: ConversationId, content: string) => sendText(tap.steady, id, alice, content);
  const reader = (more: Partial<Viewer> = {}) => new RenewableBearer(viewerOf(bob, more));
  return { tap, delivery, resumes, gaps, say, reader };
}

/** What a stream tells, as text. */
export function heardOf(stream: LiveStream<object>): { take(): string[] } {
  const heard: string[] = [];
  const shown = (event: object): string => {
    try {
      const told = eventWithAccess(event);
      if ('content' in told) return String(told.content);
      if ('news' in told) return String(told.news);
      if ('isTyping' in told && 'userId' in told) return `${told.userId} ${told.isTyping ? 'types' : 'stops'}`;
      return 'name' in told ? `named ${told.name}` : 'text';
    } catch (error) {
      return error instanceof ServiceError ? error.code : 'broken';
    }
  };
  stream.pipe({
    push: (event) => void heard.push(shown(event)),
    end: (error) => void heard.push(`end ${error?.code ?? ''} ${error?.reason ?? ''}`.trim()),
    withdraw: () => undefined,
    isCongested: () => false,
    onRoom: resumeNow,
  });
  return { take: () => heard.splice(0) };
}
