"""A box with its surroundings for the browser tests: worklist, people, screens of every role and language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from agent.web.session import SCREEN, SESSION
from tests.system.fake_time import FakeTime
from tests.system.world import PASSWORD, PAUSE, Box, Json, Sandbox, box_in, sandbox_in, toml_for, wait_for
from tests.system.world import Page as Client
from tests.traps.desk import Desk
from tests.unit.drivers.rfc2217 import DeviceServer
from tests.web.browser import SMALL, screen

PRESETS = """description_presets = ["Цибулина ДПК", "Антральний відділ", "Стравохід", "Тіло шлунка"]
"""


@dataclass
class House:
    """One box, its RIS and PACS, and a browser to look at it with."""

    browser: Browser
    sandbox: Sandbox
    box: Box
    time: FakeTime
    pedal: DeviceServer | None = None
    free: dict[tuple[str, float], list[Client]] = field(default_factory=dict)
    """Screens that were enrolled before and at which nobody sits now."""

    @property
    def desk(self) -> Desk:
        """The registration desk of the RIS."""
        return Desk(self.sandbox.folder)

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
        mm: float = 0.0,
        **options: Any,
    ) -> Iterator[Page]:
        """Sit down at a screen of `size` as somebody of `role` (empty: nobody), speaking `language`.

        `mm`: how many pixels a millimetre has on this screen, measured when it was enrolled; 0: as configured.
        """
        free = self.free.setdefault((role, mm), [])
        who = client or (free.pop() if free else self.measured(role, mm) if role else self.box.page())
        if role:
            who.post_form("/language", language=language, next="/")
        with screen(self.browser, self.address, size, **options) as page:
            self.give(page, who)
            yield page
        if role and client is None:
            free.append(who)

    def measured(self, role: str, mm: float) -> Client:
        """Somebody of `role` at a screen that was enrolled with its scale."""
        if not mm:
            return self.box.person(role, screen=True)
        self.box.person(role)
        tablet = self.box.page()
        code = self.box.post("/screens/code")["code"]
        tablet.api("POST", "/enrol/screen", {"code": code, "name": "Measured", "source": "", "pixels_per_mm": mm})
        tablet.api("POST", "/me/login", {"name": f"Test {role}", "password": PASSWORD})
        return tablet

    def give(self, page: Page, who: Client) -> None:
        """Give a browser the cookies of somebody who came in."""
        names = [name for name in (SESSION, SCREEN) if name in who.cookies]
        kept = [{"name": n, "value": who.cookies[n], "url": self.address, "secure": True} for n in names]
        if kept:
            page.context.add_cookies(kept)  # type: ignore[arg-type]

    def refresh(self) -> None:
        self.box.post("/worklist/refresh")

    def entry(self, surname: str) -> Json:
        """The worklist entry of the first patient whose name begins so."""
        entries = self.box.get("/worklist")["entries"]
        return next(e for e in entries if surname in e["patient"]["name"])

    def begin(self, surname: str, **more: str) -> Json:
        """Open an exam by re-entering the end of the number, whatever this box asks for; the browser only looks."""
        entry = self.entry(surname)
        view = self.box.get(f"/sources/us1/confirm/{entry['key']}")
        body = {"source": "us1", "key": entry["key"], "digest": view["digest"], "mode": "reenter"}
        return self.box.post("/exams", {**body, "typed": entry["patient"]["patient_id"][-4:], **more})

    def opened(self) -> Json | None:
        """The exam that is open on the one source."""
        exam_id = self.box.get("/sources")[0]["exam_id"]
        return self.box.get(f"/exams/{exam_id}") if exam_id else None

    def close(self) -> None:
        """Let no exam be open any more; a trap that a test left behind goes as well."""
        self.time.passes(0)
        exam = self.opened()
        if exam:
            self.box.post(f"/exams/{exam['exam_id']}/finish")

    def tread(self) -> None:
        """Press the pedal and let it go, once it is known to be listened to."""
        assert self.pedal is not None
        wait_for("the pedal works", lambda: self.box.get("/inputs")[0]["working"], 20)
        self.pedal.lines.cts = True
        PAUSE.wait(0.12)
        self.pedal.lines.cts = False
        PAUSE.wait(0.25)


def _pedal(server: DeviceServer) -> str:
    return f"""
[[trigger]]
name = "pedal"
driver = "serial_line"
source = "us1"
[trigger.options]
port = "{server.url}"
"""


@contextmanager
def house(
    browser: Browser,
    folder: Path,
    *,
    confirmation: str = "click",
    more: str | Callable[[Sandbox], str] = "",
    undo_s: int = 60,
    pedal: bool = False,
    port: int = 0,
) -> Iterator[House]:
    """Run everything below `folder` for the length of the block; `more` is added to the configuration.

    `port`: where the page is, also after a restart; 0: anywhere. `pedal`: with a pedal on a serial device server.
    """
    with ExitStack() as kept:
        sandbox = kept.enter_context(sandbox_in(folder / "sandbox"))
        foot = kept.enter_context(DeviceServer()) if pedal else None
        toml = toml_for(sandbox, undo_window_s=undo_s)
        toml = toml.replace('confirmation = "click"', f'confirmation = "{confirmation}"')
        toml = toml.replace("[source.object]", f"{PRESETS}[source.object]", 1)
        toml = toml.replace("[web]\n", "[web]\nrequest_limit = 10000\n", 1)
        toml = toml.replace("\nport = 0\n", f"\nport = {port}\n", 1)
        toml += (more if isinstance(more, str) else more(sandbox)) + (_pedal(foot) if foot else "")
        time = FakeTime(folder / "time")
        box = kept.enter_context(box_in(folder / "box", toml, code=time.code))
        found = House(browser, sandbox, box, time, foot)
        found.refresh()
        yield found
