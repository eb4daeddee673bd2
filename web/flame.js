// The flame graph: drawn by d3-flame-graph, reached by mouse and keyboard.
import { flamegraph } from 'd3-flame-graph'
import { select } from 'd3-selection'
import { legend, ofFrame } from './colours.js'
import { byId, page } from './page.js'
import { emptied, throughModule, unfold } from './tree.js'
import { bytes, counted, number, share, signed } from './units.js'

const ROW = 22

let chart = null
let total = 0
// The frame that the keyboard is at.
let current = null

function describe (data, choice) {
  const amount = choice.blocks ? (n) => counted(n, 'block') : bytes
  const change = (n) => signed(n, choice.blocks ? number : bytes)
  let text = `${data.text}: ${amount(data.amount)}`
  if (total > 0) text += `, ${share(data.amount / total)}`
  if (data.before !== null) text += ` (was ${amount(data.before)}, ${change(data.amount - data.before)})`
  if (!data.folded && data.children.length) text += `; own ${amount(data.own)}`
  return text
}

const withSource = (data, choice) => describe(data, choice) + (data.source ? `\n${data.source}` : '')

const elementOf = (node) => select('#flame').selectAll('g.frame').filter((d) => d === node).node()

function moveTo (node) {
  const element = node && elementOf(node)
  if (!element) return
  if (current && elementOf(current)) elementOf(current).setAttribute('tabindex', -1)
  current = node
  element.setAttribute('tabindex', 0)
  element.focus({ preventScroll: true })
  // Deep stacks are higher than the window, on top of which stands what is said of the frame.
  document.documentElement.style.scrollPaddingTop = `${byId('details').offsetHeight + ROW}px`
  element.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

// The nearest frame that is drawn, from `from` on in the order of siblings.
function sibling (node, step) {
  const row = node.parent ? node.parent.children : [node]
  for (let i = row.indexOf(node) + step; row[i]; i += step) {
    if (elementOf(row[i])) return row[i]
  }
  return null
}

const firstChild = (node) => (node.children || []).find((child) => elementOf(child))

const moves = {
  ArrowUp: (node) => node.parent,
  ArrowDown: firstChild,
  ArrowLeft: (node) => sibling(node, -1),
  ArrowRight: (node) => sibling(node, 1)
}

// One stop for the Tab key; from there arrows go on. Called after each change of what is drawn.
function makeReachable (choice) {
  const frames = select('#flame').selectAll('g.frame')
  if (!current || !elementOf(current)) current = frames.empty() ? null : frames.datum()
  frames
    .attr('tabindex', (d) => (d === current ? 0 : -1))
    .attr('role', 'button')
    .attr('aria-label', (d) => describe(d.data, choice))
    .on('focus', (event, d) => { byId('details').textContent = withSource(d.data, choice) })
    .on('keydown', (event, d) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault()
        chart.zoomTo(d)
        moveTo(d)
      } else if (moves[event.key]) {
        event.preventDefault()
        moveTo(moves[event.key](d))
      }
    })
  const depth = Math.max(0, ...frames.data().map((d) => d.depth))
  const height = (depth + 1) * ROW
  // What is as wide as the paper shows all, smaller.
  select('#flame').select('svg').attr('height', height).attr('viewBox', `0 0 ${chart.width()} ${height}`)
}

// No recursion: stacks may be deep.
function mostOwn (root) {
  const pending = [...root.children]
  let most = 1
  while (pending.length) {
    const node = pending.pop()
    most = Math.max(most, node.own)
    for (const child of node.children) pending.push(child)
  }
  return most
}

export function drawFlame (choice) {
  const place = byId('flame')
  const view = page.views[choice.view]
  let root = unfold(choice.inverted ? view.inverted : view.callers, choice)
  if (choice.module) root = throughModule(root, choice.module) || emptied(root)
  total = root.amount
  const colouring = { own: choice.own, most: mostOwn(root) }
  place.replaceChildren()
  current = null
  chart = flamegraph()
    .width(place.clientWidth)
    .cellHeight(ROW)
    // All that the page has is drawn, at any width of the window: a gap would be memory without a name.
    .minFrameSize(0.25)
    .transitionDuration(matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 180)
    .inverted(true)
    .sort((a, b) => b.data.value - a.data.value)
    .selfValue(false)
    .setLabelHandler((d) => withSource(d.data, choice))
    .setDetailsHandler((text) => { byId('details').textContent = text || describe(root, choice) })
    .setColorMapper((d) => ofFrame({ ...d.data, highlight: d.highlight }, colouring))
    .setSearchMatch((d, term) => d.data.text.toLowerCase().includes(term))
    .setSearchHandler((results, sum, all) => {
      byId('found').textContent = results.length
        ? `${counted(results.length, 'frame')}, ${share(all > 0 ? sum / all : 0)}`
        : 'nothing found'
    })
    .onClick(() => requestAnimationFrame(() => makeReachable(choice)))
  select(place).datum(root).call(chart)
  byId('details').textContent = describe(root, choice)
  byId('flame-legend').replaceChildren(...legend(page.compared, choice.own).map(([colour, text]) => {
    const item = document.createElement('li')
    const swatch = document.createElement('span')
    swatch.className = 'swatch'
    swatch.style.background = colour
    item.append(swatch, text)
    return item
  }))
  // Each search draws once more.
  if (choice.search) searchFlame(choice)
  else makeReachable(choice)
}

export function searchFlame (choice) {
  if (choice.search) chart.search(choice.search.toLowerCase())
  else {
    chart.clear()
    byId('found').textContent = ''
  }
  makeReachable(choice)
}

export function resetZoom () {
  chart.resetZoom()
}
