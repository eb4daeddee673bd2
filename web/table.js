// The table of lines: sorted by a click or Enter on a heading, narrowed by a search and by the page's choice.
import { byId, excerptOf, fullName, functionOf, isWithin, lineOf, moduleOf, page, placeOf, sourceOf } from './page.js'
import { bytes, counted, number, share, signed } from './units.js'

const STEP = 25

const searchField = byId('table-search')
const state = { own: true, shown: STEP, order: null }
let columns = []
let rows = []
let total = { size: 0, count: 0 }

function columnsNow () {
  const list = [
    { key: 'where', title: 'Where', text: true },
    { key: 'size', title: 'Size', format: bytes },
    { key: 'count', title: 'Blocks', format: number },
    { key: 'average', title: 'Average', format: bytes },
    { key: 'part', title: 'Share', format: share, bar: true }
  ]
  if (page.compared) {
    list.splice(2, 0, { key: 'change', title: 'Change', format: (n) => signed(n, bytes) })
    list.splice(4, 0, { key: 'countChange', title: 'Blocks ±', format: (n) => signed(n, number) })
  }
  return list
}

// The numbers of a view's lines, of what they allocated themselves or with all that they called.
function rowsOf (lines) {
  const [size, count] = state.own ? [lines.size, lines.count] : [lines.cumulative, lines.cumulativeCount]
  const [old, oldCount] = state.own ? [lines.old, lines.oldCount] : [lines.oldCumulative, lines.oldCumulativeCount]
  const made = []
  for (let i = 0; i < size.length; i++) {
    // Who only calls has nothing of its own.
    if (!count[i] && !(oldCount && oldCount[i])) continue
    const label = lines.label[i]
    const row = {
      label,
      where: fullName(label),
      size: size[i],
      count: count[i],
      average: count[i] ? size[i] / count[i] : 0,
      part: total.size ? size[i] / total.size : 0
    }
    if (old) {
      row.change = size[i] - old[i]
      row.countChange = count[i] - oldCount[i]
      row.mark = !count[i] ? 'gone' : !oldCount[i] ? 'new' : ''
    }
    made.push(row)
  }
  return made
}

function make (name, className, text) {
  const element = document.createElement(name)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}

function sourceCell (row) {
  const source = sourceOf(row.label)
  if (!source) return []
  const excerpt = excerptOf(row.label)
  const button = make('button', 'source', source.trim())
  button.type = 'button'
  button.title = 'Show the lines around it'
  button.setAttribute('aria-expanded', 'false')
  const around = make('pre', 'excerpt')
  around.hidden = true
  for (const [n, text] of excerpt) {
    const line = make('span', n === lineOf(row.label) ? 'own' : '')
    line.append(make('span', 'number', n), `${text}\n`)
    around.append(line)
  }
  button.addEventListener('click', () => {
    around.hidden = !around.hidden
    button.setAttribute('aria-expanded', String(!around.hidden))
  })
  return [button, around]
}

function cell (row, column) {
  const td = make('td')
  if (!column.text) {
    td.className = 'number'
    td.textContent = column.format(row[column.key])
    if (column.bar) td.style.setProperty('--part', `${Math.min(100, 100 * row[column.key])}%`)
    if (column.bar) td.classList.add('bar')
    if (column.key === 'change' && row.change) td.classList.add(row.change > 0 ? 'grew' : 'shrank')
    return td
  }
  const where = make('div', 'where')
  const name = functionOf(row.label)
  if (name) where.append(make('b', '', name), ' ', make('span', 'place', `(${placeOf(row.label)})`))
  else where.append(row.where)
  if (row.mark) where.append(' ', make('span', 'mark', row.mark))
  td.append(where, ...sourceCell(row))
  return td
}

function compare (a, b) {
  let [x, y] = [a[state.order.key], b[state.order.key]]
  if (state.order.absolute) [x, y] = [Math.abs(x), Math.abs(y)]
  const sign = x < y ? -1 : x > y ? 1 : 0
  return state.order.down ? -sign : sign
}

function draw (module) {
  const term = searchField.value.toLowerCase()
  const found = rows.filter((row) => (!module || isWithin(moduleOf(row.label), module)) &&
    (!term || `${row.where} ${sourceOf(row.label)}`.toLowerCase().includes(term)))
  found.sort(compare)
  for (const column of columns) {
    column.head.setAttribute('aria-sort', column.key !== state.order.key ? 'none' : state.order.down ? 'descending' : 'ascending')
  }
  byId('table').tBodies[0].replaceChildren(...found.slice(0, state.shown).map((row) => {
    const tr = make('tr')
    tr.append(...columns.map((column) => cell(row, column)))
    return tr
  }))
  byId('table-shown').textContent = found.length > state.shown
    ? `${number(state.shown)} of ${counted(found.length, 'line')}`
    : counted(found.length, 'line')
  byId('more').hidden = found.length <= state.shown
}

export function makeTable (choice) {
  const head = make('tr')
  columns = columnsNow()
  state.order = page.compared ? { key: 'change', down: true, absolute: true } : { key: 'size', down: true }
  for (const column of columns) {
    const th = make('th', column.text ? '' : 'number')
    const button = make('button', '', column.title)
    button.type = 'button'
    button.addEventListener('click', () => {
      state.order = { key: column.key, down: state.order.key === column.key ? !state.order.down : !column.text }
      draw(choice.module)
    })
    th.scope = 'col'
    th.append(button)
    head.append(th)
    column.head = th
  }
  byId('table').createTHead().append(head)
  byId('table').createTBody()
  searchField.addEventListener('input', () => {
    state.shown = STEP
    draw(choice.module)
  })
  byId('more').addEventListener('click', () => {
    state.shown *= 4
    draw(choice.module)
  })
}

export function drawTable (choice) {
  const view = page.views[choice.view]
  total = { size: view.callers.size[0], count: view.callers.count[0] }
  state.own = choice.tableOwn
  state.shown = STEP
  rows = rowsOf(view.lines)
  byId('left-out').textContent = view.linesLeftOut
    ? `The page leaves out ${counted(view.linesLeftOut, 'smaller line')}.`
    : ''
  draw(choice.module)
}
