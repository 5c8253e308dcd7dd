/** How full something is: a bar with its numbers beside it. */

export function Meter({
  value,
  max,
  label,
  tone = 'accent',
}: {
  readonly value: number
  readonly max: number
  readonly label: string
  readonly tone?: 'accent' | 'good' | 'bad' | 'plain'
}) {
  const share = max <= 0 ? 0 : Math.min(1, value / max)
  return (
    <span
      class={`meter meter-${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(value, max)}
    >
      <span class="meter-fill" style={{ inlineSize: `${share * 100}%` }} />
    </span>
  )
}
