"""
Which of a target's accounts asks: each tick one of them, by chance, so that none of them can be told to be the probe's.

Drawn from the tick's identity: a re-probe asks with the account of its tick, and a replay draws the same one.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from probes.contract import Subject
from schemas.tick import observation_id


def account_of(subject: Subject, vantage: str, tick: datetime) -> str:
    """The name of the account that asks; empty for a target that has no several."""
    names = sorted(subject.place.target.accounts)
    if not names:
        return ""
    identity = observation_id(target=subject.place.id, vantage=vantage, kind=subject.module.kind, tick=tick, attempt=0)
    drawn = hashlib.sha256(identity.bytes + b"account").digest()
    return names[int.from_bytes(drawn[:8]) % len(names)]


def with_account(subject: Subject, name: str) -> Subject:
    """*subject* as *name* asks it: its target has that key and no other."""
    if not name:
        return subject
    target = subject.place.target
    alone = target.model_copy(update={"auth": target.accounts[name], "accounts": {}})
    return replace(subject, place=replace(subject.place, target=alone))
