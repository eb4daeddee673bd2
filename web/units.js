// Numbers as people read them.
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

// In the largest unit of which there are `least`, rounded as everywhere else.
function inUnits (amount, least) {
  let value = Math.abs(amount)
  let unit = 0
  while (value >= 1024 * least && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    roundingMode: 'halfEven',
    useGrouping: false
  })
  return `${amount < 0 ? '−' : ''}${text} ${UNITS[unit]}`
}

// As the commands write it.
export const bytes = (amount) => inUnits(amount, 10)

// Of a scale, whose steps are round.
export const mark = (amount) => inUnits(amount, 1)

export const number = (amount) => amount.toLocaleString('en-US').replace('-', '−')

export const counted = (amount, thing) => `${number(amount)} ${thing}${Math.abs(amount) === 1 ? '' : 's'}`

export const share = (part) => `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`

export const signed = (amount, format) => (amount > 0 ? `+${format(amount)}` : format(amount))
