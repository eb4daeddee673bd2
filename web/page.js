// What the page's data says of frames and modules.
export const page = JSON.parse(document.getElementById('data').textContent)

export const byId = (id) => document.getElementById(id)

const { file, line, function: func } = page.frames

export const lineOf = (label) => line[label]
export const functionOf = (label) => page.functions[func[label]]
export const placeOf = (label) => page.files[file[label]] + (line[label] ? `:${line[label]}` : '')
export const moduleOf = (label) => page.modules[page.moduleOf[file[label]]]

// A frame as editors and people find it.
export function fullName (label) {
  const name = functionOf(label)
  return name ? `${name} (${placeOf(label)})` : placeOf(label)
}

// The same for little room: the module stands for the file.
export function shortName (label) {
  const name = functionOf(label)
  const place = moduleOf(label) + (line[label] ? `:${line[label]}` : '')
  return name ? `${name}  ${place}` : place
}

// Whether a module is the named one or, in a package of that name, below it.
export const isWithin = (module, name) => module === name || module.startsWith(`${name}.`)

// The lines around a frame's own, or none: [[number, text], ...].
export function excerptOf (label, context = 3) {
  const lines = page.sources[file[label]]
  const own = line[label]
  if (!lines || lines[own] === undefined) return []
  const found = []
  for (let n = own - context; n <= own + context; n++) {
    if (lines[n] !== undefined) found.push([n, lines[n]])
  }
  return found
}

export function sourceOf (label) {
  const lines = page.sources[file[label]]
  return (lines && lines[line[label]]) || ''
}
