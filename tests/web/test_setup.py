"""The set-up page as a person sees it, in both languages, on a panel and on IT's screen; it works without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.system.test_setup_page import box_to_set_up
from tests.web.browser import LARGE, SMALL, screen, shoot
from tests.web.measure import faults as measured
from tests.web.test_doors import MM
from tests.web.test_looks import faults as looked

pytestmark = pytest.mark.web
NARROW = (420, 800)
REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What the browser's console says about a page that was answered with a refusal."""


def looks(page: Page, stop: str, language: str, *, refused: bool = False) -> Iterator[str]:
    assert page.evaluate("document.documentElement.lang") == language
    troubles: list[str] = page.troubles  # type: ignore[attr-defined]
    if refused:
        assert any(REFUSED in one for one in troubles)
        troubles[:] = [one for one in troubles if REFUSED not in one]
    for width, height in (LARGE, NARROW, SMALL):
        page.set_viewport_size({"width": width, "height": height})
        shoot(page, f"{language}-setup-{stop}")
        yield from (f"{stop} {width}: {fault}" for fault in looked(page, stop))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            yield f"{stop} {width}: scrolls sideways"
    yield from (f"{stop}: {fault}" for fault in measured(page, MM))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("language", ["uk", "en"])
def test_from_the_code_to_the_box(browser: Browser, tmp_path: Path, language: str) -> None:
    wrong: list[str] = []
    with (
        box_to_set_up(tmp_path) as box,
        screen(browser, f"https://127.0.0.1:{box.port}", java_script_enabled=True) as page,
    ):
        file = tmp_path / "modality-agent-enrol.toml"
        page.goto("/")
        page.locator(f"nav a[lang={language}]").click()
        wrong += looks(page, "code", language)
        page.locator("input[name=code]").fill("ACDE-3479-FGHJ-KLMN")
        page.locator("form .primary").click()
        assert "E-03" in page.locator("[role=alert]").inner_text()
        wrong += looks(page, "wrong-code", language, refused=True)
        page.locator("input[name=code]").fill(box.code.lower())
        page.locator("form .primary").click()
        page.wait_for_selector("html[data-page=setup-file]")
        wrong += looks(page, "file", language)
        file.write_bytes(
            box.enrolment.replace(b"ae_title = ", b"ae_titel = ").replace(b"[[configuration.so", b"[[configuration.sau")
        )
        page.locator("input[type=file]").set_input_files(file)
        page.locator("form .primary").click()
        assert page.locator("#problems li").count() >= 2
        wrong += looks(page, "mistakes", language, refused=True)
        page.locator("textarea[name=text]").fill(box.enrolment.decode())
        page.locator("form .primary").click()
        page.wait_for_selector("html[data-page=setup-done]")
        wrong += looks(page, "done", language)
        assert page.locator("#first-code").inner_text() == (box.data / "enrolment-code").read_text().strip()
        assert box.ended() == 0
    assert not wrong, "\n" + "\n".join(wrong)


def test_it_works_where_no_script_runs(browser: Browser, tmp_path: Path) -> None:
    with (
        box_to_set_up(tmp_path) as box,
        screen(browser, f"https://127.0.0.1:{box.port}", java_script_enabled=False) as page,
    ):
        page.goto("/")
        page.locator("input[name=code]").fill(box.code)
        page.locator("form .primary").click()
        page.locator("textarea[name=text]").fill(box.enrolment.decode())
        page.locator("form .primary").click()
        page.wait_for_selector("#first-code")
        assert box.ended() == 0
