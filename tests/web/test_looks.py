"""Every screen in both languages and two sizes: kept as a picture, quiet console, axe-core, and no state by colour."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.web.axe import violations
from tests.web.browser import LARGE, SMALL, shoot
from tests.web.hands import Hands
from tests.web.house import House
from tests.web.measure import faults as measured
from tests.web.tour import tour

pytestmark = pytest.mark.web
HOUSE = {"undo_s": 6, "more": "\n[delivery]\nfirst_retry_s = 1\nlongest_retry_s = 2\nprobe_s = 1\n"}
BLINDNESS = ("protanopia", "deuteranopia", "tritanopia")
LOOKED_AT = ("worklist", "live-captured", "live-no-signal", "queue", "queue-archive-away")
"""Screens whose states are kept as somebody sees them who does not see all colours."""
MISSING = "nothing-there"
"""Answered with 404, which the console tells by itself."""
_STATES = """() => [...document.querySelectorAll(".state, #strip .item, #strip button, .message, .rec, .banner .name")]
  .filter((at) => at.getClientRects().length && !at.closest(".sr, [hidden]"))
  .filter((at) => {
    const icon = [...at.querySelectorAll("svg use")].some((use) => {
      const box = use.ownerSVGElement.getBoundingClientRect();
      return box.width > 8 && box.height > 8 && (use.getAttribute("href") || "").includes("#")
        && use.getBBox().width > 0;
    });
    const said = at.innerText.trim() || (at.matches("a, button") && at.textContent.trim());
    return !(said && (icon || at.matches(".banner:not(.none):not(.emergency) .name")));
  })
  .map((at) => at.outerHTML.slice(0, 200))"""


def blind(page: Page, name: str) -> None:
    """Keep what somebody without one kind of cone sees."""
    session = page.context.new_cdp_session(page)
    for kind in BLINDNESS:
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
        shoot(page, f"{name}-{kind}")
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    session.detach()


def faults(page: Page, stop: str) -> list[str]:
    troubles: list[str] = page.troubles  # type: ignore[attr-defined]
    told = [] if stop == MISSING else [f"console: {one}" for one in troubles]
    troubles.clear()
    told += [f"no icon or no word: {one}" for one in page.evaluate(_STATES)]
    return told + violations(page)


_PLANT = """() => {
  document.getElementById("main").insertAdjacentHTML("beforeend",
    "<button class='planted'></button><span class='state fail'>red</span><div class='broad'>wide</div>");
  Object.assign(document.querySelector(".planted").style, { minWidth: 0, minHeight: 0, width: "30px", height: "30px" });
  document.querySelector(".broad").style.width = "3000px";
}"""


def test_each_judge_sees_what_is_wrong(home: House) -> None:
    with home.seat() as page:
        Hands(page).go("/")
        assert not faults(page, "worklist") + measured(page, 3.78)
        page.evaluate(_PLANT)
        page.evaluate("console.error('planted'); fetch('/static/nothing.css')")
        page.wait_for_timeout(300)
        told = "\n".join(faults(page, "worklist") + measured(page, 3.78))
    for what in (
        "button-name",
        "no icon or no word",
        "console: planted",
        "7.9 mm, control needs",
        "scrolls sideways: main",
    ):
        assert what in told


@pytest.mark.timeout(400)
@pytest.mark.parametrize("language", ["uk", "en"])
def test_every_screen(home: House, language: str) -> None:
    wrong: list[str] = []
    with home.seat(language=language) as page:
        hands = Hands(page)
        for number, stop in enumerate(tour(home, hands), 1):
            hands.ready()
            assert page.evaluate("document.documentElement.lang") == language
            for width, height in (LARGE, SMALL):
                page.set_viewport_size({"width": width, "height": height})
                shoot(page, f"{language}-{number:02}-{stop}")
                wrong += [f"{stop} {width}: {fault}" for fault in faults(page, stop)]
            if stop in LOOKED_AT:
                blind(page, f"{language}-{number:02}-{stop}")
    assert not wrong, "\n" + "\n".join(wrong)
