/** The channels that a process listens to for its clients. It listens to the settings of tenants for itself. */
import type { SettingKind } from '../../../src/engine/port.ts';

const SETTINGS: Readonly<Record<SettingKind, true>> = { 'routing-rules': true, 'topic-policies': true };

/** By kind; nothing of which there is none. */
export const ofClients = (listening: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(listening).filter(([kind, count]) => count !== 0 && !(kind in SETTINGS)));
