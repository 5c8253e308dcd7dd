/**
 * Standard Schema V1 (https://standardschema.dev), written out by hand as its authors advise: any library that carries this
 * property fits (zod 4, valibot, arktype …) and Chasqui depends on none of them.
 */

export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    /** Resolves, or returns at once, with the value as the schema turns it out, or with what is wrong with it. */
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>
    /** For the type checker only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] }

export interface StandardSchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** `[2].name: expected string` for the first few issues: one line a person can act on. */
export function describeIssues(issues: readonly StandardSchemaIssue[], issuesMax: number): string {
  const shown = issues.slice(0, issuesMax).map((issue) => {
    const path = pathText(issue)
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  if (issues.length > issuesMax) shown.push(`and ${issues.length - issuesMax} more`)
  return shown.join('; ')
}

export function pathText(issue: StandardSchemaIssue): string {
  let text = ''
  for (const step of issue.path ?? []) {
    const key = typeof step === 'object' ? step.key : step
    if (typeof key === 'number') text += `[${key}]`
    else text += text === '' ? String(key) : `.${String(key)}`
  }
  return text
}
