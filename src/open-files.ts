/** How many files, sockets among them, the process may have open. */

/** The soft limit; null where the system has none, or does not tell. */
export function openFilesLimit(): number | null {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : null;
}
