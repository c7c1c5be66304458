"""The files around the schema: shipped profiles and example, TLS material, the reference page."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

import tests.pki
from agent import pki
from agent.config.check import check
from agent.config.describe import page
from agent.config.load import load
from agent.config.schema import Configuration
from agent.config.section import Section
from agent.config.walk import extra, section_in
from agent.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
BOX = '[box]\nname = "B"\nae_title = "B"\ndata_dir = "d"\n'


PROFILES = [
    ("old-ultrasound-pal", "v4l2", "US", "DV", "secondary-capture"),
    ("endoscopy-tower", "v4l2", "ES", "DI", "secondary-capture"),
    ("endoscopy-video", "v4l2", "ES", "DI", "video-endoscopic"),
    ("c-arm", "v4l2", "RF", "DV", "secondary-capture"),
    ("angiography-cine", "v4l2", "XA", "DV", "multi-frame"),
    ("slit-lamp", "v4l2", "OP", "DV", "secondary-capture"),
    ("laboratory-microscope", "opencv", "GM", "DI", "vl-microscopic"),
    ("wound-camera", "opencv", "XC", "DI", "vl-photographic"),
    ("x-ray-film", "scanner", "RG", "DF", "multi-frame"),
    ("phosphor-plate-digitiser", "scanner", "RG", "DF", "multi-frame"),
    ("panoramic-dental-film", "scanner", "PX", "DF", "multi-frame"),
    ("ecg-paper", "scanner", "ECG", "SD", "pdf"),
    ("paper-referral", "scanner", "DOC", "SD", "pdf"),
    ("thermal-print", "scanner", "US", "SI", "pages"),
    ("workstation-screen", "rfb", "OT", "WSD", "secondary-capture"),
    ("export-folder", "folder", "OT", "WSD", "secondary-capture"),
]
"""Profile, driver it is for, Modality, Conversion Type, what its pictures, clips or sheets become."""


def with_profile(folder: Path, profile: str, more: str = "", driver: str = "simulator") -> Path:
    path = folder / "box.toml"
    path.write_text(BOX + f'[[source]]\nname = "us1"\ndriver = "{driver}"\nprofile = "{profile}"\n{more}')
    return path


@pytest.mark.parametrize(
    ("name", "driver", "modality", "conversion_type", "becomes"), PROFILES
)
def test_a_shipped_profile_fills_in_the_source(
    tmp_path: Path, name: str, driver: str, modality: str, conversion_type: str, becomes: str
) -> None:
    (source,) = load(with_profile(tmp_path, str(ROOT / f"config/profiles/{name}.toml"), driver=driver)).source
    told = source.object
    assert (told.modality, told.conversion_type) == (modality, conversion_type)
    assert becomes in (told.sop_class, source.clip.output, source.document.output)


def test_every_shipped_profile_is_tested_and_says_what_it_is_for() -> None:
    files = sorted((ROOT / "config/profiles").iterdir())
    assert [p.stem for p in files] == sorted(name for name, *_ in PROFILES)
    assert all(p.read_text().startswith("# ") and "burned_in_annotation" in p.read_text() for p in files)


def test_the_source_s_own_values_win_over_its_profile(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        "picture = { encoding = 'jpeg', jpeg_quality = 80 }\nobject = { modality = 'US' }\noptions = { seed = 1 }\n"
    )
    more = "picture = { jpeg_quality = 95 }\nobject = { modality = 'ES' }\noptions = { }\n"
    (source,) = load(with_profile(tmp_path, "p.toml", more)).source
    assert (source.picture.encoding, source.picture.jpeg_quality) == ("jpeg", 95)
    assert (source.object.modality, source.options, source.profile) == ("ES", {"seed": 1}, str(tmp_path / "p.toml"))


def test_a_wrong_value_of_a_profile_is_told_of_the_profile_s_own_file(tmp_path: Path) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text(
        "pictures = {}\ndescription = 3\npicture = { jpeg_quality = 10 }\n"
        "object = { modality = 'DS' }\noptions = { sead = 1 }\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        load(with_profile(tmp_path, "p.toml"))
    assert set(caught.value.problems) == {
        f"{profile}: pictures: unknown key; did you mean 'picture'? Example: [picture]",
        f'{profile}: description: must be text in quotes. Example: description = "Old ultrasound, PAL"',
        f"{profile}: picture.jpeg_quality: must be 50 or more, not 10. Example: jpeg_quality = 90",
        f"{profile}: object.modality: DS (Digital Subtraction Angiography) is retired; use XA (X-Ray Angiography)."
        ' Example: modality = "US"',
        f"{profile}: options.sead: unknown option; did you mean 'seed'? Example: seed = 1",
    }


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("picture = ", "is not TOML")])
def test_a_missing_or_broken_profile_is_named(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "p.toml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load(with_profile(tmp_path, "p.toml", "object = { modality = 'US' }\n"))
    (problem,) = caught.value.problems
    assert f"source#1.profile: {tmp_path / 'p.toml'}: {reason}" in problem


def test_the_shipped_example_is_a_good_configuration() -> None:
    c = load(ROOT / "config/modality-agent.example.toml")
    assert [s.object.modality for s in c.source] == ["US", "ES"]
    assert [(d.name, d.port, d.tls) for d in c.destination] == [("main-pacs", 2762, True), ("old-archive", 104, False)]


def tables(table: type[Section]) -> list[type[Section]]:
    inner = [section_in(f.annotation) for f in table.model_fields.values()]
    return [table, *(t for i in inner if i for t in tables(i))]


@pytest.mark.parametrize("table", tables(Configuration), ids=lambda t: t.__name__)
def test_every_example_passes_its_own_validation_and_every_key_is_described(table: type[Section]) -> None:
    examples: dict[str, Any] = {name: extra(f)["example"] for name, f in table.model_fields.items()}
    made = table.model_validate(examples)
    assert made.model_fields_set == set(table.model_fields)
    for name, field in table.model_fields.items():
        assert re.fullmatch(r"[A-Z].*[^.]\.", field.description or ""), name
        unit = {"_s": "s", "_min": "min", "_mb": "MB"}.get("_" + name.rpartition("_")[2])
        assert unit is None or extra(field)["unit"] == unit, name


def test_the_reference_page_is_what_the_schema_says() -> None:
    written = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m agent.config.describe docs/configuration.md"
    assert "| `port` | whole number, ≥ 1, ≤ 65535 |  | `2762` |" in written
    assert "## `[[destination]]`" in written


@pytest.fixture
def material(tmp_path: Path) -> tests.pki.Pki:
    return tests.pki.make(tmp_path / "pki")


def with_tls(folder: Path, ca: Path, certificate: Path, key: Path) -> Path:
    path = folder / "box.toml"
    files = f'[tls]\nca_file = "{ca}"\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n'
    source = '[[source]]\nname = "us1"\ndriver = "simulator"\nobject = { modality = "US" }\n'
    path.write_text(BOX + files + source)
    return path


def test_check_finds_nothing_wrong_with_good_material(tmp_path: Path, material: tests.pki.Pki) -> None:
    assert check(with_tls(tmp_path, material.ca, material.agent_cert, material.agent_key)) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_told(tmp_path: Path, material: tests.pki.Pki, mode: int) -> None:
    os.chmod(material.agent_key, mode)
    (problem,) = check(with_tls(tmp_path, material.ca, material.agent_cert, material.agent_key))
    assert problem.key == "tls.key_file"
    assert f"can be read by others (mode {mode:04o}); run: chmod 600 " in problem.reason


def test_absent_and_wrong_files_are_all_told(tmp_path: Path, material: tests.pki.Pki) -> None:
    found = check(with_tls(tmp_path, tmp_path / "absent.pem", material.agent_key, material.agent_cert))
    assert [p.key for p in found] == ["tls.ca_file", "tls.certificate_file", "tls.key_file"]
    assert "No such file or directory" in found[0].reason
    assert "holds no certificate" in found[1].reason
    assert "holds no private key" in found[2].reason


def test_a_certificate_of_another_key_is_told(tmp_path: Path, material: tests.pki.Pki) -> None:
    (problem,) = check(with_tls(tmp_path, material.ca, material.agent_cert, material.pacs_key))
    assert problem.key == "tls.certificate_file"
    assert "do not work together: KEY_VALUES_MISMATCH" in problem.reason


def test_a_damaged_authority_is_told(tmp_path: Path, material: tests.pki.Pki) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (problem,) = check(with_tls(tmp_path, bad, material.agent_cert, material.agent_key))
    assert (problem.key, "cannot be read" in problem.reason) == ("tls.ca_file", True)


def test_a_key_with_a_password_is_told(tmp_path: Path, material: tests.pki.Pki) -> None:
    locked = tmp_path / "locked.key"
    pki.write_private(locked, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n")
    (problem,) = check(with_tls(tmp_path, material.ca, material.agent_cert, locked))
    assert "protected by a password" in problem.reason


def test_check_tells_the_mistakes_of_the_text_first(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text(BOX)
    assert [(p.key, p.reason) for p in check(path)] == [("source", "is missing")]


def test_a_setgid_folder_hands_keys_to_a_group_and_to_nobody_else(tmp_path: Path, material: tests.pki.Pki) -> None:
    material.agent_key.parent.chmod(0o2750)
    material.agent_key.chmod(0o640)
    path = with_tls(tmp_path, material.ca, material.agent_cert, material.agent_key)
    assert check(path) == []
    for mode in (0o644, 0o660, 0o604):
        material.agent_key.chmod(mode)
        assert [problem.key for problem in check(path)] == ["tls.key_file"], oct(mode)
