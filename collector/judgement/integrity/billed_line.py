"""
The line of tokens billed on tokens counted: y = a + b x by least squares, from whole-number sums alone.

What belongs together (a day, a vantage, a kind of probe, streamed or not) is a cell with a constant of its own, in
which a chat template or an end token hides; the slope is common to all. The residual SD is never taken below 0.3
tokens, twice what honest answers were measured to scatter (0.11 and 0.17 tokens, at most 3 off: text that was sampled
in another cut than the tokeniser's own).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.judgement.tails import student_tail

RESIDUAL_SD_MIN = 0.3
VARIANCE_MIN = 1.0  # tokens squared, of the lengths within cells: below it they say nothing about a slope


@dataclass(frozen=True, slots=True)
class TokenArithmetic:
    """Sums over answers whose tokens were counted exactly: x tokens counted, y tokens billed."""

    n: int
    sum_x: int
    sum_y: int
    sum_xx: int
    sum_xy: int
    sum_yy: int


@dataclass(frozen=True, slots=True)
class Line:
    """
    n answers in cells; spread: sum of squares of x within cells. slope: b. sd: of the residuals, unfloored.

    mean_x: tokens counted of an answer. mean_more: tokens billed beyond those counted, of an answer.
    """

    n: int
    cells: int
    spread: float
    slope: float
    sd: float
    mean_x: float
    mean_more: float

    @property
    def freedom(self) -> int:
        """Degrees of freedom: one goes to each cell's constant and one to the slope."""
        return self.n - self.cells - 1

    @property
    def error(self) -> float:
        """The standard error of the slope."""
        return max(self.sd, RESIDUAL_SD_MIN) / math.sqrt(self.spread)

    @property
    def constant(self) -> float:
        """What is billed for an answer beyond the slope's share of it: a, a mean over the cells."""
        return self.mean_more - (self.slope - 1) * self.mean_x

    def p_above(self, slope: float) -> float:
        """The chance of such a slope or a larger one, were the true one *slope*."""
        return student_tail((self.slope - slope) / self.error, self.freedom)


def line_of(cells: Iterable[TokenArithmetic]) -> Line | None:
    """
    The line through *cells*; None when lengths hardly vary or nothing is left to scatter.

    The same bits whatever the order: sums within cells are whole numbers, and those over cells are rounded once.
    """
    used = [cell for cell in cells if cell.n > 0]
    n = sum(cell.n for cell in used)
    if n - len(used) - 1 < 1:
        return None
    spread = math.fsum((cell.sum_xx * cell.n - cell.sum_x**2) / cell.n for cell in used)
    if spread < VARIANCE_MIN * n:
        return None
    covariance = math.fsum((cell.sum_xy * cell.n - cell.sum_x * cell.sum_y) / cell.n for cell in used)
    spread_y = math.fsum((cell.sum_yy * cell.n - cell.sum_y**2) / cell.n for cell in used)
    slope = covariance / spread
    sum_x, sum_y = sum(cell.sum_x for cell in used), sum(cell.sum_y for cell in used)
    return Line(
        n=n,
        cells=len(used),
        spread=spread,
        slope=slope,
        sd=math.sqrt(max(spread_y - covariance * slope, 0.0) / (n - len(used) - 1)),
        mean_x=sum_x / n,
        mean_more=(sum_y - sum_x) / n,
    )


def merged(sums: Sequence[TokenArithmetic]) -> TokenArithmetic:
    """Sums as one."""
    if len(sums) == 1:
        return sums[0]
    return TokenArithmetic(
        sum(one.n for one in sums),
        sum(one.sum_x for one in sums),
        sum(one.sum_y for one in sums),
        sum(one.sum_xx for one in sums),
        sum(one.sum_xy for one in sums),
        sum(one.sum_yy for one in sums),
    )
