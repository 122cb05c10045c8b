"""Every check of integrity by its name: what it makes of a target, or of a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from collector.judgement.integrity.cache_timing import cache_timing
from collector.judgement.integrity.canned_answers import canned_answers, repeated_prompt
from collector.judgement.integrity.change import change
from collector.judgement.integrity.conformance import conformance
from collector.judgement.integrity.echo_challenge import echo_challenge
from collector.judgement.integrity.hardware import Reply, hardware
from collector.judgement.integrity.identity import Reference, identity
from collector.judgement.integrity.logprobs import logprobs
from collector.judgement.integrity.node_benchmark import node_benchmark
from collector.judgement.integrity.place import place
from collector.judgement.integrity.subject import Examinee, ProviderSubject, Subject, claimed_of, place_of
from collector.judgement.integrity.token_arithmetic import token_arithmetic
from collector.judgement.integrity.token_facts import Side
from collector.judgement.integrity.treatment import treatment
from schemas.evidence import Evidence

Check = Callable[[Subject], tuple[Evidence, ...]]
ProviderCheck = Callable[[ProviderSubject], tuple[Evidence, ...]]


def _bills(one: Subject) -> tuple[Evidence, ...]:
    return tuple(token_arithmetic(one.target, one.tokens, side, peers=one.peers) for side in Side)


def _identity(one: Subject) -> tuple[Evidence, ...]:
    return (identity(one.target, one.samples, one.reference or Reference(one.model, ())),)


def _speed(one: Subject) -> tuple[Evidence, ...]:
    replies = [
        Reply(speed.tick.date(), speed.vantage, speed.tokens, speed.ms, speed.context or 0) for speed in one.speeds
    ]
    return (hardware(one.target, claimed_of(one.claims, one.model), replies),)


def _conformance(one: Subject) -> tuple[Evidence, ...]:
    return tuple(
        conformance(one.target, kind, n=seen.n, invalid=seen.invalid, days=seen.days, vantages=seen.vantages)
        for kind, seen in sorted(one.conformed.items())
    )


def _treatment(one: ProviderSubject) -> tuple[Evidence, ...]:
    return tuple(
        treatment(one.provider, groups, strata, confidence=one.confidence) for groups, strata in one.treated.items()
    )


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "token_arithmetic": _bills,
        "canned_answers": lambda one: (canned_answers(one.target, one.answers),),
        "repeated_prompt": lambda one: (repeated_prompt(one.target, one.samples),),
        "echo_challenge": lambda one: (echo_challenge(one.target, one.samples),),
        "identity": _identity,
        "change": lambda one: (change(one.target, one.samples),),
        "logprobs": lambda one: (logprobs(one.target, one.samples),),
        "place": lambda one: (place(one.target, place_of(one.claims), one.samples, one.vantages),),
        "hardware": _speed,
        "node_benchmark": lambda one: (node_benchmark(one.target, one.claims.gpu, one.benchmarks),),
        "cache_timing": lambda one: (cache_timing(one.target, one.samples),),
        "conformance": _conformance,
    }
)

PROVIDER_CHECKS: Mapping[str, ProviderCheck] = MappingProxyType({"treatment": _treatment})


def examined(one: Examinee) -> tuple[Evidence, ...]:
    """The evidence of every check about *one*, in the order of the catalogue."""
    if isinstance(one, ProviderSubject):
        return tuple(evidence for check in PROVIDER_CHECKS.values() for evidence in check(one))
    return tuple(evidence for check in CHECKS.values() for evidence in check(one))
