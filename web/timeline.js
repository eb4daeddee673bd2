// Memory over a series of snapshots: the largest sites on top of each other, and the rest above them.
import { page } from './page.js'
import { bytes, mark } from './units.js'

const SVG = 'http://www.w3.org/2000/svg'
const [HEIGHT, LEFT, RIGHT, TOP] = [280, 74, 12, 30]
// Below it the moments of the first and the last snapshot do not stand side by side.
const NARROW = 420

// The snapshot that is looked at.
let at = null

function make (name, attributes, text) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  if (text !== undefined) element.textContent = text
  return element
}

// A step between lines of a scale of bytes: a power of two, so that their labels are round.
function stepFor (peak) {
  let step = 1
  while (peak / step > 6) step *= 2
  return step
}

// Drawn anew for each width, so that its texts are as large as all others.
export function drawTimeline (place, legend, details, series) {
  const hadFocus = place.contains(document.activeElement)
  const width = place.clientWidth
  const isNarrow = width < NARROW
  const bottomEdge = HEIGHT - (isNarrow ? 46 : 30)
  const times = series.times
  const last = times.length - 1
  const span = times[last] - times[0] || 1
  const peak = Math.max(1, ...series.totals)
  const colour = (index) => page.colours.series[index % page.colours.series.length]
  const x = (i) => LEFT + (width - LEFT - RIGHT) * (times[i] - times[0]) / span
  const y = (value) => bottomEdge - (bottomEdge - TOP) * value / peak
  const svg = make('svg', {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: 'slider',
    tabindex: 0,
    'aria-label': `Memory over ${times.length} snapshots`,
    'aria-valuemin': 1,
    'aria-valuemax': times.length
  })
  const step = stepFor(peak)
  for (let value = 0; value <= peak; value += step) {
    svg.append(make('line', { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: 'grid' }))
    svg.append(make('text', { x: LEFT - 8, y: y(value) + 4, class: 'axis', 'text-anchor': 'end' }, mark(value)))
  }
  const base = times.map(() => 0)
  series.sites.forEach((site, index) => {
    const bottom = base.map((value, i) => `${x(i)},${y(value)}`)
    site.sizes.forEach((size, i) => { base[i] += size })
    const top = base.map((value, i) => `${x(i)},${y(value)}`)
    svg.append(make('polygon', { points: [...bottom, ...top.reverse()].join(' '), fill: colour(index), class: 'area' }))
  })
  const highest = series.totals.indexOf(Math.max(...series.totals))
  const anchor = x(highest) > width / 2 ? 'end' : 'start'
  svg.append(make('circle', { cx: x(highest), cy: y(series.totals[highest]), r: 4, class: 'peak' }))
  svg.append(make('text', { x: x(highest) + (anchor === 'end' ? -8 : 8), y: y(series.totals[highest]) - 9, class: 'axis strong', 'text-anchor': anchor }, `peak ${bytes(series.totals[highest])}`))
  for (const i of [0, last]) {
    svg.append(make('text', { x: x(i), y: HEIGHT - (isNarrow && i === 0 ? 24 : 8), class: 'axis', 'text-anchor': i === 0 ? 'start' : 'end' }, series.labels[i]))
  }
  const cursor = make('line', { y1: TOP - 8, y2: bottomEdge, class: 'cursor' })
  svg.append(cursor)
  place.replaceChildren(svg)
  legend.replaceChildren()

  const amounts = series.sites.map((site, index) => {
    const item = document.createElement('li')
    const swatch = document.createElement('span')
    swatch.className = 'swatch'
    swatch.style.background = colour(index)
    const amount = document.createElement('b')
    const most = Math.max(...site.sizes)
    const top = document.createElement('span')
    top.className = 'quiet'
    top.textContent = ` peak ${bytes(most)}`
    item.append(swatch, site.name, ' ', amount, top)
    // The topmost area comes first.
    legend.prepend(item)
    return amount
  })

  function show (i) {
    at = Math.max(0, Math.min(last, i))
    cursor.setAttribute('x1', x(at))
    cursor.setAttribute('x2', x(at))
    const text = `${series.labels[at]}: ${bytes(series.totals[at])} (${at + 1} of ${times.length})`
    details.textContent = text
    svg.setAttribute('aria-valuenow', at + 1)
    svg.setAttribute('aria-valuetext', text)
    amounts.forEach((amount, index) => { amount.textContent = bytes(series.sites[index].sizes[at]) })
  }
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect()
    const wanted = (event.clientX - box.left) * width / box.width
    let nearest = 0
    for (let i = 1; i <= last; i++) if (Math.abs(x(i) - wanted) < Math.abs(x(nearest) - wanted)) nearest = i
    show(nearest)
  })
  svg.addEventListener('keydown', (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key]
    if (to === undefined) return
    event.preventDefault()
    show(to)
  })
  show(at ?? last)
  if (hadFocus) svg.focus({ preventScroll: true })
}
