"""One box and what happens to it: the parts are told one after another, each with its time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from pydicom import dcmread

from agent.errors import AgentError
from drivers.simulator.counter import read_counter
from tests.appliance.guest import Guest, ServiceSilent
from tests.peers.ftdi import Adapter
from tests.system.world import PAUSE, Json, Sandbox

SOURCE = "us1"
PATIENT, NAME = "UA-00013", "Коваль^Олена^Іванівна"
QUEUE_MS = 200
"""How long a picture may wait in vivid's own output before it is on the cable: two pictures, and emulation is slow."""
SLOW_S = 900
_FEEDER_ENDS = """test -e /run/feeder || exit 0
p=$(cat /run/feeder); rm /run/feeder; kill $p
while [ -e /proc/$p/fd/0 ]; do sleep 0.2; done"""
STICK_READ = "test -z \"$(systemctl list-units -q --no-legend --state=activating 'modality-agent-media@*')\""
"""Nothing looks at a stick now. A unit of one act is never *active* while it acts."""
DEVICE = "python3 /run/test/legacy_device.py"


def slowly(what: str, holds: Callable[[], Any], limit_s: float = SLOW_S) -> Any:
    """Return the first true value of `holds()`, asked once a second: each question costs the emulated box much."""
    end = monotonic() + limit_s
    while True:
        with suppress(ServiceSilent):
            if value := holds():
                return value
        assert monotonic() < end, f"{what}: not within {limit_s:.0f} s"
        PAUSE.wait(1.0)


class Story:
    """What the test knows of the box and its surroundings."""

    def __init__(self, folder: Path, guest: Guest, sandbox: Sandbox) -> None:
        self.folder, self.guest, self.sandbox = folder, guest, sandbox
        self.parts: list[tuple[str, float]] = []
        self.exam: Json = {}
        self.code = ""
        """What the box wrote on the stick for its first administrator."""
        self.pedal = Adapter()

    def part(self, name: str, act: Callable[[Story], Any]) -> None:
        begun = monotonic()
        told = act(self)
        self.parts.append((name, monotonic() - begun))
        print(f"[{self.parts[-1][1]:6.1f} s] {name}{f': {told}' if told else ''}", flush=True)

    # --- the box ------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        return self.guest.get(path)

    def post(self, path: str, body: Json | None = None) -> Any:
        return self.guest.post(path, body)

    def source(self) -> Json:
        """Return the source as the service tells it; empty words while the service does not answer."""
        with suppress(ServiceSilent, AgentError):
            return dict(self.get("/sources")[0])
        return {"signal": "", "geometry": "", "state": "", "advice": "", "reason": "", "refusal_code": ""}

    def source_where(self, what: str, limit_s: float = SLOW_S, **values: str) -> Json:
        """Return the source once it has these values."""
        seen: Json = {}

        def holds() -> bool:
            seen.update(self.source())
            return all(value in seen[name] for name, value in values.items())

        slowly(what, holds, limit_s)
        return seen

    def open_exam(self, patient_id: str = PATIENT) -> Json:
        """Open the exam of a patient of the worklist, the number typed again."""
        entries = slowly("the worklist", lambda: self.post("/worklist/refresh")["entries"])
        (entry,) = [e for e in entries if e["patient"]["patient_id"] == patient_id]
        chosen = {"key": entry["key"], "digest": entry["digest"], "mode": "reenter", "typed": patient_id}
        self.exam = self.post("/exams", {"source": SOURCE, **chosen})
        return self.exam

    def captured(self) -> list[Json]:
        return list(self.get(f"/exams/{self.exam['exam_id']}")["frames"])

    def finish_and_receive(self, uid: str) -> Any:
        """Finish the exam and return the object with this UID as the PACS has it."""
        self.post(f"/exams/{self.exam['exam_id']}/finish")

        def arrived() -> list[Path]:
            return [r.path for r in self.sandbox.received() if r.sop_instance_uid == uid]

        return dcmread(slowly("the object at the PACS", arrived)[0])

    # --- the legacy device ----------------------------------------------------------------------------------------

    def feed(self, standard: str) -> None:
        """Let the legacy device show pictures of a standard, another than before or the same."""
        self.guest.sh(_FEEDER_ENDS)
        self.guest.spawn(f"exec {DEVICE} feed {standard}")
        flows = "test -e /run/feeder"
        try:
            slowly("pictures flow", lambda: self.guest.ask(sh=flows)["rc"] == 0, 300)
        except AssertionError:
            print(self.guest.sh("cat /run/test-spawned.log"))
            raise

    def turn(self, *words: object) -> None:
        """Set controls of vivid's input: name, value, name, value."""
        self.guest.sh(f"{DEVICE} set {' '.join(repr(str(word)) for word in words)}")

    def age_ms(self, picture: Any, pressed_ms: int) -> int:
        """Return how long after the press a picture was made; fails where it is older than the press."""
        age = read_counter(picture) - pressed_ms
        assert age > -QUEUE_MS, f"the picture is {-age} ms older than the press"
        return age
