/** The frame: where one can go, how the contact is, and the screen that is shown. */

import { useEffect } from 'preact/hooks'
import { access } from '../api/door.ts'
import { route } from '../route/route.ts'
import { DeadScreen } from '../screens/dead.tsx'
import { LoginScreen } from '../screens/login.tsx'
import { OverviewScreen } from '../screens/overview.tsx'
import { QueuesScreen } from '../screens/queues.tsx'
import { SubmitScreen } from '../screens/submit.tsx'
import { TaskScreen } from '../screens/task.tsx'
import { TasksScreen } from '../screens/tasks.tsx'
import { WorkersScreen } from '../screens/workers.tsx'
import { language, t } from '../words/words.ts'
import { Head } from './head.tsx'
import { KeyList } from './key-list.tsx'
import { onKey } from './keys.ts'
import { Navigation } from './navigation.tsx'
import { QuestionDialog } from './question.tsx'
import { NewestReceipt, ReceiptList } from './receipts.tsx'

export function App() {
  const { screen, id } = route.value
  const title = t(`nav.${screen}`)
  useEffect(() => {
    const name = screen === 'task' ? id : title
    document.title = access.value === 'asked' ? 'Chasqui' : `${name} · Chasqui`
  }, [title, id, access.value, language.value])
  useEffect(() => {
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  if (access.value === 'asked') return <LoginScreen />
  return (
    <div class="frame">
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        {t('nav.skip')}
      </button>
      <Navigation />
      <Head title={title} />
      <main id="content" tabIndex={-1} class={`content content-${screen}`}>
        <Shown key={screen === 'task' ? id : screen} />
      </main>
      <NewestReceipt />
      <QuestionDialog />
      <ReceiptList />
      <KeyList />
    </div>
  )
}

function Shown() {
  const { screen, id } = route.value
  switch (screen) {
    case 'overview':
      return <OverviewScreen />
    case 'tasks':
      return <TasksScreen />
    case 'task':
      return <TaskScreen id={id} />
    case 'dead':
      return <DeadScreen />
    case 'workers':
      return <WorkersScreen />
    case 'queues':
      return <QueuesScreen />
    case 'submit':
      return <SubmitScreen />
  }
}
