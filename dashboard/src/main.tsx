/** Where the page begins: language and theme as they were left, then the frame around the screens. */

import { render } from 'preact'
import { resumeSession } from './api/session.ts'
import { App } from './frame/app.tsx'
import { keepStatsFresh } from './live/stats.ts'
import { applyTheme } from './look/theme.ts'
import { followRoute } from './route/route.ts'
import { applyLanguage } from './words/words.ts'
import './style/tokens.css'
import './style/frame.css'
import './style/parts.css'
import './style/marks.css'
import './style/rows.css'
import './style/screens.css'

applyTheme()
applyLanguage()
followRoute()
void resumeSession()
keepStatsFresh()
render(<App />, document.getElementById('page')!)
