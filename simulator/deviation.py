"""
How a simulated cloud differs from what it claims, or only looks as if: the knobs of the integrity checks.

Days count from the start of the simulation. What is left at its default is honest.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0
CACHED_TTFT = 0.35  # of the time to first token, for a prompt that the cache has


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """
    The knobs. Lies: a *diluted_share* of answers, or all from *swapped_on_day*, come from a smaller model; no answer
    is billed less than *billed_min* tokens; a *canned_share* of answers repeats one that was given before; the cluster
    stands in *region*, wherever it claims to; it writes a token every *gap_ms*; a *sloppy_share* of calls and JSON
    answers breaks its schema.

    No lies: a *prefix_cache*, of which the usage tells or not; a *leading_space*; *template_tokens* more in each prompt
    from *template_on_day*; *batch_noise* by which the odds at a border between two tokens, and the logprobs (in nats),
    move from day to day; logprobs that it refuses to tell (*offers_logprobs*).
    """

    diluted_share: float = 0.0
    swapped_on_day: float | None = None
    billed_min: int = 0
    canned_share: float = 0.0
    region: str = ""
    gap_ms: float | None = None
    sloppy_share: float = 0.0
    prefix_cache: bool = False
    tells_cached: bool = True
    leading_space: bool = False
    template_tokens: int = 0
    template_on_day: float = 0.0
    batch_noise: float = 0.0
    offers_logprobs: bool = True

    def swapped(self, day: float) -> bool:
        """Whether the model is another on *day*."""
        return self.swapped_on_day is not None and day >= self.swapped_on_day

    def template(self, day: float) -> int:
        """The tokens that the chat template has more than it had, on *day*."""
        return self.template_tokens if day >= self.template_on_day else 0


HONEST = Deviation()
