"""Where objects go: standby, mirror, picture by picture, and what leaves the disk afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.retention import Retention, RetentionRules
from agent.spool import Spool
from agent.store import Store
from tests.peers.process import free_port
from tests.peers.scripted import Peer
from tests.system.world import Sandbox, box_in, toml_for, toml_for_peer, wait_for
from tests.unit.core.test_core_store import STAMP


def another(name: str, port: int, *lines: str) -> str:
    more = "\n".join(lines)
    return (
        f'[[destination]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\ncalled_ae_title = "OTHER"\n'
        f"tls = false\nallow_plaintext = true\n{more}\n"
    )


def test_a_standby_takes_a_study_while_the_first_is_away_and_keeps_it(tmp_path: Path) -> None:
    port = free_port()
    with Peer({}) as spare:
        toml = toml_for_peer(port, first_retry_s=0.3, longest_retry_s=0.6)
        toml = toml.replace("[delivery]", another("spare", spare.port, 'standby_of = "archive"') + "[delivery]")
        with box_in(tmp_path / "box", toml) as box:
            uids = box.emergency(2)
            wait_for("the standby has it", lambda: box.sent() == 2, 20)
            assert {job["destination"] for job in box.jobs()} == {"spare"}
    assert sorted(spare.received) == sorted(uids)


def test_nobody_waits_for_a_mirror(tmp_path: Path) -> None:
    with Peer({}) as archive:
        toml = toml_for_peer(archive.port, first_retry_s=0.3)
        toml = toml.replace("[delivery]", another("mirror", free_port(), "required = false") + "[delivery]")
        with box_in(tmp_path / "box", toml) as box:
            box.emergency(1)
            wait_for("delivered", lambda: box.get("/exams")[0]["state"] == "delivered", 20)
            assert {j["destination"]: j["state"] for j in box.jobs()}["mirror"] in ("waiting", "sending")


def test_each_picture_goes_by_itself_while_the_exam_is_open(sandbox: Sandbox, tmp_path: Path) -> None:
    toml = toml_for(sandbox).replace("undo_window_s = 0", 'undo_window_s = 0\nrelease = "picture"')
    with box_in(tmp_path / "box", toml) as box:
        exam = box.open_exam("Ґалаґан")
        first = box.capture("one")
        wait_for("sent", box.all_sent)
        assert box.get(f"/exams/{exam['exam_id']}")["state"] == "open"
        second = box.capture("two")
        wait_for("both sent", lambda: box.sent() == 2)
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("committed", lambda: box.get(f"/exams/{exam['exam_id']}")["state"] == "committed")
    uids = {first["sop_instance_uid"], second["sop_instance_uid"]}
    assert {r.sop_instance_uid for r in sandbox.received()} == uids


def test_what_is_confirmed_leaves_the_disk_and_stays_away(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("committed", lambda: box.get(f"/exams/{exam['exam_id']}")["state"] == "committed")
        open_exam = box.open_exam("Щербак")
        kept = box.capture("two")
        box.stop()
        store, spool = Store(box.data / "agent.sqlite3"), Spool(box.data / "spool")
        rules = RetentionRules(keep_s=0, deleted_s=0, purge_below_bytes=0, minimum_free_bytes=0)
        retention = Retention(
            store,
            spool,
            rules,
            stamp=lambda: replace(STAMP, unix=4e9),
            notice=lambda _what, _name: None,
            turned=lambda: None,
            steps=lambda _step: None,
        )
        assert retention.turn() == 1
        assert retention.turn() == 0
        store.close()
        assert [f.stem for f in spool.frames.iterdir()] == [kept["frame_id"]]
        assert list(spool.objects.iterdir()) == []
        box.start()
        (purged,) = box.get(f"/exams/{exam['exam_id']}")["frames"]
        assert purged["state"] == "purged"
        assert [f["state"] for f in box.get(f"/exams/{open_exam['exam_id']}")["frames"]] == ["captured"]
