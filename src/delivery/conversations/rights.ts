/** What the viewer of a stream over conversations may see, by their current token. */
import type { Bearer, RenewalListener } from '../../access/bearer.ts';
import { isAdmin } from '../../access/rights.ts';
import type { Engine } from '../../engine/port.ts';
import { askInParts } from '../../in-parts.ts';
import type { ConversationId, Membership, Viewer } from '../../model.ts';
import type { FollowedConversation } from './followed-conversation.ts';

/** The stream whose rights they are. */
export interface RightsOwner {
  readonly isOpen: boolean;
  isFollowed(following: FollowedConversation<object>): boolean;
  followedIds(): readonly ConversationId[];
  /** The new token gives no access to these conversations. */
  onRefused(ids: readonly ConversationId[]): void;
  /** The viewer has left the conversation, and no announcement said so. */
  onLeftUnannounced(id: ConversationId): void;
  /** Calls again later, while the stream is open. */
  retry(error: unknown, again: () => void): void;
}

export class Rights implements RenewalListener {
  readonly #engine: Engine;
  readonly #bearer: Bearer;
  readonly #areNamed: boolean;
  readonly #owner: RightsOwner;

  /** `areNamed`: the client named the conversations. */
  constructor(engine: Engine, bearer: Bearer, areNamed: boolean, owner: RightsOwner) {
    this.#engine = engine;
    this.#bearer = bearer;
    this.#areNamed = areNamed;
    this.#owner = owner;
    bearer.listen(this);
  }

  /** By the present token. */
  get viewer(): Viewer {
    return this.#bearer.viewer;
  }

  /** Whether the viewer is an admin who named the conversations: membership is not needed then. */
  get seesAll(): boolean {
    return this.#areNamed && isAdmin(this.viewer);
  }

  /** The viewer's memberships; null: not a member. */
  memberships(ids: readonly ConversationId[]): Promise<readonly (Membership | null)[]> {
    const { tenant, userId } = this.viewer;
    return this.#engine.readMemberships(
      tenant,
      ids.map((conversationId) => ({ conversationId, userId })),
    );
  }

  /** The conversations that the viewer may see; none once the stream has ended. No channel opens for others, however many are named. */
  async visible(ids: readonly ConversationId[]): Promise<readonly ConversationId[]> {
    if (this.seesAll) return ids;
    const visible = await askInParts(ids, async (part) => {
      if (!this.#owner.isOpen) return [];
      const memberships = await this.memberships(part);
      return part.filter((_, index) => memberships[index]);
    });
    return this.#owner.isOpen ? visible.flat() : [];
  }

  /** Stops following a conversation that the viewer has left. A viewer who was added again has another membership. */
  async confirmMember(following: FollowedConversation<object>): Promise<void> {
    if (this.seesAll) return;
    const { id } = following.channel;
    const [membership] = await this.memberships([id]);
    if (!following.isOf(membership ?? null) && this.#owner.isFollowed(following)) this.#owner.onLeftUnannounced(id);
  }

  /** The same, and never rejects. */
  async confirm(following: FollowedConversation<object>): Promise<void> {
    try {
      await this.confirmMember(following);
    } catch (error) {
      await new Promise<void>((resolve) => this.#owner.retry(error, resolve));
      await this.confirm(following);
    }
  }

  /** The token was replaced. */
  onRenewed(): void {
    void this.#reauthorise();
  }

  close(): void {
    this.#bearer.unlisten(this);
  }

  /** Leaves the conversations that the new token gives no access to (G17). */
  async #reauthorise(): Promise<void> {
    const owner = this.#owner;
    if (this.seesAll || !owner.isOpen) return;
    const followed = owner.followedIds();
    try {
      const visible = new Set(await this.visible(followed));
      // The stream may have ended meanwhile; it follows nothing then.
      if (owner.isOpen) owner.onRefused(followed.filter((id) => !visible.has(id)));
    } catch (error) {
      owner.retry(error, () => void this.#reauthorise());
    }
  }
}
