/** A field with its label. */

import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

export function Field({
  label,
  hint,
  children,
}: {
  readonly label: string
  readonly hint?: string
  readonly children: (id: string) => ComponentChildren
}) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint !== undefined && <span class="hint">{hint}</span>}
    </div>
  )
}
