"""Builds the Debian package: one for each suite (its Python) and architecture, from the lock file alone.

The package carries everything: a private environment in /opt/modality-agent whose wheels were fetched here with
`--require-hashes`, so that installing needs no network. Wheels are only unpacked, never run: any machine builds
for any architecture. Native journal fields come from Debian's python3-systemd, linked in.

    python3 packaging/build.py --suite bookworm --architecture amd64
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
LOCK = HERE / "requirements.lock"
BUILD = ROOT / "build"
HOME = "opt/modality-agent"
SUITES = {"bookworm": ("3.11", "deb12"), "trixie": ("3.13", "deb13")}
PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
NOT_NEEDED = ("pip", "pip-*.dist-info", "bin", "pynetdicom/apps", "pynetdicom/tests", "*/tests", "numpy/*/tests")
"""Left out: what the service never runs. pynetdicom's applications are the ones with a known weakness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is built for: a suite, whose Python is one version, and an architecture."""

    suite: str
    architecture: str

    @property
    def python(self) -> str:
        return SUITES[self.suite][0]

    @property
    def version(self) -> str:
        """Return the package's version: builds of the same commit have the same, later commits a higher one."""
        told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        count, commit = _git("rev-list", "--count", "HEAD"), _git("rev-parse", "--short=8", "HEAD")
        return f"{told}+{count}.g{commit}+{SUITES[self.suite][1]}"

    @property
    def file(self) -> str:
        return f"modality-agent_{self.version}_{self.architecture}.deb"


def build(target: Target, out: Path, uv: str) -> Path:
    """Build the package of `target` into `out` and return its path; raises `CalledProcessError`."""
    tree = BUILD / f"deb-{target.suite}-{target.architecture}"
    shutil.rmtree(tree, ignore_errors=True)
    site = tree / HOME / "lib" / f"python{target.python}" / "site-packages"
    site.mkdir(parents=True)
    _environment(tree / HOME, site, target)
    _wheels(site, target, uv)
    _ours(site)
    _system_files(tree)
    _control(tree, target)
    made = out / target.file
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SOURCE_DATE_EPOCH", _git("log", "-1", "--format=%ct"))
    _same_time(tree, int(os.environ["SOURCE_DATE_EPOCH"]))
    compress = ["-Zzstd", "-z12"]  # a small board unpacks it several times as fast as xz
    _run("dpkg-deb", "--root-owner-group", *compress, "--build", str(tree), str(made))
    shutil.rmtree(tree)
    return made


def _environment(home: Path, site: Path, target: Target) -> None:
    """Make what `python -m venv` would, of links to the suite's own Python; nothing is run."""
    (home / "bin").mkdir()
    (home / "bin" / "python").symlink_to(f"/usr/bin/python{target.python}")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n"
    )
    command = home / "bin" / "modality-agent"
    command.write_text("#!/opt/modality-agent/bin/python -I\nfrom agent.cli import main\n\nmain()\n")
    command.chmod(0o755)
    (site / "systemd").symlink_to("/usr/lib/python3/dist-packages/systemd")


def _wheels(site: Path, target: Target, uv: str) -> None:
    _run(
        uv, "pip", "install", "--quiet", "--target", str(site), "--python-version", target.python,
        "--python-platform", PLATFORMS[target.architecture], "--require-hashes", "--no-deps",
        "--only-binary", ":all:", "--no-compile-bytecode", "--link-mode", "copy", "-r", str(LOCK),
    )  # fmt: skip
    for pattern in NOT_NEEDED:
        for found in list(site.glob(pattern)):
            shutil.rmtree(found)
    for file in site.glob("*.dist-info/RECORD"):
        file.unlink()  # dpkg keeps the list of files
    for name in (".lock",):
        (site / name).unlink(missing_ok=True)


def _ours(site: Path) -> None:
    """Copy the two import packages, and enough of a distribution for entry points and the SBOM to find it."""
    for name in ("agent", "drivers"):
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__", "demo"))
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    information = site / f"modality_agent-{told['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {told['name']}\nVersion: {told['version']}\nSummary: {told['description']}\n"
        f"License-Expression: {told['license']}\n"
    )
    shutil.copy(ROOT / "LICENSE", information)


PLACES = {
    "systemd/*.service": "usr/lib/systemd/system",
    "systemd/*.socket": "usr/lib/systemd/system",
    "systemd/*.timer": "usr/lib/systemd/system",
    "systemd/sysusers.d/*": "usr/lib/sysusers.d",
    "systemd/tmpfiles.d/*": "usr/lib/tmpfiles.d",
    "systemd/udev/*": "usr/lib/udev/rules.d",
    "systemd/journald.conf.d/*": "usr/share/doc/modality-agent/examples/journald.conf.d",
    "config/modality-agent.example.toml": "etc/modality-agent",
    "config/profiles/*": "etc/modality-agent/profiles",
    "docs/*.md": "usr/share/doc/modality-agent",
    "ops/*.yml": "usr/share/doc/modality-agent/examples/monitoring",
    "ops/*.json": "usr/share/doc/modality-agent/examples/monitoring",
    "packaging/requirements.lock": "usr/share/doc/modality-agent",
    "CHANGELOG.md": "usr/share/doc/modality-agent",
}
"""Where in the repository → where on the box."""


def _system_files(tree: Path) -> None:
    for pattern, folder in PLACES.items():
        for file in sorted(ROOT.glob(pattern)):
            place = tree / folder
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place / file.name)
            (place / file.name).chmod(0o644)
    _units(tree)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/modality-agent").symlink_to("/opt/modality-agent/bin/modality-agent")
    shutil.copy(HERE / "debian" / "copyright", tree / "usr/share/doc/modality-agent/copyright")


BY_HAND = ("modality-agent-redirect.socket",)
"""Units that a person enables where they are wanted."""


def _units(tree: Path) -> None:
    """List the units that are enabled: those that say by whom they are wanted."""
    files = [f for f in sorted((ROOT / "systemd").iterdir()) if f.is_file() and f.name not in BY_HAND]
    found = [f.name for f in files if "WantedBy=" in f.read_text()]
    listed = sorted(found, key=lambda name: name == "modality-agent.service")  # sockets first
    (tree / HOME / "units").write_text("".join(f"{name}\n" for name in listed))


def _control(tree: Path, target: Target) -> None:
    folder = tree / "DEBIAN"
    folder.mkdir()
    major, minor = target.python.split(".")
    facts = {
        "VERSION": target.version,
        "ARCHITECTURE": target.architecture,
        "SIZE": str(sum(f.stat().st_size for f in tree.rglob("*") if f.is_file() and not f.is_symlink()) // 1024),
        "PYTHON": f"python3 (>= {target.python}), python3 (<< {major}.{int(minor) + 1}), python{target.python}",
    }
    control = (HERE / "debian" / "control.in").read_text()
    for key, value in facts.items():
        control = control.replace(f"@{key}@", value)
    (folder / "control").write_text(control)
    conffiles = sorted(f"/{f.relative_to(tree)}" for f in (tree / "etc").rglob("*") if f.is_file())
    (folder / "conffiles").write_text("".join(f"{line}\n" for line in conffiles))
    for script in ("preinst", "postinst", "prerm", "postrm"):
        source = HERE / "debian" / script
        if source.exists():
            shutil.copy(source, folder / script)
            (folder / script).chmod(0o755)


def _same_time(tree: Path, epoch: int) -> None:
    """Give every file one time and plain modes, so that two builds of a commit are the same bytes."""
    for path in tree.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _tools() -> str:
    """Return the locked `uv`, installed into a private environment at first use."""
    home = BUILD / "packaging-tools"
    uv, lock = home / "bin" / "uv", HERE / "tools.lock"
    stamp = home / "lock"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        _run(str(home / "bin" / "python"), "-m", "pip", "-q", "install", "--require-hashes", "-r", str(lock))
        stamp.write_text(lock.read_text())
    return str(uv)


def main() -> None:
    """Build one package and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=SUITES, default="bookworm")
    parser.add_argument("--architecture", choices=PLATFORMS, default=_native())
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--tools", action="store_true", help="Only print the installer that is used.")
    parser.add_argument("--name", action="store_true", help="Only print where the package will be.")
    told = parser.parse_args()
    if told.tools:
        print(_tools())
        return
    target = Target(suite=told.suite, architecture=told.architecture)
    print(told.out / target.file if told.name else build(target, told.out, _tools()))


def _native() -> str:
    machine = os.uname().machine
    return next((a for a, p in PLATFORMS.items() if p.startswith(machine)), "amd64")


if __name__ == "__main__":
    main()
