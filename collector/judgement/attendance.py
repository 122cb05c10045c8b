"""What is wrong, and what is over: causes open, widen, worsen and reopen incidents, evidence of recovery ends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from collector.judgement.blind_spans import BLINDNESS_REMEMBERED, is_blindness
from collector.judgement.causes import Cause, Sight
from collector.judgement.incident_book import IncidentBook, unheld
from collector.judgement.incident_words import ended_words
from collector.judgement.reach import as_grave, burns, contains, within
from schemas.incident import GRAVITY, OVER, Change, Incident, IncidentState, Level, Signal, incident_id

REMEMBERED = timedelta(hours=6)  # a burn rate's windows still hold the outage for so long
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DRILL_LASTS = timedelta(seconds=5)
REREAD = timedelta(minutes=6)  # the windows of tickets are read every five


class Attendance:
    """Attends to what is seen, in the book of one decision."""

    def __init__(self, book: IncidentBook, sight: Sight) -> None:
        self._book, self._sight, self._now, self._paging = book, sight, book.now, book.paging

    # what is wrong

    def attend(self, cause: Cause) -> None:
        """Open, widen, worsen or reopen the incident of *cause*; nothing when one is open that covers it."""
        if same := self._open_about(cause):
            self._worsen(same, cause)
            return
        if self._covered(cause):
            return
        narrower = self._open_inside(cause)
        if narrower and cause.scope.level is not Level.OBSERVER:
            first, *others = narrower
            self._promote(first, cause)
            self._absorb(others, first.id)
            return
        lately = self._again(cause)
        opened = self._reopen(lately, cause) if lately else self._open(cause)
        self._absorb(narrower, opened.id)

    def _open_about(self, cause: Cause) -> Incident | None:
        return next(
            (
                incident
                for incident in self._book.live
                if incident.scope == cause.scope
                and (incident.signal is cause.signal or cause.scope.level is Level.OBSERVER)
                and incident.signal is not Signal.DRILL
            ),
            None,
        )

    def _covered(self, cause: Cause) -> bool:
        """
        Whether an incident is about this too.

        A burn rate is covered also by what is over while its windows remember that: by something graver while the short
        one does; by anything while the long one does and nothing fresh has come. And by a vantage of ours that sees
        nobody, until every budget has been read without what it saw.
        """
        return any(self._covers(incident, cause) for incident in self._book.incidents.values())

    def _covers(self, incident: Incident, cause: Cause) -> bool:
        burning = cause.signal in GRAVITY[1:]
        if is_blindness(incident):
            return burning and (incident.state not in OVER or self._ended_within(incident, REREAD))
        if incident.scope.level is Level.OBSERVER:  # what its vantage saw makes no causes
            return False
        wider = contains(incident.scope, incident.provider, cause.scope, cause.provider)
        if not wider or not as_grave(incident.signal, cause.signal):
            return False
        if incident.state not in OVER:
            return True
        echoes = incident.signal is not cause.signal and self._ended_within(incident, cause.echo)
        return burning and (echoes or (not cause.fresh and self._ended_within(incident, cause.memory)))

    def _ended_within(self, incident: Incident, span: timedelta) -> bool:
        return incident.resolved_at is not None and self._now - incident.resolved_at < span

    def _open_inside(self, cause: Cause) -> list[Incident]:
        inside = [
            incident
            for incident in self._book.live
            if as_grave(cause.signal, incident.signal)
            and contains(cause.scope, cause.provider, incident.scope, incident.provider)
            and (cause.scope.level is not Level.OBSERVER or self._seen_only_from(cause.scope.id, incident))
        ]
        return sorted(inside, key=lambda incident: (incident.failed_at, incident.id))

    def _seen_only_from(self, vantage: str, incident: Incident) -> bool:
        watches = self._sight.watches.values()
        return all(watch.vantage == vantage for watch in watches if watch.down and within(watch, incident.scope))

    def _again(self, cause: Cause) -> Incident | None:
        """What was over within the cool-down, or hung under a wider incident that is over itself."""
        cooldown = timedelta(seconds=self._paging.hard_down.cooldown)
        lately = [
            incident
            for incident in self._book.incidents.values()
            if incident.signal is cause.signal
            and incident.scope == cause.scope
            and (
                incident.state is IncidentState.CHILD
                or (incident.resolved_at is not None and self._now - incident.resolved_at <= cooldown)
            )
        ]
        same = self._book.incidents.get(self._id(cause))
        return max(lately, key=lambda incident: incident.updated_at, default=same)

    def _id(self, cause: Cause) -> str:
        """
        The id of a new incident of *cause*: the same whenever it is decided, and of no incident that is forgotten.

        The first failure that a window of days remembers may have been another incident's; then the quarter of the day
        takes its place, which nothing that was opened in it can have outlived in memory.
        """
        recent = self._now - cause.failed_at < REMEMBERED
        anchor = cause.failed_at if recent else EPOCH + (self._now - EPOCH) // REMEMBERED * REMEMBERED
        return incident_id(cause.signal, cause.scope, anchor)

    def _open(self, cause: Cause) -> Incident:
        incident = Incident(
            id=self._id(cause),
            signal=cause.signal,
            scope=cause.scope,
            provider=cause.provider,
            severity=cause.severity,
            state=IncidentState.OPEN,
            reason=cause.reason,
            rule=cause.rule,
            failed_at=cause.failed_at,
            opened_at=self._now,
            updated_at=self._now,
            evidence=cause.evidence,
        )
        return self._book.record(incident, Change.OPENED, cause.rule)

    def _worsen(self, incident: Incident, cause: Cause) -> None:
        """Keep its words and numbers as they are now; when it has become worse, that is a change."""
        fresh = replace(incident, rule=cause.rule, reason=cause.reason, evidence=cause.evidence)
        if cause.severity < incident.severity:
            worse = unheld(replace(fresh, severity=cause.severity), self._now)
            raised = self._book.record(worse, Change.RAISED, cause.rule)
            if raised.told:
                self._book.page(raised, Change.RAISED)
        elif fresh != incident:
            self._book.keep(fresh)

    def _promote(self, incident: Incident, cause: Cause) -> None:
        """Wider or graver in place. What was a slow burn for days has been an outage only since that began."""
        worse = min(incident.severity, cause.severity)
        failed_at = incident.failed_at if incident.signal is cause.signal else cause.failed_at
        wider = replace(
            incident, signal=cause.signal, scope=cause.scope, severity=worse, reason=cause.reason, rule=cause.rule,
            failed_at=failed_at, evidence=cause.evidence, blind=False,
        )  # fmt: skip
        if worse < incident.severity:
            wider = unheld(wider, self._now)
        state = IncidentState.ACKED if wider.acknowledged else IncidentState.OPEN
        promoted = self._book.record(replace(wider, state=state), Change.PROMOTED, cause.rule)
        self._book.page(promoted, Change.PROMOTED if promoted.told else Change.OPENED)

    def _absorb(self, incidents: Sequence[Incident], parent: str) -> None:
        for incident in incidents:
            if incident.id != parent:
                under = replace(incident, state=IncidentState.CHILD, parent=parent, acknowledged=None)
                absorbed = self._book.record(under, Change.ABSORBED, f"part of {parent}")
                self._book.page(absorbed, Change.ABSORBED)

    def _reopen(self, incident: Incident, cause: Cause) -> Incident:
        why = (
            f"{incident.parent} is over, this is not"
            if incident.state is IncidentState.CHILD
            else f"failed again within {self._paging.hard_down.cooldown:g} s"
        )
        holder = self._book.holder(cause.scope)
        again = replace(
            incident,
            state=IncidentState.OPEN,
            signal=cause.signal,
            scope=cause.scope,
            severity=cause.severity,
            reason=cause.reason,
            rule=cause.rule,
            evidence=cause.evidence,
            resolved_at=None,
            parent=None,
            reopen_count=incident.reopen_count + 1,
            acknowledged=None,
            ladder_from=self._now,
            escalated=0,
            blind=False,
            suppressed_by=holder.id if holder else "",
        )
        reopened = self._book.record(again, Change.REOPENED, f"{why}: {cause.rule}")
        self._book.page(reopened, Change.REOPENED if reopened.told else Change.OPENED)
        return reopened

    # what is over, or on its way

    def follow(self, found: Sequence[Cause]) -> None:
        """Resolve what is proven well, follow recoveries, note where nothing is seen, forget what is over for long."""
        for incident in list(self._book.incidents.values()):
            if incident.state is IncidentState.RESOLVED:
                if incident.resolved_at and self._now - incident.resolved_at > self._remembered(incident):
                    self._book.forget(incident)
                continue
            ailing, unseen, recovering = self._condition(incident, found)
            if not ailing:
                self._over(incident)
            elif incident.state is not IncidentState.CHILD:
                self._note(incident, unseen=unseen, recovering=recovering)

    def _remembered(self, incident: Incident) -> timedelta:
        longest = BLINDNESS_REMEMBERED if is_blindness(incident) else REMEMBERED
        return max(longest, timedelta(seconds=self._paging.hard_down.cooldown))

    def _condition(self, incident: Incident, found: Sequence[Cause]) -> tuple[bool, bool, bool]:
        """Whether it goes on; whether nothing fresh is known of it; whether all of it is on its way up."""
        sight = self._sight
        if incident.signal is Signal.DRILL:
            return self._now - incident.opened_at < DRILL_LASTS, False, False
        if incident.signal is Signal.NO_DATA:
            stale = (sight.watches[key] for key in sight.silence.stale)
            return any(watch.vantage == incident.scope.id for watch in stale), False, False
        if incident.scope.level in {Level.OBSERVER, Level.CONTRACT}:
            return any(cause.scope == incident.scope for cause in found), False, False
        if incident.signal is Signal.HARD_DOWN:
            down = {key: w for key, w in sight.watches.items() if w.down and within(w, incident.scope)}
            return bool(down), down.keys() <= sight.silence.stale, all(watch.good > 0 for watch in down.values())
        burning = [one for one in sight.burning.values() if burns(incident, one)]
        unknown = all(one.verdict == "unknown" for one in burning)
        return bool(burning), unknown, all(one.verdict == "holding" for one in burning)

    def _over(self, incident: Incident) -> None:
        calm_s = self._paging.flapping.calm
        if incident.flapping and incident.flips and self._now - incident.flips[-1] < timedelta(seconds=calm_s):
            if incident.state is not IncidentState.RECOVERING:
                self._book.record(
                    replace(incident, state=IncidentState.RECOVERING),
                    Change.RECOVERING,
                    f"well again; over when nothing has changed for {calm_s:g} s",
                )
            return
        gone = incident.signal is Signal.HARD_DOWN and not any(
            within(watch, incident.scope) for watch in self._sight.watches.values()
        )
        due = self._sight.claims.get(incident.scope.id) if incident.signal is Signal.CLAIM_DUE else None
        forfeited = due is not None and not due.settled and self._now >= due.claim_by
        self._book.resolve(incident, ended_words(incident, self._paging, gone=gone, forfeited=forfeited))

    def _note(self, incident: Incident, *, unseen: bool, recovering: bool) -> None:
        if unseen != incident.blind:
            change = Change.BLIND if unseen else Change.SEEING
            why = "no fresh evidence: it stays as it is" if unseen else "there is evidence again"
            incident = self._book.record(replace(incident, blind=unseen), change, why)
        if recovering and not unseen and incident.state in {IncidentState.OPEN, IncidentState.ACKED}:
            self._book.record(
                replace(incident, state=IncidentState.RECOVERING), Change.RECOVERING, "everything answers again"
            )
        elif not recovering and not unseen and incident.state is IncidentState.RECOVERING:
            state = IncidentState.ACKED if incident.acknowledged else IncidentState.OPEN
            self._book.record(replace(incident, state=state), Change.RELAPSED, "failed again while recovering")
