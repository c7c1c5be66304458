"""The boards of the image as data: their tables, the loader's two words, and what U-Boot is given."""

from __future__ import annotations

import itertools
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.appliance.image import ROOT

sys.path.insert(0, str(ROOT / "image"))

import foreign
import initrd
import layout
import uboot
from board import BOARDS, DATA, Board

CHOICE = ROOT / "image/files/usr/lib/modality-agent-image/boot-choice"
GRUB = b"# GRUB Environment Block\nslot=a\ntrial=\n".ljust(1024, b"#")
every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)


@every_board
def test_no_partition_lies_over_another_and_the_data_is_last(board: Board) -> None:
    rows = layout.places(board)
    assert len({row.number for row in rows}) == len(rows)
    for one, two in itertools.pairwise(rows):
        gap = layout.GAP_MB if two.inner else 0
        assert one.start_mb + one.size_mb + gap <= two.start_mb, f"{one.name} reaches into {two.name}"
    assert (rows[0].number, rows[-1].number, rows[-1].name) == (1, DATA, "data")
    assert rows[-1].start_mb + rows[-1].size_mb < layout.total_mb(board)


@every_board
def test_sfdisk_takes_the_table_as_it_is_meant(board: Board, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    with disk.open("wb") as file:
        file.truncate(layout.total_mb(board) << 20)
    subprocess.run(["sfdisk", "-q", disk], input=layout.table(board).encode(), check=True, capture_output=True)
    told = subprocess.run(["sfdisk", "-J", disk], check=True, capture_output=True, text=True).stdout
    rows = {row["node"]: (row["start"], row["size"]) for row in json.loads(told)["partitiontable"]["partitions"]}
    for place in layout.places(board):
        assert rows[f"{disk}{place.number}"] == (place.start_mb << 11, place.size_mb << 11), place.name


@every_board
def test_the_first_file_system_knows_the_numbers_of_the_slots(board: Board) -> None:
    script = initrd.script(board)
    for slot, number in board.systems.items():
        assert f"{slot}) part={number};;" in script
        assert f"${{disk}}{number} /run/modality-agent-image/slots/{slot}\n" in script
        assert f"${{disk}}{board.kernels[slot]} /run/modality-agent-image/slots/kernel-{slot}\n" in script
    assert ("slots/choice" in script) == (board.table == "dos")
    subprocess.run(["sh", "-n"], input=script.encode(), check=True)


class Choice:
    """`boot-choice` with its words in a file of GRUB's or in a sector of U-Boot's."""

    def __init__(self, folder: Path, loader: str) -> None:
        self.folder = folder
        self.at = folder / ("slots/choice" if loader == "uboot" else "boot/grub/grubenv")
        self.at.parent.mkdir(parents=True)
        self.at.write_bytes(uboot.WORDS.ljust(4096, b"\xff") if loader == "uboot" else GRUB)
        (folder / "booted").write_text("a\n")

    def run(self, *words: str) -> str:
        env = {"BOOT_CHOICE_FOLDER": str(self.folder), "PATH": "/usr/bin:/bin"}
        return subprocess.run([CHOICE, *words], env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("loader", ["grub", "uboot"])
def test_every_loader_has_the_same_two_words(tmp_path: Path, loader: str) -> None:
    choice = Choice(tmp_path, loader)
    size = choice.at.stat().st_size
    assert choice.run("words") == "a a"
    choice.run("set-primary", "b")
    assert choice.run("words") == "a a b"
    assert (choice.run("get-primary"), choice.run("get-state", "b")) == ("b", "good")
    (tmp_path / "booted").write_text("b\n")
    choice.run("set-state", "b", "good")
    assert choice.run("words") == "b b"
    with pytest.raises(subprocess.CalledProcessError):
        choice.run("set-state", "b", "bad")
    assert choice.at.stat().st_size == size, "written over in place, never shorter or longer"


def test_the_sector_of_the_words_is_one_and_nothing_behind_it_is_touched(tmp_path: Path) -> None:
    choice = Choice(tmp_path, "uboot")
    choice.run("set-primary", "b")
    content = choice.at.read_bytes()
    assert content[:512].rstrip(b"\0") == b"slot=a\ntrial=b\n"
    assert content[512:] == b"\xff" * (4096 - 512)


@pytest.mark.parametrize("left", [b"", b"\xff" * 512, b"slot=a\ntrial=-\n", b"slot=a\ntrial=c\n", b"slot=\n"])
def test_words_that_a_loader_or_a_card_left_mean_the_first_system(tmp_path: Path, left: bytes) -> None:
    choice = Choice(tmp_path, "uboot")
    choice.at.write_bytes(left.ljust(4096, b"\0"))
    assert choice.run("words") == "a a"


def test_uboot_believes_what_it_is_given() -> None:
    settings = uboot._environment()
    assert struct.unpack("<I", settings[:4])[0] == zlib.crc32(settings[4:])
    script = uboot.script(BOARDS["rpi-arm64"])
    image = uboot._image(script.encode())
    head, body = image[:64], image[64:]
    assert struct.unpack(">I", head[24:28])[0] == zlib.crc32(body)
    assert struct.unpack(">I", head[4:8])[0] == zlib.crc32(head[:4] + bytes(4) + head[8:])
    assert body[8:].decode() == script
    assert len(uboot.WORDS) == 512


def test_uboot_forgets_a_trial_before_it_starts_it() -> None:
    script = uboot.script(BOARDS["rpi-arm64"])
    forgets, reads_again, picks, starts = (
        script.index(word) for word in ("mmc write", 'test "${trial}" = -', "setenv how trial", "booti")
    )
    assert forgets < reads_again < picks < starts


def test_nothing_is_told_to_the_kernel_for_programs_of_its_own_kind(capsys: pytest.CaptureFixture[str]) -> None:
    own = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    foreign.prepare(own)
    assert capsys.readouterr().out == ""


def test_where_programs_of_another_kind_cannot_run_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "register").touch()
    monkeypatch.setattr(foreign, "BINFMT", tmp_path)
    monkeypatch.setattr(foreign, "RULES", tmp_path)
    own = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    other = next(name for name in foreign.MACHINES if name != own)
    with pytest.raises(SystemExit, match="qemu-user-static is missing"):
        foreign.prepare(other)
    (tmp_path / f"qemu-{foreign.MACHINES[other]}.conf").write_bytes(b":rule:")
    foreign.prepare(other)
    assert (tmp_path / "register").read_bytes() == b":rule:"
