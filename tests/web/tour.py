"""Through every screen of the technician, state by state: at each stop the screen stands still to be looked at."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.dimse import sandbox
from agent.errors import AgentError
from tests.system.world import Json, wait_for
from tests.traps.desk import order
from tests.web.hands import Hands
from tests.web.house import House

BLOCKED = order(90, "Безнумерна^Ганна", "", time="1200")
LONG = order(
    91, "Нечуй-Левицька-Кропивницька^Олександра-Вікторія^Костянтинівна", "UA-0000000000091", time="1230",
    ScheduledProcedureStepDescription="УЗД органів черевної порожнини та заочеревинного простору",
)  # fmt: skip
OLENA, OLENAS, OLHAS = "Коваль^Олена", "UA-00013", "UA-00031"
UNTIL_ASKED_S = 6 * 60.0


def everybody() -> list[Json]:
    """The sandbox's own patients, somebody without a number and a very long name."""
    kept = tomllib.loads((Path(sandbox.__file__).parent / "worklist.toml").read_text(encoding="utf-8"))["entry"]
    return [*kept, BLOCKED, LONG]


def tour(home: House, hands: Hands) -> Iterator[str]:
    """Yield the name of each screen and state while it is shown; asks for a house with an undo window of seconds."""
    home.desk.books(*everybody())
    home.refresh()
    yield from _choosing(home, hands)
    exam = home.begin("Нечуй")
    yield from _live(home, hands, exam["exam_id"])
    yield from _reviewing(hands, exam)
    yield from _beside_an_open_exam(home, hands)
    yield from _finishing(home, hands, exam["exam_id"])
    yield from _afterwards(home, hands, exam["exam_id"])


def _choosing(home: House, hands: Hands) -> Iterator[str]:
    hands.go("/")
    yield "worklist"
    hands.go("/?q=zzzz")
    yield "worklist-nobody"
    home.sandbox.faults(refuse="RIS")
    with suppress(AgentError):
        home.refresh()
    hands.go("/?day=all")
    yield "worklist-server-away"
    home.sandbox.faults()
    home.refresh()
    hands.go(f"/confirm/{home.entry(OLENA)['key']}")
    yield "confirm"
    hands.scan(OLHAS)
    hands.at("#whole .stop").wait_for()
    hands.ready()
    yield "confirm-stop"
    hands.go(f"/confirm/{home.entry('Безнумерна')['key']}")
    yield "confirm-blocked"
    hands.go(f"/confirm/{home.entry('Нечуй')['key']}")
    yield "confirm-long-name"
    hands.go("/unscheduled")
    yield "unscheduled"
    hands.go("/emergency")
    yield "emergency"


def _live(home: House, hands: Hands, exam_id: str) -> Iterator[str]:
    hands.go(f"/exam/{exam_id}")
    hands.at("#capture:enabled").wait_for()
    yield "live"
    for number in range(7):
        home.box.capture(f"{exam_id}-{number}")
    home.box.post("/sources/us1/clip/start", {"trigger_id": f"{exam_id}-clip"})
    hands.at("#rec").wait_for()
    yield "live-recording"
    home.box.post("/sources/us1/clip/stop")
    hands.page.wait_for_function("() => document.querySelectorAll('#thumbs li').length === 8")
    yield "live-captured"
    home.box.post("/sources/us1/fault", {"fault": "no_signal"})
    hands.at("#cover .cover").wait_for()
    yield "live-no-signal"
    home.box.post("/sources/us1/fault", {"fault": "none"})
    hands.at("#capture:enabled").wait_for()
    home.time.passes(UNTIL_ASKED_S)
    hands.go(f"/exam/{exam_id}")
    hands.at("#still-yes").wait_for()
    yield "live-still-this-patient"
    hands.tap("#still-yes")
    hands.at("#capture:enabled").wait_for()


def _reviewing(hands: Hands, exam: Json) -> Iterator[str]:
    review = f"/exam/{exam['exam_id']}/review"
    hands.go(review)
    yield "review"
    hands.tap("#describe")
    hands.is_on("describe")
    yield "describe"
    hands.go(review)
    hands.tap("#delete")
    hands.is_on("ask")
    yield "delete"
    hands.tap("#do")
    hands.is_on("review")
    hands.tap("#grid .tile.gone")
    hands.at("#restore").wait_for()
    yield "review-deleted"
    hands.tap("#restore")
    hands.at("#delete").wait_for()


def _beside_an_open_exam(home: House, hands: Hands) -> Iterator[str]:
    hands.go(f"/confirm/{home.entry(OLENA)['key']}")
    yield "confirm-another-is-open"
    hands.go("/")
    yield "worklist-exam-open"
    hands.go("/emergency")
    yield "emergency-exam-open"
    hands.go("/unscheduled")
    yield "unscheduled-exam-open"
    hands.go("/tray")
    yield "tray-empty"


def _finishing(home: House, hands: Hands, exam_id: str) -> Iterator[str]:
    home.sandbox.faults(abort=True)
    hands.go(f"/exam/{exam_id}/finish")
    yield "finish"
    hands.tap("#send")
    hands.is_on("worklist")
    yield "worklist-undo"
    hands.go(f"/exam/{exam_id}")
    yield "exam-undo"
    wait_for("it waits", lambda: home.box.jobs() and home.box.get("/destinations")[0]["state"] == "down", 60)
    hands.go("/queue")
    yield "queue-archive-away"
    hands.go(f"/queue/{exam_id}")
    yield "why-archive-away"
    home.sandbox.faults()


def _afterwards(home: House, hands: Hands, exam_id: str) -> Iterator[str]:
    emergency = home.box.post("/exams/emergency", {"source": "us1"})["exam_id"]
    home.box.capture(f"{emergency}-1")
    hands.go(f"/exam/{emergency}")
    hands.at("#capture:enabled").wait_for()
    yield "live-emergency"
    home.box.post(f"/exams/{emergency}/finish")
    hands.is_on("exam")  # by itself: the live page of an exam that somebody else finished
    wait_for("all of it is confirmed", home.box.all_sent, 60)
    hands.go("/queue")
    yield "queue"
    hands.go(f"/queue/{emergency}")
    yield "why-held"
    hands.go(f"/exam/{exam_id}")
    yield "exam-sent"
    for name in ("correct", "move", "removal", "append"):
        hands.go(f"/exam/{exam_id}/{name}")
        yield name
    hands.go(f"/exam/{emergency}/move/{home.entry(OLENA)['key']}")
    yield "move-ask"
    hands.go("/exam/nothing")
    yield "nothing-there"
