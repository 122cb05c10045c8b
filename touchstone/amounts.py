"""An amount of money on the command line."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import click

PLACES = 2
DIGITS_MAX = 16


class _Amount(click.ParamType[Decimal]):
    """A decimal number of cents at most, not below nothing: `4100` or `4100.50`."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The amount that *value* says."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        digits = amount.as_tuple()
        if not amount.is_finite() or amount < 0 or int(digits.exponent) < -PLACES or amount.adjusted() >= DIGITS_MAX:
            self.fail(f"{value!r} is not an amount: write 4100 or 4100.50, without a currency", param, ctx)
        return amount


AMOUNT = _Amount()
