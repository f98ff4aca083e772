/**
 * The viewer's own conversations, which a stream follows: read when it begins, and again when they may have changed.
 */
import type { Bearer } from '../../access/bearer.ts';
import type { Clock } from '../../clock.ts';
import type { Engine, Listening } from '../../engine/port.ts';
import type { ServiceError } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, MessageRecord } from '../../model.ts';
import type { FollowedConversation } from '../conversations/followed-conversation.ts';
import { asServiceError } from '../conversations/replay.ts';
import { HiddenConversations } from './hidden-conversations.ts';
import type { ListReporter } from './list-reporter.ts';
import { type ListReading, OwnList } from './own-list.ts';

interface OwnConversationsContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
}

/** The stream that follows them. */
export interface OwnConversationsOwner {
  readonly isOpen: boolean;
  followed(): Iterable<FollowedConversation<object>>;
  find(id: ConversationId): FollowedConversation<object> | undefined;
  /** Follows all conversations when the stream begins. */
  followListed(listed: readonly ConversationId[]): Promise<void>;
  /** Follows those that are not followed yet, and returns them. */
  followFresh(listed: readonly ConversationId[]): Promise<readonly ConversationId[]>;
  /** All are followed. */
  onFollowed(fresh: readonly ConversationId[]): void;
  onFailed(error: ServiceError): void;
  /** A message that the viewer writes as a back end, for a user, is to stop. */
  onStop(message: MessageRecord): void;
}

export class OwnConversations {
  readonly #context: OwnConversationsContext;
  readonly #bearer: Bearer;
  readonly #reporter: ListReporter | undefined;
  readonly #owner: OwnConversationsOwner;
  readonly #list: OwnList;
  readonly #hidden = new HiddenConversations();
  #memberships: Listening | null = null;
  /**
   * Changes of the set run one after the other, the start first: a conversation counts as joined since only once all
   * others have their start.
   */
  #changing: Promise<void> = Promise.resolve();

  constructor(
    context: OwnConversationsContext,
    bearer: Bearer,
    reporter: ListReporter | undefined,
    owner: OwnConversationsOwner,
  ) {
    this.#context = context;
    this.#bearer = bearer;
    this.#reporter = reporter;
    this.#owner = owner;
    this.#list = new OwnList(context.engine, bearer, reporter?.listPosition ?? null);
  }

  /** Rejects as the engine and the owner do. */
  start(): Promise<void> {
    const started = this.#start();
    this.#changing = started.catch(() => undefined);
    return started;
  }

  async #start(): Promise<void> {
    const { tenant, userId } = this.#bearer.viewer;
    this.#memberships = await this.#context.engine.listen(
      { kind: 'memberships', tenant, id: userId },
      {
        onAnnouncement: (announcement) => {
          if (announcement.type === 'stop') return this.#owner.onStop(announcement.message);
          if (announcement.type !== 'membership') return;
          const { conversationId, hiddenAt } = announcement;
          if (hiddenAt === undefined) this.lookAgain(conversationId);
          else this.#hide(conversationId, hiddenAt);
        },
        onInterrupted: () => {
          this.#list.doubtAll();
          this.#reconcile();
        },
      },
    );
    const reading = await this.#read();
    await this.#owner.followListed(reading.ids);
    this.#list.confirm(reading);
    this.#reporter?.onListed();
  }

  /** Reads again whether the viewer is in the conversation. */
  lookAgain(id: ConversationId): void {
    this.#list.doubt(id);
    this.#reconcile();
  }

  /** Applies to a followed conversation whether it is hidden from the viewer. */
  applyHidden(following: FollowedConversation<object>): void {
    this.#hidden.applyTo(following);
  }

  /** The conversation is no longer hidden. */
  show(id: ConversationId): void {
    this.#hidden.show(id);
  }

  close(): void {
    const { log } = this.#context;
    this.#memberships?.close().catch((error: unknown) => log.warn({ err: error }, 'stream not closed'));
  }

  #hide(id: ConversationId, sequence: number): void {
    this.#hidden.hide(id, sequence);
    const following = this.#owner.find(id);
    if (following) this.#hidden.applyTo(following);
  }

  async #read(): Promise<ListReading> {
    const reading = await this.#list.read();
    if (!reading.asked) {
      await this.#hidden.read(this.#context.engine, this.#bearer.viewer);
      this.#hidden.applyToAll(this.#owner.followed());
    }
    await this.#reporter?.take(reading);
    return reading;
  }

  /** Follows the conversations that the viewer joined since; one run at a time, since each continues the read of the one before. */
  #reconcile(): void {
    const owner = this.#owner;
    this.#changing = this.#changing.then(async () => {
      if (!owner.isOpen) return;
      try {
        const reading = await this.#read();
        const fresh = await owner.followFresh(reading.ids);
        this.#list.confirm(reading);
        owner.onFollowed(fresh);
      } catch (error) {
        const known = asServiceError(error);
        if (known.code === 'SERVICE_UNAVAILABLE') this.#context.clock.after(TIMES.retryMs, () => this.#reconcile());
        else owner.onFailed(known);
      }
    });
  }
}
