"""What devices offer, what they are told, what pages are: from real devices' own words, and from noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import DriverError
from drivers.scanner import Options
from drivers.scanner.capabilities import parse
from drivers.scanner.command import ENDINGS, Found, choose, command
from drivers.scanner.pnm import NotWhole, read

FIXTURES = Path(__file__).parents[2] / "data/scanimage"
DEVICE = Found(name="x:libusb:001:004", vendor="Epson", model="V850 Pro")

WANTED: dict[str, tuple[dict[str, object], list[str] | str]] = {
    "hp-psc-1600": (
        {"mode": "colour", "resolution": 250},
        ["--source", "Flatbed", "--mode", "Color", "--resolution", "200"],
    ),
    "hp-officejet-6600": (
        {"feed": "feeder", "mode": "line", "resolution": 300},
        ["--source", "ADF", "--mode", "Lineart", "--resolution", "300"],
    ),
    "plustek-film": (
        {"feed": "film", "mode": "grey", "depth": 16, "resolution": 4000},
        ["--source", "Transparency", "--mode", "Gray", "--depth", "14", "--resolution", "1200"],
    ),
    "fujitsu-fi-7260": (
        {"feed": "duplex", "mode": "grey"},
        ["--source", "ADF Duplex", "--mode", "Gray", "--resolution", "300"],
    ),
    "fujitsu-s1500": (
        {"feed": "feeder", "mode": "colour", "resolution": 200},
        ["--source", "ADF Front", "--mode", "Color", "--resolution", "200"],
    ),
    "avision-8250": ({"mode": "grey", "depth": 16, "resolution": 600}, ["--mode", "16bit Gray", "--resolution", "600"]),
    "canon-tr8500": ({"mode": "grey", "resolution": 1200}, ["--mode", "Gray", "--resolution", "300"]),
    "constructed-film-digitiser": (
        {"feed": "film", "mode": "grey", "depth": 16, "resolution": 300},
        ["--source", "Transparency Unit", "--mode", "Gray", "--depth", "16", "--resolution", "300"],
    ),
}
REFUSED = {
    "canon-tr8500": ({"feed": "feeder"}, "no feeder"),
    "fujitsu-s1500": ({"feed": "film"}, "no film"),
    "hp-psc-1600": ({"depth": 16}, "no grey mode|no colour mode"),
}


def fixture(name: str) -> str:
    return (FIXTURES / f"{name}.txt").read_text()


def test_every_fixture_says_where_it_comes_from_and_is_used() -> None:
    files = sorted(FIXTURES.glob("*.txt"))
    assert {f.stem for f in files} == set(WANTED)
    assert all(f.read_text().startswith(("# https://", "# constructed")) for f in files)


@pytest.mark.parametrize("name", WANTED)
def test_our_words_become_the_device_s_own(name: str) -> None:
    options, words = WANTED[name]
    told = command(DEVICE, parse(fixture(name)), Options(**options), batch=False)  # type: ignore[arg-type]
    assert told[:3] == ["scanimage", "-d", DEVICE.name]
    assert told[told.index("--batch-count=1") + 1 :] == words


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_device_cannot_do_is_said(name: str) -> None:
    options, reason = REFUSED[name]
    with pytest.raises(DriverError, match=reason):
        command(DEVICE, parse(fixture(name)), Options(**options), batch=False)  # type: ignore[arg-type]


def test_a_device_is_matched_by_vendor_model_and_name() -> None:
    found = [DEVICE, Found(name="net:host:y", vendor="Canon", model="9000F")]
    assert choose(found, Options(vendor="epson", model="v850")) is DEVICE
    assert choose(found, Options(device="001:004")) is DEVICE
    for wrong in (Options(), Options(vendor="Agfa")):
        with pytest.raises(DriverError, match="Epson V850 Pro, Canon 9000F"):
            choose(found, wrong)


def test_every_end_of_scanimage_has_its_own_code() -> None:
    assert len({code for code, _ in ENDINGS.values()}) == len(ENDINGS)


@pytest.mark.parametrize(
    ("data", "shape", "payload"),
    [
        (b"P5\n# SANE data\n2 1\n255\n\x01\x02", (1, 2, 1, 8), b"\x01\x02"),
        (b"P5\n2 1\n65535\n\x01\x02\xff\xfe", (1, 2, 1, 16), b"\x02\x01\xfe\xff"),
        (b"P6\n1 1\n255\nabc", (1, 1, 3, 8), b"abc"),
        (b"P4\n10 2\n\x00\x00\xff\xc0", (2, 10, 1, 1), np.packbits([1] * 10 + [0] * 10, bitorder="little").tobytes()),
    ],
)
def test_a_page_keeps_its_depth(data: bytes, shape: tuple[int, ...], payload: bytes) -> None:
    page = read(data)
    assert (page.rows, page.columns, page.samples, page.bits_allocated) == shape
    assert page.payload == payload


@pytest.mark.parametrize("cut", [0, 1, 5, 11, 14])
def test_a_truncated_page_is_never_a_page(cut: int) -> None:
    whole = b"P5\n4 2\n255\n" + bytes(8)
    with pytest.raises(NotWhole):
        read(whole[: len(whole) - 1 - cut])
    with pytest.raises(NotWhole):
        read(whole + b"x")


def test_a_hundred_thousand_random_bytes_are_no_page_and_no_option() -> None:
    random = np.random.default_rng(20261124)
    for noise in (random.bytes(100_000), b"P5\n" + random.bytes(100_000), b"P6 9 9 255 " + random.bytes(100_000)):
        with pytest.raises(NotWhole):
            read(noise)
        assert isinstance(parse(noise.decode("latin-1")), dict)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_noise_is_refused_without_a_hang(data: bytes) -> None:
    for head in (b"", b"P4 ", b"P5 ", b"P6 "):
        try:
            page = read(head + data)
        except NotWhole:
            continue
        assert page.rows > 0
        assert page.payload
    parse(data.decode("latin-1"))


@pytest.mark.parametrize(
    "wrong",
    [{"feed": "tray"}, {"mode": "sepia"}, {"depth": 12}, {"resolution": 5}, {"more": ("x",)}, {"rotation_degrees": 90}],
)
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|holds"):
        Options(**wrong)  # type: ignore[arg-type]
