"""What a cluster does with one request: the script first, then its personality. Pure; chance comes from the seed."""

from __future__ import annotations

from datetime import datetime

from simulator.answer import NONCE
from simulator.dice import fraction
from simulator.personality import Personality
from simulator.script import FAILING, SCRIPT_ENDS_S, Mode
from simulator.world import Cloud, World

_ALONE = (Mode.ERROR, Mode.LOSE, Mode.UNAVAILABLE)


def conduct(
    world: World, cloud: Cloud, cluster: str, prompt: str, *, at: datetime, elapsed_s: float, failed_before: bool
) -> Mode | None:
    """
    How *cluster* (full id) misbehaves towards *prompt*; None: it does not.

    Outside the script no request fails right after one that failed, so noise never looks like an outage; and who plays
    in the script makes no such noise while it lasts.
    """
    episodes = world.script()
    for episode in episodes:
        if episode.covers(cluster, elapsed_s):
            return episode.mode
    mode = _noise(world.seed, face(cloud, prompt), cluster, prompt, at)
    plays = elapsed_s < SCRIPT_ENDS_S and any(episode.provider == cloud.id for episode in episodes)
    return None if mode in FAILING and (failed_before or plays) else mode


def is_probe(prompt: str) -> bool:
    """Whether a provider can tell by the prompt that it is measured: by its nonce, as anybody would."""
    return NONCE.search(prompt) is not None


def face(cloud: Cloud, prompt: str) -> Personality:
    """The personality that *cloud* shows to who asks *prompt*."""
    return cloud.personality if is_probe(prompt) else cloud.personality.towards_traffic()


def _noise(seed: int, personality: Personality, cluster: str, prompt: str, at: datetime) -> Mode | None:
    """The misbehaviour drawn for one request, in the personality's shares."""
    which = fraction(seed, "which", cluster, prompt)
    peak = personality.peak
    refused = peak.refused_share if peak and peak.covers(at) else 0.0
    limited = Mode.RATE_LIMIT if peak and which < peak.rate_limited_share else Mode.UNAVAILABLE
    shares = (
        (refused, limited),
        (personality.down_share + personality.single_share, _ALONE[int(which * len(_ALONE))]),
        (personality.truncated_share, Mode.TRUNCATE),
        (personality.wrong_share, Mode.WRONG),
        (personality.slow_share, Mode.SLOW),
    )
    left = fraction(seed, "noise", cluster, prompt)
    for share, mode in shares:
        if left < share:
            return mode
        left -= share
    return None
