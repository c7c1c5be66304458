"""The administration screens (technician.md B3, screen 7): one layout, one module for each noun, rows by noun."""

from __future__ import annotations

from agent.web.pages.admin import (
    acceptance,
    audit,
    certificates,
    configuration,
    connections,
    overview,
    people,
    programs,
    screens,
    sources,
    support,
)
from agent.web.pages.page import Page

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *connections.PAGES,
    *acceptance.PAGES,
    *sources.PAGES,
    *certificates.PAGES,
    *people.PAGES,
    *screens.PAGES,
    *programs.PAGES,
    *configuration.PAGES,
    *support.PAGES,
    *audit.PAGES,
)
