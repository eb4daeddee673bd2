// The colours of frames; the palettes come with the page's data.
import { page } from './page.js'

const theme = () => page.colours[document.documentElement.dataset.theme]

function mixed ([from, to], strength) {
  const channel = (colour, i) => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16)
  return `rgb(${[0, 1, 2].map((i) => Math.round(channel(from, i) + (channel(to, i) - channel(from, i)) * strength)).join(',')})`
}

// A hue for each module.
function ofModule (name) {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0
  const { tints } = theme()
  return tints[hash % tints.length]
}

// Red grew, blue shrank, the more the stronger.
function ofChange (now, before) {
  const reference = Math.max(now, before)
  const change = reference === 0 ? 0 : (now - before) / reference
  if (change === 0) return theme().same
  return mixed(change > 0 ? theme().grew : theme().shrank, Math.min(1, Math.abs(change)))
}

// `most` is the largest own amount of all frames: of what a frame allocated itself, its square root shows.
export function ofFrame (data, { own, most }) {
  if (data.highlight) return theme().found
  if (data.folded) return theme().folded
  if (data.before === null && data.id === 0) return theme().same
  if (data.before !== null) return own ? ofChange(data.own, data.ownBefore) : ofChange(data.amount, data.before)
  if (!own) return ofModule(data.module)
  return data.own > 0 ? mixed(theme().own, Math.sqrt(data.own / most)) : theme().same
}

export function legend (compared, own) {
  const { grew, shrank, same, own: ramp } = theme()
  if (compared) return [[grew[1], 'grew'], [shrank[1], 'shrank'], [same, 'as before']]
  return own ? [[ramp[1], 'allocated most itself'], [ramp[0], 'allocated little itself'], [same, 'only called others']] : []
}
