"""The page of bills and answers names every check and every reason that the code can give, and no other."""

from __future__ import annotations

import re

from collector.judgement.integrity import (
    cache_timing,
    canned_answers,
    conformance,
    echo_challenge,
    token_arithmetic,
    treatment,
)
from tests.support.compose import ROOT

PAGE = (ROOT / "docs" / "integrity" / "billing-and-answers.md").read_text()
MODULES = (cache_timing, canned_answers, conformance, echo_challenge, token_arithmetic, treatment)


def test_every_reason_has_its_row() -> None:
    """In a table whose first cell holds reason codes."""
    rows = [line for line in PAGE.splitlines() if re.match(r"\| `[a-z_]+`", line)]
    named = {code for line in rows for code in re.findall(r"`([a-z_]+)`", line.split("|")[1])}
    checks = {
        "token_arithmetic_completion",
        "token_arithmetic_prompt",
        canned_answers.CHECK,
        canned_answers.REPEATED_CHECK,
        echo_challenge.CHECK,
        cache_timing.CHECK,
        *(f"{treatment.CHECK}_{groups}" for groups in treatment.Groups),
    }
    assert named - checks == {reason for module in MODULES for reason in module.REASONS}
    assert checks <= named
