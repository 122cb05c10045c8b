"""Every service that `touchstone receiver` stands in for."""

from __future__ import annotations

from touchstone.services import alertmanager, discord, incidentio, opsgenie, pagerduty, slack, teams

SERVICES = (
    pagerduty.EVENTS,
    pagerduty.CHANGES,
    slack.SERVICE,
    teams.SERVICE,
    discord.SERVICE,
    alertmanager.SERVICE,
    opsgenie.SERVICE,
    incidentio.SERVICE,
)
