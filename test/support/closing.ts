/** What a test opens, and closes when it ends. */

/** Returns a function that notes how to close what was opened. After each test all is closed, the last opened first. */
export function closingAfterEach() {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  return <Opened>(opened: Opened, close: (opened: Opened) => unknown): Opened => {
    closers.push(() => close(opened));
    return opened;
  };
}
