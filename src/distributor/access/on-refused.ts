/** What the guards around the ports tell of refusals: the audit log hears it. */

/** Hears of each refusal that its caller gets as an answer and not as an error, or does not see at all. `ids`: of tasks, or names of schedules. */
export type OnRefused = (
  act: string,
  facts: { readonly ids: readonly string[]; readonly queue?: string },
) => void
