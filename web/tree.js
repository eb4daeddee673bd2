// The trees of the page's data as objects, the way the chart takes them.
import { fullName, isWithin, moduleOf, shortName, sourceOf } from './page.js'
import { bytes, counted } from './units.js'

// Nodes in pre-order with their depths become objects. `blocks` counts those, not bytes; `widthOfOld` gives
// the widths of the older snapshot.
export function unfold (columns, { blocks, widthOfOld }) {
  const stack = []
  let root = null
  const sizes = blocks ? columns.count : columns.size
  const olds = blocks ? columns.oldCount : columns.old
  for (let i = 0; i < columns.depth.length; i++) {
    const label = columns.label[i]
    const amount = sizes[i]
    const before = olds ? olds[i] : null
    const node = { id: i, amount, before, own: amount, ownBefore: before, value: widthOfOld ? before : amount, children: [] }
    stack.length = columns.depth[i]
    if (stack.length === 0) {
      root = Object.assign(node, { name: 'all', text: 'all', module: '', folded: false })
    } else {
      if (label < 0) describeFolded(node, -label, columns.told[i])
      else Object.assign(node, { name: shortName(label), text: fullName(label), module: moduleOf(label), source: sourceOf(label).trim(), folded: false })
      const parent = stack[stack.length - 1]
      parent.children.push(node)
      parent.own -= amount
      if (before !== null) parent.ownBefore -= before
    }
    stack.push(node)
  }
  return root
}

function describeFolded (node, frames, told = []) {
  node.folded = true
  node.module = ''
  node.name = `(${counted(frames, 'smaller frame')})`
  const named = []
  for (let i = 0; i < told.length; i += 2) named.push(`${fullName(told[i])} ${bytes(told[i + 1])}`)
  node.text = named.length ? `${node.name} such as ${named.join(', ')}` : node.name
  // What is folded is nobody's own.
  node.own = 0
  if (node.before !== null) node.ownBefore = 0
}

// Keeps the stacks that go through a module; the others leave no trace in the sums.
export function throughModule (node, name) {
  if (isWithin(node.module, name)) return node
  const children = node.children.map((child) => throughModule(child, name)).filter(Boolean)
  if (children.length === 0) return null
  const sum = (key) => children.reduce((total, child) => total + child[key], 0)
  return {
    ...node,
    children,
    own: 0,
    ownBefore: node.before === null ? null : 0,
    value: sum('value'),
    amount: sum('amount'),
    before: node.before === null ? null : sum('before')
  }
}

export function emptied (root) {
  const before = root.before === null ? null : 0
  return { ...root, children: [], value: 0, amount: 0, own: 0, before, ownBefore: before }
}
