"""A box with its surroundings for the browser tests: worklist, people, screens of every role and language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from agent.web.session import SCREEN, SESSION
from tests.system.world import Box, Sandbox, box_in, sandbox_in, toml_for
from tests.system.world import Page as Client
from tests.web.browser import SMALL, screen

PRESETS = """description_presets = ["Цибулина ДПК", "Антральний відділ", "Стравохід", "Тіло шлунка"]
"""


@dataclass
class House:
    """One box, its RIS and PACS, and a browser to look at it with."""

    browser: Browser
    sandbox: Sandbox
    box: Box

    @property
    def address(self) -> str:
        return str(self.box.get("/status")["page"]).rstrip("/")

    @contextmanager
    def seat(
        self,
        role: str = "technician",
        language: str = "uk",
        size: tuple[int, int] = SMALL,
        *,
        client: Client | None = None,
        **options: Any,
    ) -> Iterator[Page]:
        """Sit down at a screen of `size` as somebody of `role` (empty: nobody), speaking `language`."""
        who = client or (self.box.person(role, screen=True) if role else self.box.page())
        if role:
            who.post_form("/language", language=language, next="/")
        with screen(self.browser, self.address, size, **options) as page:
            self.give(page, who)
            yield page

    def give(self, page: Page, who: Client) -> None:
        """Give a browser the cookies of somebody who came in."""
        names = [name for name in (SESSION, SCREEN) if name in who.cookies]
        kept = [{"name": n, "value": who.cookies[n], "url": self.address, "secure": True} for n in names]
        if kept:
            page.context.add_cookies(kept)  # type: ignore[arg-type]

    def refresh(self) -> None:
        self.box.post("/worklist/refresh")


@contextmanager
def house(
    browser: Browser,
    folder: Path,
    *,
    confirmation: str = "click",
    more: str | Callable[[Sandbox], str] = "",
    undo_s: int = 60,
    port: int = 0,
) -> Iterator[House]:
    """Run everything below `folder` for the length of the block; `more` is added to the configuration.

    `port`: where the page is, also after a restart; 0: anywhere.
    """
    with sandbox_in(folder / "sandbox") as sandbox:
        toml = toml_for(sandbox, undo_window_s=undo_s)
        toml = toml.replace('confirmation = "click"', f'confirmation = "{confirmation}"')
        toml = toml.replace("[source.object]", f"{PRESETS}[source.object]", 1)
        toml = toml.replace("[web]\n", "[web]\nrequest_limit = 10000\n", 1)
        toml = toml.replace("\nport = 0\n", f"\nport = {port}\n", 1)
        with box_in(folder / "box", toml + (more if isinstance(more, str) else more(sandbox))) as box:
            found = House(browser, sandbox, box)
            found.refresh()
            yield found
