// Memory over a series of snapshots: the largest sites on top of each other, and the rest below.
import { bytes } from './units.js'

const SVG = 'http://www.w3.org/2000/svg'
const COLOURS = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7', '#7f8792']
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [960, 260, 70, 28, 26]

function make (name, attributes, text) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  if (text !== undefined) element.textContent = text
  return element
}

export function drawTimeline (place, legend, series) {
  const times = series.times
  const span = times[times.length - 1] - times[0] || 1
  const peak = Math.max(1, ...series.totals)
  const x = (i) => LEFT + (WIDTH - LEFT - 10) * (times[i] - times[0]) / span
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / peak
  const svg = make('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `Memory over ${times.length} snapshots, at most ${bytes(peak)}` })
  for (let i = 0; i <= 4; i++) {
    const value = peak * i / 4
    svg.append(make('line', { x1: LEFT, x2: WIDTH - 10, y1: y(value), y2: y(value), class: 'grid' }))
    svg.append(make('text', { x: LEFT - 8, y: y(value) + 4, class: 'axis', 'text-anchor': 'end' }, bytes(value)))
  }
  const base = times.map(() => 0)
  series.sites.forEach((site, index) => {
    const bottom = base.map((value, i) => `${x(i)},${y(value)}`)
    site.sizes.forEach((size, i) => { base[i] += size })
    const top = base.map((value, i) => `${x(i)},${y(value)}`)
    const area = make('polygon', { points: [...bottom, ...top.reverse()].join(' '), fill: COLOURS[index % COLOURS.length], class: 'area' })
    area.append(make('title', {}, `${site.name}: ${bytes(site.sizes[site.sizes.length - 1])} at the end`))
    svg.append(area)
    const item = document.createElement('li')
    const swatch = document.createElement('span')
    swatch.className = 'swatch'
    swatch.style.background = COLOURS[index % COLOURS.length]
    item.append(swatch, site.name)
    legend.append(item)
  })
  const highest = series.totals.indexOf(Math.max(...series.totals))
  svg.append(make('circle', { cx: x(highest), cy: y(series.totals[highest]), r: 4, class: 'peak' }))
  const anchor = x(highest) > WIDTH / 2 ? 'end' : 'start'
  svg.append(make('text', { x: x(highest) + (anchor === 'end' ? -8 : 8), y: y(series.totals[highest]) - 8, class: 'axis', 'text-anchor': anchor }, `peak ${bytes(series.totals[highest])}`))
  for (const i of [0, times.length - 1]) {
    svg.append(make('text', { x: x(i), y: HEIGHT - 8, class: 'axis', 'text-anchor': i === 0 ? 'start' : 'end' }, series.labels[i]))
  }
  place.append(svg)
}
