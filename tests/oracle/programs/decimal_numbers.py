"""Numbers: decimals at several precisions, fractions, and integers of thousands of digits."""

from __future__ import annotations

import decimal
import fractions
import statistics


def pi(precision: int) -> decimal.Decimal:
    with decimal.localcontext() as context:
        context.prec = precision + 2
        total = decimal.Decimal(0)
        for k in range(precision):
            term = (
                decimal.Decimal(4) / (8 * k + 1)
                - decimal.Decimal(2) / (8 * k + 4)
                - decimal.Decimal(1) / (8 * k + 5)
                - decimal.Decimal(1) / (8 * k + 6)
            )
            total += term / decimal.Decimal(16) ** k
        return +total


def main() -> object:
    circles = [pi(precision) for precision in range(10, 90, 10)]
    amounts = [decimal.Decimal(n) / 7 for n in range(3000)]
    rounded = [amount.quantize(decimal.Decimal("0.01")) for amount in amounts]
    taxed = {str(amount): amount * decimal.Decimal("1.19") for amount in rounded[:1000]}
    ratios = [fractions.Fraction(n, n + 3) ** 3 for n in range(1, 800)]
    harmonic = sum(ratios[:60], fractions.Fraction(0))
    powers = [3**n for n in range(0, 6000, 40)]
    roots = [float(amount).hex() for amount in amounts[:500]]
    average = statistics.fmean(map(float, amounts)), statistics.quantiles(map(float, amounts))
    return circles, amounts, rounded, taxed, ratios, harmonic, powers, roots, average
