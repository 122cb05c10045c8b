"""What would move a provider up, as people are told it."""

from __future__ import annotations

from collector.judgement.wording import gate_title, gate_value
from schemas.verdict import Need, Outlook


def headline(one: Outlook) -> str:
    """When the tier above is reached at the earliest."""
    if one.earliest is None:
        return f"{one.towards.value}: time alone does not bring it"
    return f"{one.towards.value} on {one.earliest:%Y-%m-%d %H:%M} UTC at the earliest, if nothing fails until then"


def need(one: Need) -> str:
    """What one gate still needs, and from when on it has it."""
    when = f"met {one.at:%Y-%m-%d %H:%M} UTC" if one.at else "not by time alone"
    assumed = f" ({one.assumes})" if one.assumes else ""
    now, wanted = gate_value(one, one.value), gate_value(one, one.threshold)
    return f"{gate_title(one)}: {now} now, the line is {wanted}; {when}{assumed}"
