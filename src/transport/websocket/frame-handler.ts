/** The protocol of one connection: graphql-ws, or the frames of `/ws`. */

export interface FrameHandler {
  /** Handles one frame; resolves when the next may follow. */
  handle(text: string): Promise<void>;
  /** Nothing is sent any more. */
  onPeerEnd?(): void;
}

/** The frames that a protocol sends before a close with this code. */
export type FinalFrames = (code: number, reason: string) => readonly string[];
