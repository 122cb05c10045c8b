"""Our own delivery held to an objective: the share of pages that were delivered soon enough, and the budget left."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.paging import DeliveryObjective


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStanding:
    """
    How pages were delivered over *window_s* that should be within *within_s*: *in_time* of *owed*.

    objective: the share that must be. share: that was; None without a page. budget_left: of the late ones that the
    objective allows, the share that is left; below 0 when it is overspent, None without a page.
    """

    objective: float
    within_s: float
    window_s: float
    owed: int
    in_time: int
    share: float | None
    budget_left: float | None

    @property
    def met(self) -> bool | None:
        """Whether the objective is met; None without a page."""
        return None if self.share is None else self.share >= self.objective


def standing(owed: int, in_time: int, objective: DeliveryObjective) -> DeliveryStanding:
    """Where *in_time* of *owed* pages stand against *objective*."""
    share = in_time / owed if owed else None
    return DeliveryStanding(
        objective=objective.share,
        within_s=objective.within,
        window_s=objective.window,
        owed=owed,
        in_time=in_time,
        share=share,
        budget_left=None if share is None else 1 - (1 - share) / (1 - objective.share),
    )
