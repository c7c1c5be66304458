"""Every button of the administration screens in a browser, over the real service: each does what it says."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from agent.supervisor import EXIT_AGAIN
from tests import pki
from tests.peers.process import free_port
from tests.system.test_administration import sign
from tests.system.world import PASSWORD, Box, wait_for
from tests.system.world import Page as Client
from tests.web.admin import READER_ENDS, more, ready, seated, user_id, whole
from tests.web.browser import shoot
from tests.web.house import House

pytestmark = [pytest.mark.web, pytest.mark.timeout(180)]
HOUSE = {"more": more, "port": free_port()}


# --- connections, pictures of nobody, readers ------------------------------------------------------------------------


def test_connections_are_told_phase_by_phase(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/connections")
        page.click("#test-sandbox-pacs")
        expect(page.locator("#answer-sandbox-pacs .steps .passed")).to_have_count(5)
        page.click("#test-nobody")
        failed = page.locator("#answer-nobody")
        expect(failed.locator(".steps .failed")).to_have_count(1)
        expect(failed.locator(".steps .not-reached")).to_have_count(3)
        expect(failed.locator(".message.fail")).to_contain_text("адресу")
        page.click("#query")
        received = page.locator("#answer-query dd").first
        expect(received).to_have_text(str(home.box.get("/worklist")["received"]))
        shoot(page, "admin-connections-tested-uk")
        page.evaluate("document.getElementById('nobody').scrollIntoView()")
        shoot(page, "admin-connections-failed-uk")
        whole(page)
        page.click("#test-all")
        expect(page.locator(".connection .answer .steps")).to_have_count(len(home.box.get("/connections")))


def test_a_test_picture_is_followed_to_the_archive_for_tests(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/connections")
        page.click("#trial")
        expect(page).to_have_url(re.compile("/admin/test-pictures/"))
        expect(page.locator("#trial .message.ok")).to_be_visible(timeout=30_000)
        expect(page.locator(".steps .passed")).to_have_count(3)
        shoot(page, "admin-trial-uk")
        whole(page)


def test_what_a_reader_reads_is_shown_and_does_nothing(home: House, administrator: Client) -> None:
    wait_for("the reader works", lambda: home.box.get("/inputs")[0]["working"], 20)
    with seated(home, administrator) as page:
        ready(page, "/admin/sources")
        page.click("#test-reader")
        expect(page).to_have_url(re.compile("/admin/inputs/reader"))
        os.write(READER_ENDS["reader"], b"ZZCANARY-0001\r\n")
        expect(page.locator("#seen .passed").first).to_contain_text("13")
        shoot(page, "admin-input-seen-uk")
        whole(page)
        assert "ZZCANARY" not in page.content()
    assert home.box.get("/sources/us1/scan") is None


def test_a_source_begins_anew(home: House, administrator: Client) -> None:
    before = {pid for module, pid in home.box.children() if module == "drivers.host"}
    with seated(home, administrator) as page:
        ready(page, "/admin/sources/us1")
        page.click("#restart")
        wait_for("another child", lambda: {p for m, p in home.box.children() if m == "drivers.host"} - before, 20)
    home.box.wait_ready()


def test_what_needs_attention_stands_first(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin")
        expect(page.locator("#first .message.ok")).to_be_visible()
        home.box.post("/sources/us1/fault", {"fault": "no_signal"})
        expect(page.locator("#first .message.fail")).to_contain_text("us1", timeout=20_000)  # by itself
        shoot(page, "admin-overview-trouble-uk")
        whole(page)
        page.locator("#first .message.fail .button").first.click()
        expect(page).to_have_url(re.compile("/admin/sources$"))
        page.click("#show-us1")
        page.click("#restart")
        home.box.wait_ready()
        ready(page, "/admin")
        expect(page.locator("#first")).not_to_contain_text("us1", timeout=20_000)


# --- certificates ----------------------------------------------------------------------------------------------------


def test_a_request_is_made_downloaded_and_a_foreign_certificate_refused(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/certificates")
        page.click("#read")
        expect(page.locator(".state.ok, .state.wait, .state.fail").first).to_be_visible()
        expect(page.locator(".admin .card .hash").first).to_have_text(re.compile("^[0-9a-f]{64}$"))
        shoot(page, "admin-certificates-read-uk")
        page.click("#purpose-peers")
        page.fill("#common_name", "us1.hospital.example")
        page.fill("#dns", "us1.hospital.example, us1")
        page.click("#request")
        expect(page.locator("#requested pre")).to_contain_text("BEGIN CERTIFICATE REQUEST")
        with page.expect_download() as download:
            page.click("#download")
        assert download.value.suggested_filename == "peers.csr"
        assert Path(download.value.path()).read_text() == home.box.get("/certificates/requests")[0]["pem"]
        shoot(page, "admin-certificate-requested-uk")
        whole(page)
        page.fill("#signed", Path(home.sandbox.description["agent_certificate"]).read_text())
        page.click("#install")
        expect(page.locator("#notice .message.fail")).to_be_visible()
        page.troubles.clear()  # type: ignore[attr-defined]  # the browser notes every answer of 400 and more
        assert home.box.get("/configuration")["state"] == "steady"


def test_a_signed_certificate_becomes_a_change_to_be_confirmed(
    home: House, administrator: Client, tmp_path: Path
) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/certificates/page")
        page.fill("#common_name", "us1.hospital.example")
        page.fill("#dns", "us1.hospital.example")
        page.click("#request")
        request = page.locator("#requested pre").inner_text()
        page.fill("#signed", sign(request, tmp_path, pki.make(tmp_path / "pki")))
        page.click("#install")
        expect(page.locator(".changes h3")).to_have_text(["web.certificate_file", "web.key_file"])
        whole(page)
        page.click("#withdraw")
        expect(page.locator("#edit")).to_be_visible()
    assert home.box.get("/configuration")["state"] != "proposed"


# --- people, screens, programs ---------------------------------------------------------------------------------------


def test_a_person_comes_changes_and_goes(home: House, administrator: Client) -> None:
    def user() -> dict[str, Any]:
        return dict(next(u for u in home.box.get("/users") if u["name"] == "Іван Новий"))

    with seated(home, administrator) as page:
        ready(page, "/admin/people")
        page.click("#new")
        page.fill("#name", "Іван Новий")
        page.fill("#password", "123")
        page.click("#create")
        expect(page.locator("#notice .message.fail")).to_be_visible()
        expect(page.locator("#name")).to_have_value("Іван Новий")
        page.troubles.clear()  # type: ignore[attr-defined]
        page.fill("#password", PASSWORD)
        page.click("#create")
        expect(page.locator("h1")).to_have_text("Іван Новий")
        page.locator("label.choice", has_text="сервісна").or_(page.locator("input[value=service] + span")).first.click()
        page.click("#set-role")
        wait_for("the role", lambda: user()["role"] == "service")
        page.fill("#pin", "592746")
        page.click("#set-pin")
        page.click("#take-pin")
        wait_for("no PIN", lambda: not user()["has_pin"])
        page.click("#disable")
        page.click("#enable")
        wait_for("enabled", lambda: user()["state"] == "active")
        page.click("#remove")
        shoot(page, "admin-person-remove-uk")
        page.click("#do")
        expect(page).to_have_url(re.compile("/admin/people$"))
        expect(page.locator("#users")).not_to_contain_text("Іван Новий")


def test_somebody_is_logged_out_from_afar(home: House, administrator: Client) -> None:
    victim = home.box.person("technician", "Олена Коваль")
    assert victim.get("/").status == 200
    with seated(home, administrator) as page:
        ready(page, f"/admin/people/{user_id(home.box, 'Олена Коваль')}")
        while (ends := page.locator("#sessions button")).count():
            ends.first.click()
            ready(page, f"/admin/people/{user_id(home.box, 'Олена Коваль')}")
    assert victim.get("/").status == 303


def test_a_screen_is_enrolled_by_a_code_that_is_shown_once(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/screens")
        page.click("#code")
        code = page.locator("#secret").inner_text()
        shoot(page, "admin-code-uk")
        whole(page)
        page.reload()
        expect(page.locator("#secret")).to_have_count(0)
        shown = home.box.page()
        enrolled = shown.post_form("/enrol/screen", code=code, name="Планшет 7")
        assert enrolled.status == 303
        ready(page, "/admin/screens")
        page.locator("#screens li", has_text="Планшет 7").locator("a.button").click()
        page.fill("#name", "Планшет 8")
        page.fill("#pixels_per_mm", "5,88")
        page.click("#save")
        expect(page.locator("#screens")).to_contain_text("Планшет 8")
        assert next(s for s in home.box.get("/screens") if s["name"] == "Планшет 8")["pixels_per_mm"] == 5.88
        page.locator("#screens li", has_text="Планшет 8").locator("a.button").click()
        page.click("#revoke")
        page.click("#do")
        expect(page.locator("#screens")).not_to_contain_text("Планшет 8")
    assert code.replace("-", "") not in (home.box.data / "agent.sqlite3").read_bytes().decode("latin-1")


def test_a_program_is_let_in_and_shut_out(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/programs")
        page.fill("#name", "HIS")
        page.click("#create")
        token = page.locator("#secret").inner_text()
        shoot(page, "admin-token-uk")
        whole(page)
        program = home.box.page(bearer=token)
        assert program.get("/api/status").status == 200
        ready(page, "/admin/programs")
        page.locator("#tokens button").first.click()
        expect(page.locator("#tokens button")).to_have_count(0)
    assert home.box.page(bearer=token).get("/api/status").status == 401
    everything = b"".join(f.read_bytes() for f in home.box.data.glob("agent.sqlite3*"))
    assert token.encode() not in everything


# --- log, support, audit ----------------------------------------------------------------------------------------------


def test_the_support_file_is_a_zip_without_a_patient(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/logs")
        with page.expect_download() as download:
            page.click("#bundle")
        assert download.value.suggested_filename.startswith("support-Sandbox-box-")
        names = zipfile.ZipFile(download.value.path()).namelist()
        assert {"versions.json", "configuration.json", "log.txt"} <= set(names)


def test_the_trail_is_read_and_verified(home: House, administrator: Client) -> None:
    with seated(home, administrator) as page:
        ready(page, "/admin/audit")
        page.click("#read")
        expect(page.locator("#rows tbody tr").first).to_be_visible()
        assert page.locator("#rows tbody tr").count() > 3
        shoot(page, "admin-audit-rows-uk")
        whole(page)
        read = page.locator("#rows tbody tr").count()
        page.click("#verify")
        expect(page.locator("#verified.ok")).to_be_visible()
        number, sha256 = home.box.post("/audit/verify")["last"], page.locator("#hash").inner_text()
        shoot(page, "admin-audit-verified-uk")
        page.fill("#number", str(number))
        page.fill("#sha256", sha256 if number == home.box.post("/audit/verify")["last"] else "")
        page.click("#verify-against")
        expect(page.locator("#verified.ok")).to_be_visible()
        page.fill("#number", str(number))
        page.fill("#sha256", "0" * 64)
        page.click("#verify-against")
        expect(page.locator("#verified.fail")).to_be_visible()
        assert read


# --- without scripts --------------------------------------------------------------------------------------------------


def test_forms_need_no_script(home: House, administrator: Client) -> None:
    with home.seat("administrator", "en", client=administrator, java_script_enabled=False) as page:
        page.goto("/admin/connections")
        page.click("#test-bench")
        expect(page.locator("#answer-bench .steps .passed")).to_have_count(5)
        page.goto("/admin/people/new")
        page.fill("#name", "Without Script")
        page.fill("#password", PASSWORD)
        page.click("#create")
        expect(page.locator("h1")).to_have_text("Without Script")
        page.goto("/admin/configuration/edit")
        page.click("#review")
        expect(page.locator("#notice .message.fail")).to_be_visible()


# --- the configuration, last: the box restarts --------------------------------------------------------------------


def again(box: Box) -> None:
    """What the service manager does: the process ended by itself, it is started again."""
    assert box.process is not None
    assert box.process.wait(timeout=30) == EXIT_AGAIN, box.text()
    box.start()


def test_a_change_is_reviewed_confirmed_watched_and_kept(home: House, administrator: Client) -> None:
    box = home.box
    with home.seat("administrator", "uk", client=administrator) as page:
        ready(page, "/admin/configuration")
        page.click("#edit")
        text = page.locator("#text").input_value()
        page.fill("#text", text.replace("undo_window_s = 60", 'undo_window_s = "long"'))
        page.click("#review")
        expect(page.locator("#problems")).to_contain_text("undo_window_s")
        expect(page.locator("#text")).to_have_value(re.compile('undo_window_s = "long"'))
        shoot(page, "admin-configuration-mistake-uk")
        assert box.get("/configuration")["state"] == "steady"
        page.fill("#text", text.replace("undo_window_s = 60", "undo_window_s = 20"))
        page.click("#review")
        expect(page.locator(".changes .weakens")).to_have_count(1)
        expect(page.locator(".changes .before code")).to_have_text("60")
        expect(page.locator(".changes .after code")).to_have_text("20")
        shoot(page, "admin-configuration-review-uk")
        whole(page)
        page.fill("#box_name", "Another box")
        page.click("#confirm")
        expect(page.locator("#notice .message.fail")).to_be_visible()
        assert box.get("/configuration")["state"] == "proposed"
        page.fill("#box_name", box.get("/status")["box"])
        page.click("#confirm")
        expect(page.locator(".message.busy")).to_be_visible()
        shoot(page, "admin-configuration-restart-uk")
        again(box)
        expect(page.locator("#admin .message.ok")).to_be_visible(timeout=30_000)  # by itself
        shoot(page, "admin-configuration-kept-uk")
        assert box.get("/configuration")["state"] == "kept"
    assert box.get("/status")["undo_window_s"] == 20


def test_a_change_that_cuts_an_archive_off_is_watched_and_given_back(home: House, administrator: Client) -> None:
    box = home.box
    port = f'port = {home.sandbox.description["pacs"]["port"]}'
    with home.seat("administrator", "uk", client=administrator) as page:
        ready(page, "/admin/configuration/edit")
        text = page.locator("#text").input_value()
        page.fill("#text", text.replace(port, f"port = {free_port()}", 1))
        page.click("#review")
        expect(page.locator(".changes .before")).to_have_count(1)
        page.fill("#box_name", box.get("/status")["box"])
        page.click("#confirm")
        again(box)
        ready(page, "/admin/configuration")
        page.troubles.clear()  # type: ignore[attr-defined]  # the box was away
        expect(page.locator("svg.ring")).to_be_visible()
        expect(page.locator("#admin")).to_contain_text("sandbox-pacs")
        shoot(page, "admin-configuration-watched-uk")
        whole(page)
        page.click("#give-back")
        again(box)
        ready(page, "/admin/configuration")
        expect(page.locator("#admin .message.wait")).to_be_visible()
        shoot(page, "admin-configuration-returned-uk")
        expect(page.locator("pre.toml")).to_contain_text(port)
