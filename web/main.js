// The script of the report: draws what the page's data says. All text goes in as text, never as markup.
import { flamegraph } from 'd3-flame-graph'
import { select } from 'd3-selection'
import { drawTable } from './table.js'
import { drawTimeline } from './timeline.js'
import { bytes, number, share, signed } from './units.js'

const page = JSON.parse(document.getElementById('data').textContent)
const byId = (id) => document.getElementById(id)

// A tree as the chart wants it: nodes in pre-order with their depths become objects.
function unfold (tree, options) {
  const stack = []
  let root = null
  for (let i = 0; i < tree.depth.length; i++) {
    const label = tree.label[i]
    const amount = options.blocks ? tree.count[i] : tree.size[i]
    const before = tree.old ? (options.blocks ? tree.oldCount[i] : tree.old[i]) : null
    const node = {
      id: i,
      name: label < 0 ? folded(-label) : page.labels[label],
      module: label < 0 ? '' : page.modules[page.moduleOf[label]],
      folded: label < 0,
      amount,
      before,
      value: options.widthOfOld ? before : amount,
      children: []
    }
    stack.length = tree.depth[i]
    if (stack.length === 0) root = node
    else stack[stack.length - 1].children.push(node)
    stack.push(node)
  }
  root.name = page.title
  return root
}

function folded (frames) {
  return frames === 1 ? '(1 smaller frame)' : `(${number(frames)} smaller frames)`
}

// Keeps the stacks that go through a module; the others leave no trace in the sums.
function throughModule (node, module) {
  if (node.module === module) return node
  const children = node.children.map((child) => throughModule(child, module)).filter(Boolean)
  if (children.length === 0) return null
  const sum = (key) => children.reduce((total, child) => total + child[key], 0)
  return {
    ...node,
    children,
    value: sum('value'),
    amount: sum('amount'),
    before: node.before === null ? null : sum('before')
  }
}

// A hue for each module from a palette that stays apart for all kinds of colour vision
// (Okabe and Ito, "Color Universal Design", 2008), light enough for black text.
const palette = ['#f0c987', '#9fd3f2', '#8fd3bd', '#f5ec9a', '#9dbfe6', '#eeb08a', '#e3b3cf', '#c9ced6']

function hueOf (text) {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0
  return palette[hash % palette.length]
}

// Orange grew, blue shrank: a pair that is told apart with any colour vision.
function changeColour (data) {
  const reference = Math.max(data.amount, data.before)
  const change = reference === 0 ? 0 : (data.amount - data.before) / reference
  if (change === 0) return '#d9dce1'
  const strength = 0.25 + 0.75 * Math.min(1, Math.abs(change))
  const [from, to] = change > 0 ? [[253, 232, 208], [230, 111, 0]] : [[221, 235, 249], [52, 133, 204]]
  return `rgb(${from.map((low, i) => Math.round(low + (to[i] - low) * strength)).join(',')})`
}

const choice = { tree: page.trees[0].name, inverted: false, blocks: false, widthOfOld: false, module: '' }
let chart = null

function describe (data, total) {
  const amount = choice.blocks ? (n) => `${number(n)} blocks` : bytes
  let text = `${data.name}: ${amount(data.amount)}`
  if (total > 0) text += `, ${share(data.amount / total)}`
  if (data.before !== null) {
    const change = data.amount - data.before
    text += ` (was ${amount(data.before)}, ${choice.blocks ? signed(change, number) : signed(change, bytes)})`
  }
  return text
}

// The frames can be reached and opened from the keyboard, and say what they are.
function makeReachable (total) {
  select('#flame').selectAll('g.frame')
    .attr('tabindex', 0)
    .attr('role', 'button')
    .attr('aria-label', (d) => describe(d.data, total))
    .on('focus', (event, d) => { byId('details').textContent = describe(d.data, total) })
    .on('keydown', (event, d) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault()
        chart.zoomTo(d)
      }
    })
}

function drawFlame () {
  const place = byId('flame')
  const trees = page.trees.find((tree) => tree.name === choice.tree)
  let root = unfold(choice.inverted ? trees.inverted : trees.callers, choice)
  if (choice.module) root = throughModule(root, choice.module) || { ...root, children: [], value: 0, amount: 0 }
  place.replaceChildren()
  const total = root.amount
  chart = flamegraph()
    .width(place.clientWidth)
    .cellHeight(20)
    // All that the page has is drawn, at any width of the window: a gap would be memory without a name.
    .minFrameSize(0.25)
    .transitionDuration(matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 180)
    .inverted(true)
    .sort((a, b) => b.data.value - a.data.value)
    .selfValue(false)
    .setLabelHandler((d) => describe(d.data, total))
    .setDetailsElement(byId('details'))
    .setColorMapper((d) => {
      if (d.highlight) return '#e600b8'
      if (d.data.folded) return '#e6e8ec'
      return d.data.before === null ? hueOf(d.data.module) : changeColour(d.data)
    })
    .setSearchHandler((results, sum, all) => {
      byId('found').textContent = results.length
        ? `${number(results.length)} frames, ${share(all > 0 ? sum / all : 0)}`
        : byId('search').value ? 'nothing found' : ''
    })
    .onClick(() => requestAnimationFrame(() => makeReachable(total)))
  select(place).datum(root).call(chart)
  makeReachable(total)
  byId('details').textContent = describe(root, total)
  search()
}

function search () {
  const term = byId('search').value
  if (term) chart.search(term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  else {
    chart.clear()
    byId('found').textContent = ''
  }
}

function toggle (id, key) {
  const button = byId(id)
  if (!button) return
  button.addEventListener('click', () => {
    choice[key] = !choice[key]
    button.setAttribute('aria-pressed', String(choice[key]))
    drawFlame()
  })
}

function offer (id, names, key) {
  const list = byId(id)
  if (!list) return
  for (const [value, text] of names) {
    const option = document.createElement('option')
    option.value = value
    option.textContent = text
    list.append(option)
  }
  list.addEventListener('change', () => {
    choice[key] = list.value
    drawFlame()
  })
}

offer('domain', page.trees.map((tree) => [tree.name, tree.name]), 'tree')
offer('module', [['', 'all modules'], ...page.modules.slice(0, 200).map((name) => [name, name])], 'module')
toggle('inverted', 'inverted')
toggle('blocks', 'blocks')
toggle('old-width', 'widthOfOld')
byId('search').addEventListener('input', search)
byId('reset').addEventListener('click', () => {
  byId('search').value = ''
  chart.resetZoom()
  search()
})
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault()
    byId('search').focus()
  } else if (event.key === 'Escape') {
    byId('reset').click()
  }
})
let width = 0
new ResizeObserver(() => {
  if (byId('flame').clientWidth !== width) {
    width = byId('flame').clientWidth
    drawFlame()
  }
}).observe(byId('flame'))

drawTable(byId('table'), byId('table-search'), byId('table-shown'), page)
if (page.series) drawTimeline(byId('timeline'), byId('timeline-legend'), page.series)
