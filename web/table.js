// The table of lines: sorted by a click or Enter on a heading, narrowed by a search.
import { bytes, number, share, signed } from './units.js'

const SHOWN = 200

function columnsOf (page) {
  const columns = [
    { key: 'where', title: 'Where', format: String, text: true },
    { key: 'size', title: 'Size', format: bytes },
    { key: 'count', title: 'Blocks', format: number },
    { key: 'average', title: 'Average', format: bytes },
    { key: 'part', title: 'Share', format: share },
    { key: 'cumulative', title: 'With callees', format: bytes }
  ]
  if (page.compared) {
    columns.splice(2, 0, { key: 'sizeDiff', title: 'Change', format: (n) => signed(n, bytes) })
    columns.splice(4, 0, { key: 'countDiff', title: 'Blocks ±', format: (n) => signed(n, number) })
  }
  return columns
}

function cell (row, column) {
  const td = document.createElement('td')
  if (!column.text) {
    td.className = 'number'
    td.textContent = column.format(row[column.key])
    return td
  }
  const place = document.createElement('div')
  place.className = 'where'
  place.textContent = row.where
  td.append(place)
  if (row.mark) {
    const mark = document.createElement('span')
    mark.className = 'mark'
    mark.textContent = row.mark
    place.append(' ', mark)
  }
  if (row.source) {
    const source = document.createElement('code')
    source.textContent = row.source
    td.append(source)
  }
  return td
}

export function drawTable (table, searchField, shownNote, page) {
  const columns = columnsOf(page)
  const rows = page.lines
  let order = page.compared ? { key: 'sizeDiff', down: true, absolute: true } : { key: 'size', down: true }

  const head = document.createElement('tr')
  for (const column of columns) {
    const th = document.createElement('th')
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = column.title
    button.addEventListener('click', () => {
      order = { key: column.key, down: order.key === column.key ? !order.down : !column.text }
      draw()
    })
    th.scope = 'col'
    th.className = column.text ? '' : 'number'
    th.append(button)
    head.append(th)
    column.head = th
  }
  table.createTHead().append(head)
  const body = table.createTBody()

  function compare (a, b) {
    let [x, y] = [a[order.key], b[order.key]]
    if (order.absolute) [x, y] = [Math.abs(x), Math.abs(y)]
    const sign = x < y ? -1 : x > y ? 1 : 0
    return order.down ? -sign : sign
  }

  function draw () {
    const term = searchField.value.toLowerCase()
    const found = rows.filter((row) => !term || `${row.where} ${row.source || ''}`.toLowerCase().includes(term))
    found.sort(compare)
    for (const column of columns) {
      column.head.setAttribute('aria-sort', column.key !== order.key ? 'none' : order.down ? 'descending' : 'ascending')
    }
    body.replaceChildren(...found.slice(0, SHOWN).map((row) => {
      const tr = document.createElement('tr')
      tr.append(...columns.map((column) => cell(row, column)))
      return tr
    }))
    shownNote.textContent = found.length > SHOWN
      ? `${SHOWN} of ${number(found.length)} lines; search for the others`
      : `${number(found.length)} lines`
  }

  searchField.addEventListener('input', draw)
  draw()
}
