/** The limit of open files of the process, and the connections that fit. */
import { LIMITS } from './limits.ts';
import type { Log } from './log.ts';

/** The soft limit; null where the system has none, or does not report it. */
export function openFilesLimit(): number | null {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : null;
}

/** The configured number of sockets, or fewer if the limit of open files requires it. */
export function socketsWithin(maxConnections: number, openFiles: number | null, log: Log): number {
  const most = openFiles === null ? maxConnections : Math.max(openFiles - LIMITS.otherFiles, 1);
  if (most >= maxConnections) return maxConnections;
  log.warn(
    { maxConnections, openFiles, accepted: most },
    'MAX_CONNECTIONS is more than the limit of open files allows',
  );
  return most;
}

/** The plain connections that fit beside the sockets and half of the files reserved for other purposes. */
export function plainWithin(sockets: number, openFiles: number | null): number {
  const left = openFiles === null ? LIMITS.plainConnections : openFiles - sockets - LIMITS.otherFiles / 2;
  return Math.max(Math.min(left, LIMITS.plainConnections), 1);
}
