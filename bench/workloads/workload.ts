/** The description of a workload. */
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
  /** The figure that is compared and charted; a smaller one is better. */
  readonly main: { readonly figure: string; readonly unit: string };
  /** Peers that have columns of their own for the comparison. */
  readonly against: readonly PeerId[];
  measure(peer: PeerSpec): Promise<Figures>;
}

/** The size of the workloads. */
export interface Scale {
  /** Divides the number of sockets. */
  readonly sockets: number;
  /** Divides the time for which messages are published. */
  readonly time: number;
}

/** A number in the format of titles. */
export const grouped = (value: number): string => value.toLocaleString('en');
