/** What every workload says about itself. */
import type { PeerId, PeerSpec } from '../catalogue.ts';

export type Figures = Readonly<Record<string, number>>;

export interface Column {
  readonly figure: string;
  readonly heading: string;
  readonly digits: number;
}

export interface Workload {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly peers: readonly PeerId[];
  readonly columns: readonly Column[];
  /** The figure that is compared and charted; less is better. */
  readonly main: { readonly figure: string; readonly unit: string };
  /** Peers it is compared with in columns of their own. */
  readonly against: readonly PeerId[];
  measure(peer: PeerSpec): Promise<Figures>;
}

/** How large the workloads are. */
export interface Scale {
  /** Divides the number of sockets. */
  readonly sockets: number;
  /** Divides how long messages are published. */
  readonly time: number;
}

/** A number as titles show it. */
export const grouped = (value: number): string => value.toLocaleString('en');
