/** The few drawings of the page, as lines on a field of 20 by 20. They say nothing that words beside them do not say. */

const DRAWINGS = {
  overview: 'M3 16V9m4.7 7V4m4.6 12v-6M17 16V7',
  tasks: 'M3 5h2m3 0h9M3 10h2m3 0h9M3 15h2m3 0h9',
  dead: 'M10 3 18 16.5H2zM10 8v4m0 2.2v.1',
  workers: 'M4 4h12v5H4zM4 11h12v5H4zM6.5 6.5h.1M6.5 13.5h.1',
  queues: 'M3 6.5 10 3l7 3.5-7 3.5zM3 10l7 3.5 7-3.5M3 13.5 10 17l7-3.5',
  submit: 'M10 4v12M4 10h12',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1',
  moon: 'M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5z',
  system: 'M3 4h14v9H3zM7 17h6M10 13v4',
  retry: 'M15.5 6.5A6.5 6.5 0 1 0 16.5 11M16 3v4h-4',
  cancel: 'M5 5l10 10M15 5 5 15',
  drain: 'M4 4h12l-4.5 6v6l-3-1.5V10z',
  pause: 'M7 4v12M13 4v12',
  play: 'M6 4l10 6-10 6z',
  copy: 'M7 7h9v9H7zM13 7V4H4v9h3',
  back: 'M12 4l-6 6 6 6',
  search: 'M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3M13.5 13.5 17 17',
  keys: 'M2.5 5h15v10h-15zM5.5 8h.1M8.5 8h.1M11.5 8h.1M14.5 8h.1M6 12h8',
  receipt: 'M5 3h10v14l-2.5-1.5L10 17l-2.5-1.5L5 17zM8 7h4M8 10.5h4',
  leave: 'M8 4H4v12h4M12 6l4 4-4 4M16 10H8',
} as const

export type IconName = keyof typeof DRAWINGS

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={DRAWINGS[name]} />
    </svg>
  )
}
