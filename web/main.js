// The script of the report: draws what the page's data says. All text goes in as text, never as markup.
import { drawFlame, resetZoom, searchFlame } from './flame.js'
import { byId, isWithin, page } from './page.js'
import { drawTable, makeTable } from './table.js'
import { drawTimeline } from './timeline.js'

const choice = { view: 0, module: '', search: '', blocks: false, own: false, inverted: false, widthOfOld: false, tableOwn: true }

const system = matchMedia('(prefers-color-scheme: dark)')
const useTheme = (isDark) => { document.documentElement.dataset.theme = isDark ? 'dark' : 'light' }
useTheme(system.matches)
system.addEventListener('change', () => {
  useTheme(system.matches)
  drawFlame(choice)
})
byId('theme').addEventListener('click', () => {
  useTheme(document.documentElement.dataset.theme === 'light')
  drawFlame(choice)
})

// Buttons of which one is pressed; the values are those of their `data-value`.
function choose (id, key, redraw) {
  const group = byId(id)
  if (!group) return
  for (const button of group.querySelectorAll('button')) {
    button.addEventListener('click', () => {
      choice[key] = button.dataset.value === 'true'
      for (const other of group.querySelectorAll('button')) other.setAttribute('aria-pressed', String(other === button))
      redraw(choice)
    })
  }
}

function addOptions (list, names) {
  list.append(...names.map(([value, text]) => {
    const option = document.createElement('option')
    option.value = value
    if (text) option.textContent = text
    return option
  }))
}

function drawBoth () {
  drawFlame(choice)
  drawTable(choice)
}

choose('flame-own', 'own', drawFlame)
choose('order', 'inverted', drawFlame)
choose('unit', 'blocks', drawFlame)
choose('width', 'widthOfOld', drawFlame)
choose('table-own', 'tableOwn', drawTable)

addOptions(byId('domain'), page.views.map((view, i) => [String(i), view.name]))
byId('domain').addEventListener('change', () => {
  choice.view = Number(byId('domain').value)
  drawBoth()
})

addOptions(byId('modules'), [...page.modules].sort().map((name) => [name]))
byId('module').addEventListener('input', () => {
  const name = byId('module').value.trim()
  const isKnown = !name || page.modules.some((module) => isWithin(module, name))
  byId('module').setAttribute('aria-invalid', String(!isKnown))
  // What is being typed is no module yet.
  const module = isKnown ? name : ''
  if (module === choice.module) return
  choice.module = module
  drawBoth()
})

byId('search').addEventListener('input', () => {
  choice.search = byId('search').value
  searchFlame(choice)
})

function reset () {
  const isNarrowed = choice.module !== ''
  byId('search').value = choice.search = ''
  byId('module').value = choice.module = ''
  byId('module').setAttribute('aria-invalid', 'false')
  if (isNarrowed) drawBoth()
  resetZoom()
  searchFlame(choice)
}

byId('reset').addEventListener('click', reset)
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault()
    byId('search').focus()
  } else if (event.key === 'Escape') reset()
})

makeTable(choice)
drawTable(choice)
// What is drawn for a width, for each that its place gets.
function drawForWidth (place, draw) {
  let width = 0
  new ResizeObserver(() => {
    if (place.clientWidth !== width) {
      width = place.clientWidth
      draw()
    }
  }).observe(place)
}

drawForWidth(byId('flame'), () => drawFlame(choice))
if (page.series) {
  drawForWidth(byId('timeline'), () => {
    drawTimeline(byId('timeline'), byId('timeline-legend'), byId('timeline-details'), page.series)
  })
}
