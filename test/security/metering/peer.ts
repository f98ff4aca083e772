/** One user with every way in: requests, a socket of each protocol, on either node. */

import type { TestClient } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import type { Nodes } from '../../support/nodes.ts';
import { connectRaw, type RawClient } from '../../support/raw-client.ts';
import type { Data } from '../../support/service.ts';
import type { Act } from './acts.ts';

export const WAYS = ['http', 'http elsewhere', 'graphql-ws', 'ws'] as const;
export type Way = (typeof WAYS)[number];

export interface Claims {
  readonly tenant: string;
  readonly scope: string;
}

const codeOf = ({ errors }: Data): string | null => errors?.[0]?.extensions.code ?? null;

export class Peer {
  readonly userId: string;
  readonly claims: Claims;
  readonly #nodes: Nodes;
  #socket: TestClient | null = null;
  #raw: RawClient | null = null;

  constructor(nodes: Nodes, userId: string, claims: Claims) {
    this.#nodes = nodes;
    this.userId = userId;
    this.claims = claims;
  }

  /** Whether a socket is opened for it. */
  opensFor({ frame }: Act, way: Way): boolean {
    if (way === 'graphql-ws') return this.#socket === null;
    return way === 'ws' && frame !== null && this.#raw === null;
  }

  /** Does it; the code of what was refused, and null for what was not. */
  async do({ document, frame }: Act, way: Way): Promise<string | null> {
    const { userId, claims } = this;
    const { here, there } = this.#nodes;
    switch (way) {
      case 'http':
        return codeOf(await here.query(userId, document, {}, claims));
      case 'http elsewhere':
        return codeOf(await there.query(userId, document, {}, claims));
      case 'graphql-ws':
        this.#socket ??= await here.connect(userId, claims);
        return codeOf(await this.#socket.query(document));
      case 'ws': {
        if (!frame) return codeOf(await here.query(userId, document, {}, claims));
        this.#raw ??= await connectRaw(here, userId, claims);
        const answer = await this.#raw.ask(frame.type, frame.data);
        return answer.type === 'Error' ? answer.data.code : null;
      }
    }
  }

  /** Whether one of its sockets was closed. */
  get isClosed(): boolean {
    const { socket } = this.#raw ?? {};
    return (this.#socket?.closes.length ?? 0) > 0 || (socket !== undefined && socket.readyState !== socket.OPEN);
  }

  /** Leaves its sockets; the next time it has others. */
  async leave(): Promise<void> {
    const [socket, raw] = [this.#socket, this.#raw];
    this.#socket = null;
    this.#raw = null;
    await socket?.close();
    raw?.socket.terminate();
    await eventually(() => expect(raw?.socket.readyState ?? 3).toBe(3));
  }
}
