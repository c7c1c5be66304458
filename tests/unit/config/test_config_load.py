"""Reading the configuration: all mistakes at once, each with file, key, reason and a correct example."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.load import examine, examine_tables, load, validate
from agent.errors import ConfigurationError

SMALL = """
[box]
name = "Кабінет Ґалаґанової-Їжакевич"
ae_title = "ULTRASOUND1"
data_dir = "data"
[tls]
ca_file = "tls/ca.pem"
certificate_file = "/etc/box.pem"
key_file = "tls/box.key"
[[source]]
name = "us1"
driver = "simulator"
object = { modality = "US" }
[[destination]]
name = "main-pacs"
host = "pacs.example"
called_ae_title = "PACS"
"""


def write(folder: Path, text: str, name: str = "box.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert caught.value.code == "C-01"
    return caught.value.problems


def test_the_smallest_configuration_has_every_default_and_absolute_paths(tmp_path: Path) -> None:
    c = load(write(tmp_path, SMALL))
    assert c.box.name == "Кабінет Ґалаґанової-Їжакевич"
    assert c.box.data_dir == tmp_path / "data"
    assert c.tls
    assert (c.tls.ca_file, c.tls.certificate_file) == (str(tmp_path / "tls/ca.pem"), "/etc/box.pem")
    assert (c.box.timezone, c.box.clock, c.box.language) == ("Europe/Kyiv", "system", "uk")
    assert (c.web.listen, c.web.port, c.web.certificate_file) == ("127.0.0.1", 8443, "")
    picture = c.source[0].picture
    assert (picture.encoding, picture.jpeg_quality, picture.deinterlace) == ("lossless", 90, "field")
    assert (picture.crop, picture.mask, picture.colour) == (None, (), "colour")
    told = c.source[0].object
    assert (told.conversion_type, told.image_laterality, told.burned_in_annotation) == ("DV", "U", True)
    peer = c.destination[0]
    assert (peer.port, peer.tls, peer.verify) == (2762, True, "hostname")
    assert (peer.maximum_batch, peer.required) == (50, True)
    assert (peer.connect_timeout_s, peer.association_timeout_s) == (10, 30)
    assert (peer.response_timeout_s, peer.progress_timeout_s, peer.maximum_pdu_size) == (120, 60, 65536)
    assert (c.exam.confirmation, c.confirmation("us1"), c.exam.undo_window_s) == ("", "reenter", 60)
    assert (c.exam.idle_question_min, c.exam.idle_finish_min) == (5, 30)
    assert (c.delivery.first_retry_s, c.delivery.longest_retry_s, c.delivery.jitter) == (5, 900, 0.2)
    assert (c.delivery.probe_s, c.delivery.suspended_probe_s) == (60, 900)
    assert (c.delivery.poison_aborts, c.delivery.minimum_free_mb) == (3, 300)
    assert (c.worklist, c.trigger) == (None, ())


TEN_MISTAKES = """
[box]
name = 7
ae_title = "AE\\\\TITLE"
data_dir = "data"
lenguage = "uk"
[tls]
ca_file = "ca.pem"
certificate_file = "box.pem"
[[source]]
name = "us1"
driver = "simulatr"
object = { modality = "CS" }
picture = { jpeg_quality = 49 }
[[trigger]]
name = "pedal"
driver = "serial_line"
source = "us2"
[[destination]]
name = "main-pacs"
host = "pacs.example"
port = 2761
called_ae_title = "PACS"
tls = false
"""


def test_a_file_with_ten_different_mistakes_reports_all_ten(tmp_path: Path) -> None:
    path = write(tmp_path, TEN_MISTAKES)
    found = problems(path)
    assert all(p.startswith(f"{path}: ") and " Example: " in p for p in found)
    stripped = {p.removeprefix(f"{path}: ") for p in found}
    expected = {
        'box.name: must be text in quotes, not a whole number. Example: name = "Ultrasound room 2"',
        "box.ae_title: an AE title has ASCII letters, digits and punctuation only, and no backslash."
        ' Example: ae_title = "ULTRASOUND1"',
        "box.lenguage: unknown key; did you mean 'language'? Example: language = \"uk\"",
        'tls.key_file: is missing. Example: key_file = "tls/box.key"',
        "source#1.driver: there is no source driver 'simulatr'; did you mean 'simulator'?"
        ' Example: driver = "simulator"',
        'source#1.object.modality: CS (Cystoscopy) is retired; use ES (Endoscopy). Example: modality = "US"',
        "source#1.picture.jpeg_quality: must be 50 or more, not 49. Example: jpeg_quality = 90",
        "trigger#1.source: there is no source 'us2'; did you mean 'us1'? Example: source = \"us1\"",
        "destination#1.port: 2761 belongs to ISCL, a withdrawn practice that nobody speaks; DICOM over TLS"
        " is on 2762. Example: port = 2762",
        "destination#1.tls: without TLS names and pictures travel readable and anybody may answer as this"
        " peer; set allow_plaintext = true as well if the site accepts that. Example: tls = true",
    }
    assert stripped == expected
    assert len(found) == len(expected) == 10


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[box\n", "is not TOML: Expected ']' at the end of a table declaration (at line 1, column 5)"),
        (b'[box]\nname = "a"\nname = "b"\n', "line 3"),
        ('[box]\nname = "Їжак"\n'.encode("cp1251"), "is not UTF-8 text (line 2)"),
        (b"a = " + b"[" * 100_000, "is not TOML"),
        (b"a = " + b"9" * 5000, "is not TOML"),
        (b"#" * ((1 << 20) + 1), "larger than a configuration may be"),
    ],
)
def test_what_is_no_toml_is_one_problem_with_the_place(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "box.toml"
    path.write_bytes(content)
    (found,) = problems(path)
    assert found.startswith(f"{path}: ")
    assert reason in found


def test_a_missing_file_and_a_folder_are_problems(tmp_path: Path) -> None:
    assert "cannot be read: No such file or directory" in problems(tmp_path / "absent.toml")[0]
    assert "cannot be read: Is a directory" in problems(tmp_path)[0]


def test_a_byte_order_mark_is_forgiven(tmp_path: Path) -> None:
    assert load(write(tmp_path, "\ufeff" + SMALL)).box.ae_title == "ULTRASOUND1"


def test_a_relative_path_of_the_configuration_still_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SMALL)
    monkeypatch.chdir(tmp_path)
    assert load("box.toml").box.data_dir == tmp_path / "data"


SCALARS = (
    st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes()
    | st.sampled_from(["us1", "simulator", "serial_line", "US", "CS", "a/../b", "Europe", "", "\x00", "a.toml"])
)
KNOWN = (
    "box tls web source trigger worklist destination exam delivery name driver options profile picture object"
    " host port crop mask modality anatomic_region ae_title data_dir timezone trim_keys verify fault seed path"
)
KEYS = st.text(max_size=8) | st.sampled_from(KNOWN.split())
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=4), max_leaves=25)
ROW = st.dictionaries(KEYS, VALUES, max_size=6)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "box": ROW | VALUES,
        "tls": ROW | VALUES,
        "web": ROW,
        "source": st.lists(ROW | VALUES, max_size=3) | VALUES,
        "trigger": st.lists(ROW, max_size=3) | VALUES,
        "worklist": ROW | VALUES,
        "destination": st.lists(ROW, max_size=3) | VALUES,
        "exam": ROW,
        "delivery": ROW,
    },
)


@settings(max_examples=300, deadline=None)
@given(raw=st.dictionaries(KEYS, VALUES, max_size=5) | NEARLY)
def test_whatever_toml_can_hold_raises_nothing_but_configuration_errors(raw: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(raw, "box.toml", Path("/nowhere"))
    assert caught.value.problems
    assert all(p.startswith("box.toml: ") and " Example: " in p for p in caught.value.problems)


@settings(max_examples=100, deadline=None)
@given(table=st.sampled_from(["box", "tls", "web", "exam", "delivery", "source", "destination"]), row=ROW)
def test_one_random_table_in_a_good_file_is_accepted_or_refused_with_reasons(
    table: str, row: dict[str, object]
) -> None:
    raw = tomllib.loads(SMALL)
    base = raw.get(table, {})
    raw[table] = [{**base[0], **row}] if isinstance(base, list) else {**base, **row}
    examined = examine_tables(raw, "box.toml", Path("/nowhere"))
    assert (examined.configuration is None) == bool(examined.problems)


def test_reading_a_configuration_loads_no_heavy_library(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    heavy = ["numpy", "cv2", "pydicom", "pynetdicom", "sqlite_utils", "cryptography", "serial", "simplejpeg"]
    code = (
        "import sys; from agent.config.check import check; from agent.config.load import load; "
        f"load({str(path)!r}); check({str(path)!r}); print([m for m in {heavy!r} if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_a_frozen_configuration_cannot_be_changed(tmp_path: Path) -> None:
    c = examine(write(tmp_path, SMALL)).configuration
    assert c
    with pytest.raises(ValueError, match="frozen"):
        c.box.name = "other"  # type: ignore[misc]
