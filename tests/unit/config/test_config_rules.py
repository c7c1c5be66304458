"""One rule of the configuration at a time, and the values that other rooms are given."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.config import modality
from agent.config.load import examine_tables, validate
from agent.model import Code, TlsMaterial

GOOD = tomllib.loads("""
[box]
name = "Box"
ae_title = "BOX"
data_dir = "/var/lib/modality-agent"
station_name = "ROOM2"
institution_name = "Лікарня ім. О’Коннор-Їжакевич"
serial_number = "MA-1"
[tls]
ca_file = "ca.pem"
certificate_file = "box.pem"
key_file = "box.key"
[[source]]
name = "us1"
driver = "simulator"
[source.object]
modality = "ES"
conversion_type = "DI"
series_description = "Endoscopy"
anatomic_region = { value = "71854001", scheme = "SCT", meaning = "Colon" }
device_manufacturer = "Olympus"
[[trigger]]
name = "pedal"
driver = "serial_line"
source = "us1"
[worklist]
host = "192.0.2.1"
called_ae_title = "RIS"
calling_ae_title = "BOXRIS"
verify = "name:ris-01"
[[destination]]
name = "pacs"
host = "pacs.example"
called_ae_title = "PACS"
response_timeout_s = 30
""")


def changed(where: str, value: Any) -> dict[str, Any]:
    """Return the good tables with one value set; `where` is like `destination.0.port`."""
    raw = copy.deepcopy(GOOD)
    *way, last = [int(p) if p.isdigit() else p for p in where.split(".")]
    at: Any = raw
    for part in way:
        at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
    at[last] = value
    return raw


def found(raw: dict[str, Any]) -> dict[str, str]:
    return {p.key: p.reason for p in examine_tables(raw, "box.toml", Path("/etc/modality-agent")).problems}


def test_the_good_tables_are_good() -> None:
    assert found(GOOD) == {}


REFUSED = [
    ("box.ae_title", "SEVENTEEN-LETTERS", "at most 16 characters, not 17"),
    ("box.ae_title", "", "must not be empty"),
    ("box.ae_title", " BOX", "spaces at the ends"),
    ("box.ae_title", "УЗД", "ASCII"),
    ("box.data_dir", "", "must not be empty"),
    ("box.data_dir", 5, "path"),
    ("box.station_name", "A\\B", "backslash"),
    ("box.timezone", "Europe/Kiyv", "not a time zone"),
    ("box.timezone", "Europe", "not a time zone"),
    ("box.timezone", "../../etc/passwd", "not a time zone"),
    ("web.listen", "box.hospital.example", "an IP address of this machine"),
    ("web.listen", "0.0.0.0:443", "an IP address of this machine"),
    ("web.port", 65536, "65535 or less"),
    ("web.port", "8443", "whole number, not text"),
    ("web.port", True, "whole number, not a truth value"),
    ("trigger.0.name", "US 1", "small Latin letters"),
    ("trigger.0.name", "a" * 33, "1 to 32"),
    ("source.0.driver", "serial_line", "no source driver"),
    ("source.0.options.sed", 1, "did you mean 'seed'?"),
    ("source.0.options.seed", "one", "seed must be int, not str"),
    ("source.0.picture.crop", [0, 0, 0, 10], "width and height 1 or more"),
    ("source.0.picture.crop", [0, 0, 10], "is missing"),
    ("source.0.picture.mask", [[0, 0, 5, 5], [-1, 0, 5, 5]], "x and y must be 0 or more"),
    ("source.0.picture.jpeg_quality", 101, "100 or less"),
    ("source.0.picture.deinterlace", "bob", "must be 'none', 'field', 'blend' or 'weave', not 'bob'"),
    ("source.0.object.modality", "USS", "did you mean US (Ultrasound)"),
    ("source.0.object.modality", "Ultrasound", "did you mean"),
    ("source.0.object.conversion_type", "VIDEO", "must be 'DV'"),
    ("source.0.object.body_part_examined", "abdomen", "capital Latin letters"),
    ("source.0.object.anatomic_region", {"value": "1", "scheme": "SCT"}, "is missing"),
    ("trigger.0.source", "us9", "did you mean 'us1'?"),
    ("trigger.0.driver", "simulator", "no trigger driver"),
    ("worklist.modality", "LP", "use ES"),
    ("worklist.assume_charset", "latin1", "must be ''"),
    ("worklist.maximum_items", 0, "1 or more"),
    ("destination.0.host", "", "must not be empty"),
    ("destination.0.host", "dicom://pacs", "without a scheme"),
    ("destination.0.host", "pacs:104", "neither a host name nor an IP address"),
    ("destination.0.port", 2761, "ISCL"),
    ("destination.0.port", 0, "1 or more"),
    ("destination.0.tls", False, "allow_plaintext = true"),
    ("destination.0.verify", "none", "must be hostname, ca-only"),
    ("destination.0.verify", "pin:abc", "64 hexadecimal digits"),
    ("destination.0.verify", "name:", "must be hostname"),
    ("destination.0.connect_timeout_s", 0, "more than 0"),
    ("destination.0.connect_timeout_s", float("inf"), "finite"),
    ("destination.0.maximum_pdu_size", 100, "4096 or more"),
    ("exam.undo_window_s", 3601, "3600 or less"),
    ("exam.undo_window_s", 1.5, "whole number"),
    ("exam.idle_question_min", 30, "shorter than idle_finish_min"),
    ("delivery.first_retry_s", 901, "longest_retry_s"),
    ("delivery.jitter", 1.1, "1 or less"),
]


@pytest.mark.parametrize(("where", "value", "reason"), REFUSED)
def test_a_wrong_value_is_refused_at_its_key_with_the_reason(where: str, value: Any, reason: str) -> None:
    problems = found(changed(where, value))
    assert len(problems) == 1
    ((key, told),) = problems.items()
    parts = where.split(".")
    assert key.split(".")[0].split("#")[0] == parts[0]
    assert parts[-1] in key or parts[-1] == "sed"
    assert reason in told


ALLOWED = [
    ("destination.0.port", 104),
    ("destination.0.port", 11112),
    ("destination.0.host", "192.0.2.1"),
    ("destination.0.host", "2001:db8::1"),
    ("destination.0.host", "pacs_01.lan"),
    ("destination.0.verify", "ca-only"),
    ("destination.0.verify", "pin:" + "aB" * 32),
    ("web.port", 0),
    ("web.listen", "::1"),
    ("web.listen", "localhost"),
    ("exam.undo_window_s", 0),
    ("exam.undo_window_s", 3600),
    ("source.0.picture.crop", [8, 8, 704, 560]),
    ("source.0.picture.mask", [[0, 0, 1, 1]]),
    ("source.0.options.seed", 5),
    ("worklist.trim_keys", ["PatientComments"]),
]


@pytest.mark.parametrize(("where", "value"), ALLOWED)
def test_values_at_the_edge_are_allowed(where: str, value: Any) -> None:
    assert found(changed(where, value)) == {}


def test_plain_text_needs_both_words() -> None:
    raw = changed("destination.0.tls", False)
    raw["destination"][0]["allow_plaintext"] = True
    assert found(raw) == {}
    assert validate(raw, "box.toml", Path("/")).destination[0].tls is False


def test_names_are_unique_in_their_table_only() -> None:
    raw = changed("destination.0.name", "us1")
    assert found(raw) == {}
    raw["source"].append(copy.deepcopy(raw["source"][0]))
    assert found(raw) == {"source#2.name": "'us1' is already the name of another source"}


def test_tls_without_files_is_refused_for_each_peer() -> None:
    raw = copy.deepcopy(GOOD)
    del raw["tls"]
    raw["worklist"] |= {"ca_file": "a", "certificate_file": "b", "key_file": "c"}
    assert list(found(raw)) == ["destination#1.ca_file"]


@pytest.mark.parametrize("table", ["destination.0", "web"])
def test_a_certificate_without_its_key_is_refused(table: str) -> None:
    key = table.replace(".0", "#1") + ".key_file"
    assert list(found(changed(f"{table}.certificate_file", "own.pem"))) == [key]


def test_no_source_at_all_is_refused() -> None:
    assert "at least one source is needed" in found({**GOOD, "source": [], "trigger": []})["source"]
    raw = {k: v for k, v in GOOD.items() if k not in {"source", "trigger"}}
    assert found(raw) == {"source": "is missing"}


@pytest.mark.parametrize(
    ("code", "current"),
    [
        *[("CP", "ES"), ("CS", "ES"), ("LP", "ES"), ("AS", "ES"), ("FS", "OP"), ("DM", "GM"), ("EC", "US")],
        *[("DD", "US"), ("CD", "US"), ("DF", "RF"), ("VF", "RF"), ("DS", "XA"), ("ST", "NM"), ("MA", "MR")],
    ],
)
def test_a_retired_modality_names_the_current_code(code: str, current: str) -> None:
    assert f"is retired; use {current} (" in modality.objection(code)


def test_the_modality_table_is_consistent() -> None:
    assert {"US", "ES", "RF", "XA", "RG", "GM", "OP", "XC", "ECG", "DOC", "OT", "HC"} <= set(modality.CURRENT)
    assert not set(modality.CURRENT) & set(modality.RETIRED)
    assert {new for _, new in modality.RETIRED.values()} <= set(modality.CURRENT)
    assert all(modality.objection(code) == "" for code in modality.CURRENT)
    assert all(len(code) <= 16 and code.isalnum() and code.isupper() for code in modality.CURRENT)


@pytest.mark.parametrize("code", ["us", "", "ULTRA", "УЗД", "US "])
def test_an_unknown_modality_is_refused(code: str) -> None:
    assert "is not a DICOM modality code" in modality.objection(code)


def test_a_peer_address_has_the_box_and_tls_filled_in() -> None:
    c = validate(GOOD, "box.toml", Path("/etc/modality-agent"))
    pacs = c.peer(c.destination[0])
    assert (pacs.name, pacs.host, pacs.port) == ("pacs", "pacs.example", 2762)
    assert (pacs.called_ae_title, pacs.calling_ae_title, pacs.response_timeout_s) == ("PACS", "BOX", 30)
    assert pacs.tls == TlsMaterial(
        ca_file="/etc/modality-agent/ca.pem",
        certificate_file="/etc/modality-agent/box.pem",
        key_file="/etc/modality-agent/box.key",
        verify="hostname",
    )
    assert c.worklist
    ris = c.peer(c.worklist)
    assert (ris.name, ris.calling_ae_title, ris.tls and ris.tls.verify) == ("worklist", "BOXRIS", "name:ris-01")


def test_a_peer_s_own_files_win_and_plain_text_has_none() -> None:
    raw = changed("destination.0.ca_file", "pacs-ca.pem")
    plain = {"name": "old", "host": "h", "called_ae_title": "OLD", "port": 104}
    raw["destination"].append({**plain, "tls": False, "allow_plaintext": True})
    c = validate(raw, "box.toml", Path("/etc"))
    own = c.peer(c.destination[0]).tls
    assert own
    assert (own.ca_file, own.key_file) == ("/etc/pacs-ca.pem", "/etc/box.key")
    assert c.peer(c.destination[1]).tls is None


def test_equipment_says_what_the_box_and_the_source_say() -> None:
    c = validate(GOOD, "box.toml", Path("/etc"))
    e = c.equipment(c.source[0], "0.1.0", "2.25.7")
    assert (e.source, e.modality, e.conversion_type, e.series_description) == ("us1", "ES", "DI", "Endoscopy")
    assert e.anatomic_region == Code(value="71854001", scheme="SCT", meaning="Colon")
    assert (e.software_versions, e.device_uid, e.device_serial_number) == ("0.1.0", "2.25.7", "MA-1")
    assert (e.station_name, e.institution_name) == ("ROOM2", "Лікарня ім. О’Коннор-Їжакевич")
    assert (e.device_manufacturer, e.manufacturer, e.timezone) == ("Olympus", "modality-agent", "Europe/Kyiv")
