/** Builds the web page into dist/dashboard, if something changed. */
export function buildPageIfNeeded(node: string): void
