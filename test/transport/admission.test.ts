/** Sessions by which a socket goes on: each is watched once, however often its tokens take turns. */
import type { Viewer } from '../../src/model.ts';
import { Admission, type AdmissionOptions } from '../../src/transport/admission.ts';
import type { Connection } from '../../src/transport/connection.ts';

it('G10: a socket that swaps the tokens of two sessions by turns watches two sessions', async () => {
  let watched = 0;
  const watchSession = async () => {
    watched += 1;
    return () => undefined;
  };
  const admission = new Admission({ watchSession } as unknown as AdmissionOptions);
  const connection = { isOpen: true, onClose: () => undefined, close: () => undefined } as unknown as Connection;
  const viewer = (sessionId: string): Viewer => ({ sessionId }) as unknown as Viewer;
  for (let n = 0; n < 30; n += 1) await admission.watch(connection, viewer(n % 2 ? 'a' : 'b'));
  expect(watched).toBe(2);
});

it('G08: one that could not be watched is watched when it is tried again', async () => {
  let tries = 0;
  const watchSession = async () => {
    tries += 1;
    if (tries === 1) throw new Error('away');
    return () => undefined;
  };
  const admission = new Admission({ watchSession } as unknown as AdmissionOptions);
  const connection = { isOpen: true, onClose: () => undefined, close: () => undefined } as unknown as Connection;
  const viewer = { sessionId: 'a' } as unknown as Viewer;
  await expect(admission.watch(connection, viewer)).rejects.toThrow('away');
  await admission.watch(connection, viewer);
  expect(tries).toBe(2);
});
