"""Administration of the box, by noun: tests, certificates, the configuration, support."""

from __future__ import annotations

from dataclasses import dataclass

from agent.service.acceptance import AcceptanceReports
from agent.service.certificates import BoxCertificates
from agent.service.configuration import ConfigurationFile
from agent.service.support import Support
from agent.service.trials import EngineerTests


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """What only those who look after the box may ask."""

    tests: EngineerTests
    certificates: BoxCertificates
    configuration: ConfigurationFile
    support: Support
    acceptance: AcceptanceReports
