// Numbers as people read them.
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes (amount) {
  let value = Math.abs(amount)
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)
  return `${amount < 0 ? '−' : ''}${text} ${UNITS[unit]}`
}

export const number = (amount) => amount.toLocaleString('en-US').replace('-', '−')

export const counted = (amount, thing) => `${number(amount)} ${thing}${Math.abs(amount) === 1 ? '' : 's'}`

export const share = (part) => `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`

export const signed = (amount, format) => (amount > 0 ? `+${format(amount)}` : format(amount))
