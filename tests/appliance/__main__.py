"""`make appliance-test`: the product image, unmodified, from the first start to the object in the PACS, under QEMU.

A hospital around it (RIS, PACS, time server on this machine), a legacy device on its grabber (the kernel's vivid), a
pedal on a USB serial adapter's CTS line (USB/IP, the kernel's own ftdi_sio), a barcode reader that is a keyboard, a
stick with the enrolment file. The last line says what was shown and how long each part took.
"""

from __future__ import annotations

import argparse
import hashlib
import ssl
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from time import monotonic

from tests.appliance import closed, faults
from tests.appliance.guest import Guest, fat_stick, from_stick
from tests.appliance.image import image, manifest, missing
from tests.appliance.site import HOST, enrolment, site_in
from tests.appliance.story import NAME, PATIENT, SOURCE, STICK_READ, Story, slowly
from tests.appliance.tpm import Tpm
from tests.system.world import PASSWORD, Json, Page

DOWN_S = 20.0
EMULATED_S = 180.0
"""So long one answer of the emulated box is awaited."""
RECOVERY_WORDS = 8
VIVID = "n_devs=1 node_types=0x101 num_inputs=2 input_types=0xe num_outputs=1 output_types=0x0"


def first_start(story: Story) -> str:
    seconds = story.guest.boot()
    assert story.guest.sh("cat /run/modality-agent-image/booted").strip() == "a"
    assert "inactive" in story.guest.ask(sh="systemctl is-active modality-agent")["out"]
    _kept_by_the_chip(story)
    return f"the box runs, not enrolled, {seconds:.0f} s after power"


def _kept_by_the_chip(story: Story) -> None:
    """The data partition is encrypted, its key in the TPM, and the box's name is the partition's."""
    kind = "blkid -o value -s TYPE $(readlink /run/modality-agent-image/slots/data)"
    assert story.guest.sh(kind).strip() == "crypto_LUKS"
    assert story.guest.sh("findmnt -n -o SOURCE /data").strip() == "/dev/mapper/modality-data"
    ids = story.guest.sh("tr -d - < /etc/machine-id; cat /data/machine-id").split()
    assert len(set(ids)) == 1, ids


def enrol(story: Story) -> str:
    guest = story.guest
    stick = fat_stick(story.folder, "enrol.img", {"modality-agent-enrol.toml": enrolment(story.sandbox)})
    assert b"PRIVATE KEY" in stick.read_bytes()
    guest.plug_stick(stick, "enrol")
    enrolled = "test -e /etc/modality-agent/config.toml"
    slowly("the box is enrolled", lambda: guest.ask(sh=enrolled)["rc"] == 0)
    slowly("the stick is let go", lambda: guest.ask(sh=STICK_READ)["rc"] == 0)
    guest.unplug_stick("enrol")
    story.code = from_stick(stick, "modality-agent-enrolment-code.txt").decode()
    left = stick.read_bytes()
    assert b"PRIVATE KEY" not in left, "the key is still on the stick"
    assert b"ae_title" not in left, "the enrolment file is still on the stick"
    assert len(from_stick(stick, "modality-agent-recovery-key.txt").split(b"-")) == RECOVERY_WORDS
    return "from a stick, which holds nothing of it any more"


def administrator(story: Story) -> str:
    """Whoever brought the stick makes the first account, in a browser that trusts what the stick said."""
    told = dict(line.split(": ", 1) for line in story.code.splitlines() if ": " in line)
    where = ("127.0.0.1", story.guest.page_port)
    shown = slowly("the page", lambda: _certificate_of(where))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()
    assert told["its certificate (SHA-256)"].replace(":", "").lower() == digest, told
    trusted = story.folder / "page.pem"
    trusted.write_text(shown)
    page = Page(f"https://localhost:{where[1]}/", trusted, patience_s=EMULATED_S)
    me = page.api("POST", "/enrol", {"code": told["enrolment code"], "name": "Інна", "password": PASSWORD})
    assert me["role"] == "administrator", me
    assert page.get("/").status == HTTPStatus.OK
    return "with the code from the stick, over the network, on port 443"


def _certificate_of(where: tuple[str, int]) -> str:
    with suppress(OSError):
        return ssl.get_server_certificate(where, timeout=60)
    return ""


def ready(story: Story) -> str:
    """Everything is plugged in while the service runs: drivers of the kernel come with their devices."""
    slowly("the clock is trusted", lambda: story.get("/status")["clock_trust"] == "synchronised")
    story.guest.sh(f"modprobe vivid {VIVID} ccs_cap_mode=0 ccs_out_mode=0 && udevadm settle")
    story.feed("PAL")
    source = story.source_where("the source shows a picture", signal="present", state="ready", geometry="PAL")
    return f"clock synchronised, grabber plugged in: {source['geometry']}"


def scan(story: Story) -> str:
    """A barcode reader that is a keyboard types the patient's number."""

    def typed() -> str:
        story.guest.keys(["ret", *({"-": "minus"}.get(c, c) for c in PATIENT), "ret"])
        slowly("the worklist", lambda: story.post("/worklist/refresh")["entries"])
        found = story.get(f"/sources/{SOURCE}/scan")
        return str(found["text"]) if found else ""

    said = slowly("what the reader typed", typed)
    assert said == PATIENT, said
    return f"{len(said)} characters of a wristband, in the right order"


def choose(story: Story) -> str:
    story.open_exam()
    return "from the RIS over mutual TLS, the number typed again"


def press(story: Story) -> str:
    """The pedal is plugged in only now; then a foot comes down."""
    port = story.pedal.serve()
    story.guest.sh(f"modprobe vhci_hcd && python3 /run/test/usbip_attach.py {HOST} {port} && udevadm settle")
    before = 0

    def pressed() -> list[Json]:
        """Step on the pedal, and wait longer than a press may take: what comes is of this press."""
        nonlocal before
        before = story.guest.boottime_ms()
        story.pedal.line("cts", on=True)
        with suppress(AssertionError):
            slowly("a picture while the foot is down", story.captured, DOWN_S)
        story.pedal.line("cts", on=False)
        with suppress(AssertionError):
            slowly("a picture", story.captured, DOWN_S)
        return story.captured()

    frame = slowly("a picture by the pedal", pressed)[-1]
    arrived = story.finish_and_receive(str(frame["sop_instance_uid"]))
    assert (str(arrived.PatientName), str(arrived.PatientID)) == (NAME, PATIENT)
    age = story.age_ms(arrived.pixel_array, before)
    return f"{arrived.Rows}×{arrived.Columns}, its counter {age} ms younger than the press"


PARTS = (
    ("first start", first_start),
    ("enrolled", enrol),
    ("first administrator", administrator),
    ("ready", ready),
    ("barcode reader", scan),
    ("patient chosen", choose),
    ("pedal → PACS", press),
    ("signal unplugged", faults.unplugged),
    ("PAL to NTSC", faults.other_standard),
    ("source hung", faults.hung),
    ("closed", closed.closed),
    ("figures", closed.figures),
    ("unreadable, erased", closed.unreadable),
    ("enrolled again", enrol),
    ("erased, power cut", closed.cut_short),
)
"""Everything that happens, in order."""

_WHY = """journalctl -b --no-pager -t kernel --grep 'modality|oom|Killed' | tail -20
journalctl -b --no-pager -t systemd -t modality-agent | tail -60
journalctl -b --no-pager -o json -t modality-agent | grep -o 'AGENT_[A-Z]*":[^,]*' | tail -30
systemctl --failed --no-pager; cat /run/test-spawned.log"""


def main(only: Sequence[str] = ()) -> int:
    """Show everything, or only the named parts; return 0 when it held."""
    why = missing()
    if why:
        print(f"appliance test: not possible here, {why}")
        return 2
    begun = monotonic()
    folder = image()
    size = (folder / "disk.img.zst").stat().st_size >> 20
    print(f"image {manifest(folder)['version']}: {size} MiB compressed", flush=True)
    with tempfile.TemporaryDirectory(prefix="appliance-") as name, site_in(Path(name) / "site") as sandbox:
        guest = Guest(
            Path(name), folder / "disk.img", more=("-device", "usb-kbd,bus=usb.0"), tpm=Tpm(Path(name)),
            started=sandbox.time_server.anew,
        )  # fmt: skip
        story = Story(Path(name), guest, sandbox)
        try:
            for title, act in PARTS:
                if not only or title in only:
                    story.part(title, act)
        except BaseException:
            print(guest.log_tail(), flush=True)
            print(story.source(), flush=True)
            with suppress(Exception):
                print(guest.ask(sh=_WHY)["out"], flush=True)
            raise
        finally:
            guest.stop()
    told = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in story.parts)
    print(f"shown in {monotonic() - begun:.0f} s: {told}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="the name of a part; again for another")
    sys.exit(main(parser.parse_args().only))
