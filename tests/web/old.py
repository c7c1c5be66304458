"""Screens that are out of date on purpose: deaf to what the box tells, or sending once more what they sent before."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import APIResponse, Page, Request, Route


def deaf(page: Page) -> None:
    """From its next page on, this screen hears of no change: a tablet at the edge of the wireless network."""
    page.route("**/api/events", lambda route: route.abort())


def slow(page: Page) -> list[Route]:
    """Hold every answer that this screen asks for by itself, until the test lets it go (`continue_`)."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.headers.get("x-by-itself"):
            held.append(route)
        else:
            route.continue_()

    page.route("**/*", hold)
    return held


@dataclass
class Tape:
    """Every form that a page sent."""

    page: Page
    sent: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda one: self.sent.append(one) if one.method == "POST" else None)

    def last(self, part: str) -> Request:
        """The last form that went to an address with this part."""
        return next(one for one in reversed(self.sent) if part in one.url)

    def again(self, one: Request, *, key: str = "") -> APIResponse:
        """Send a form once more with the screen's cookies; with `key` as if it had been drawn anew."""
        body = one.post_data or ""
        if key:
            body = "&".join(f"idempotency={key}" if p.startswith("idempotency=") else p for p in body.split("&"))
        origin = "/".join(one.url.split("/")[:3])
        headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
        return self.page.request.post(one.url, data=body, headers=headers, max_redirects=0)
