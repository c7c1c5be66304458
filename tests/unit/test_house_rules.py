"""The rules of the house, read from the code itself: who may import what, who may wait, how long a room may grow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "agent").rglob("*.py"), *(ROOT / "drivers").rglob("*.py")])
OWNERS = {
    "pynetdicom": ("agent/dimse/",),
    "pydicom": ("agent/objects/", "agent/dimse/", "drivers/simulator/replay.py"),
    "sqlite_utils": ("agent/store/migrations.py",),
    "cryptography": ("agent/pki.py", "agent/objects/certificate.py", "agent/dimse/", "drivers/rfb/protocol.py"),
    "cv2": ("drivers/",),
    "serial": ("drivers/",),
    "simplejpeg": ("drivers/", "agent/objects/thumbnail.py", "agent/objects/codec.py", "agent/objects/binding.py"),
    "imagecodecs": ("agent/objects/codec.py",),
    "gpiod": ("drivers/triggers/gpio.py",),
    "numpy": ("drivers/", "agent/objects/"),
    "systemd": ("agent/ops/",),
    "sqlite3": ("agent/store/",),
    "starlette": ("agent/web/",),
    "uvicorn": ("agent/web/",),
    "jinja2": ("agent/web/",),
    "pydantic": ("agent/config/", "agent/web/"),
    "argon2": ("agent/accounts/passwords.py",),
    "click": ("agent/cli/", "agent/demo/", "agent/sandbox_command.py"),
}
FLOORS = (
    ("agent/error.py", "agent/device_errors.py", "agent/errors.py", "agent/node.py", "agent/sop_classes.py",
     "agent/model.py", "agent/lifecycle.py",
     "agent/outcome.py", "agent/plain.py", "agent/actor.py", "agent/account_errors.py", "agent/audit_event.py"),
    ("agent/config/",),
    ("agent/store/", "agent/spool.py", "agent/child.py", "agent/launcher.py", "agent/objects/", "agent/frame_file.py"),
    ("agent/exam.py", "agent/devices.py", "agent/worklist.py", "agent/delivery.py", "agent/building.py",
     "agent/accounts/", "agent/audit.py", "agent/audit_anchor.py"),
    ("agent/service/",),
    ("agent/web/",),
    ("agent/assembly.py", "agent/assembly_administration.py", "agent/assembly_delivery.py", "agent/supervisor.py"),
)
CLOCKS = (
    "agent/host.py",
    "agent/ops/page_certificate.py",
    "agent/sandbox_command.py",
    "agent/dimse/sandbox/__main__.py",
)
BROAD = {
    "agent/supervisor.py": "thread root",
    "agent/store/database.py": "the caller's thread raises it",
    "drivers/serve.py": "child root",
}
LONGEST = 480


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_package_has_one_owner(file: Path) -> None:
    tops = {module.partition(".")[0] for module in imports(file)}
    for package, owners in OWNERS.items():
        assert package not in tops or name(file).startswith(owners), f"{package} belongs to {owners}"


@pytest.mark.parametrize("file", [f for f in FILES if name(f).startswith("drivers/")], ids=name)
def test_drivers_never_see_the_agent(file: Path) -> None:
    assert not {m for m in imports(file) if m.partition(".")[0] == "agent"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_imports_go_down(file: Path) -> None:
    floor = next((i for i, rooms in enumerate(FLOORS) if name(file).startswith(rooms)), None)
    if floor is None:
        return
    rooms_above = [room for rooms in FLOORS[floor + 1 :] for room in rooms]
    above = {room.removesuffix("/").removesuffix(".py").replace("/", ".") for room in rooms_above}
    wrong = {m for m in imports(file) for room in above if m == room or m.startswith(room + ".")}
    assert not wrong


@pytest.mark.parametrize("file", FILES, ids=name)
def test_only_the_composition_root_reads_clocks_and_nobody_sleeps(file: Path) -> None:
    calls = {
        f"{node.func.value.id}.{node.func.attr}"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    }
    assert "time.sleep" not in calls
    assert name(file) in CLOCKS or not calls & {"datetime.now", "datetime.utcnow", "date.today", "time.time"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_rooms_are_small_named_and_explained(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert not {"utils", "helper", "helpers", "util"} & set(file.relative_to(ROOT).with_suffix("").parts)
    assert ast.get_docstring(tree), "a module says what it is"
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not [c for c in classes if c.endswith(("Manager", "Helper", "Utils"))]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_broad_excepts_stand_in_named_places(file: Path) -> None:
    broad = [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in ("Exception", "BaseException")
        and not (len(node.body) and isinstance(node.body[-1], ast.Raise))
    ]
    assert not broad or name(file) in BROAD, f"{name(file)}: {broad}"


def test_folders_of_data_are_no_packages() -> None:
    for folder in ("systemd", "config", "image"):
        assert not (ROOT / folder / "__init__.py").exists()
