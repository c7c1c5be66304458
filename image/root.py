"""The root file system of a slot: Debian's packages, the agent, and the few files that make an appliance of them."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import foreign
import initrd
from board import BASE_EPOCH, COMMON, PYTHON, SUITE, Board

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
HOME = "opt/modality-agent"
LEFT_OUT = (
    "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*", "/usr/lib/*/libLLVM*",
    "/usr/lib/*/dri/*", "/usr/lib/*/libgallium*", "/etc/kernel/postinst.d/initramfs-tools",
)  # fmt: skip
"""Never unpacked: manuals, translations, 3D drivers (ffmpeg's packages ask for them), Debian's own initrd."""
PRUNED_MODULES = (
    "drivers/gpu/drm/amd", "drivers/gpu/drm/nouveau", "drivers/gpu/drm/radeon", "drivers/gpu/drm/xe",
    "drivers/infiniband", "drivers/net/ethernet/mellanox", "drivers/net/ethernet/chelsio", "drivers/scsi/lpfc",
    "drivers/scsi/qla2xxx", "drivers/isdn", "drivers/net/can",
)  # fmt: skip
REMOVED = (
    "var/lib/apt/lists", "var/cache/apt", "var/cache/ldconfig", "var/cache/debconf", "var/log",
    "usr/share/bash-completion", "usr/share/perl5/Debconf", "usr/lib/python3/dist-packages/__pycache__",
    "root/.bashrc", "root/.profile",
    "usr/lib/grub/x86_64-efi", "usr/share/grub", "etc/machine-id", "var/lib/dbus/machine-id", "usr/share/X11",
    "var/lib/systemd/random-seed", "etc/resolv.conf", "var/lib/systemd/catalog", "usr/share/mime",
    "usr/share/fonts",
)  # fmt: skip
ENABLED = (
    "systemd-networkd", "systemd-resolved", "systemd-timesyncd", "nftables", "modality-agent",
    "modality-agent-places", "modality-agent-enrol", "modality-agent-doors", "modality-agent-update",
    "modality-agent-prove",
)  # fmt: skip
MASKED = (
    "getty.target", "getty@.service", "getty-static.service", "serial-getty@.service", "console-getty.service",
    "container-getty@.service", "autovt@.service", "systemd-networkd-wait-online.service", "e2scrub_reap.service",
    "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "debug-shell.service",
    "systemd-firstboot.service", "saned.socket", "ctrl-alt-del.target", "fstrim.timer",
    "systemd-hibernate-clear.service", "hibernate.target", "suspend.target", "sleep.target",
    "systemd-boot-random-seed.service", "grub-common.service", "ldconfig.service", "systemd-update-done.service",
)  # fmt: skip


def run(*line: str | Path, **more: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command; its output goes to the build's log. Raises `CalledProcessError`."""
    return subprocess.run([str(word) for word in line], check=True, **more)  # type: ignore[call-overload]


def inside(root: Path, *line: str, **more: object) -> None:
    """Run a program of the system in it, with a /proc that no other process sees and that ends with it."""
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    run("unshare", "--mount", "sh", "-c", script, root, *line, env=environment, **more)


def packages(board: Board) -> list[str]:
    """Return the Debian packages of a board."""
    lines = [*_lines(COMMON), *_lines(board.packages), board.kernel]
    return sorted(set(lines))


def _lines(name: str) -> list[str]:
    text = (HERE / "packages" / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def base(board: Board, cache: Path, *, fresh: bool = False) -> Path:
    """Return an archive of Debian alone; made once for a list of packages, as it takes minutes, or anew when `fresh`.

    Nothing in it is younger than `BASE_EPOCH`: the same packages give the same archive, whenever it is made.
    """
    foreign.prepare(board.architecture)
    asked = "\n".join([SUITE, board.architecture, board.components, *LEFT_OUT, *packages(board)])
    made = cache / f"base-{board.name}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.tar"
    if made.exists() and not fresh:
        return made
    cache.mkdir(parents=True, exist_ok=True)
    part = made.with_suffix(".part")
    run(
        "mmdebstrap", "--mode=root", "--variant=minbase", f"--architectures={board.architecture}",
        f"--components={board.components}", f"--include={','.join(packages(board))}", "--format=tar",
        *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT), "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--dpkgopt=force-confold", "--dpkgopt=force-unsafe-io", "--aptopt=APT::Install-Recommends \"false\"",
        "--essential-hook=mkdir -p \"$1/etc/initramfs-tools\"; "
        "echo update_initramfs=no > \"$1/etc/initramfs-tools/update-initramfs.conf\"",
        SUITE, part, env={**os.environ, "SOURCE_DATE_EPOCH": str(BASE_EPOCH)},
    )  # fmt: skip
    part.rename(made)
    return made


def unpack(archive: Path, root: Path) -> None:
    """Unpack a base into a fresh folder."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run("tar", "-x", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", root, "-f", archive)


def agent(board: Board, root: Path, package: Path | None, epoch: int) -> None:
    """Put the agent into the system: the given Debian package, or else the source tree with its wheels."""
    shutil.copytree(HERE / "files/usr/lib/sysusers.d", root / "usr/lib/sysusers.d", dirs_exist_ok=True)
    run("systemd-sysusers", f"--root={root}")
    if package is not None:
        shutil.copy(package, root / "agent.deb")
        inside(root, "dpkg", "--install", "/agent.deb")
        (root / "agent.deb").unlink()
    else:
        _from_source(board, root)
    clamp(root / HOME, epoch)
    inside(root, "/usr/bin/python3", "-m", "compileall", "-q", "-j", "2", f"/{HOME}/lib", stdout=subprocess.DEVNULL)


def _from_source(board: Board, root: Path) -> None:
    site = root / HOME / "lib" / f"python{PYTHON}" / "site-packages"
    site.mkdir(parents=True)
    (root / HOME / "bin").mkdir()
    (root / HOME / "bin/python").symlink_to(f"/usr/bin/python{PYTHON}")
    (root / HOME / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    )
    command = root / HOME / "bin/modality-agent"
    command.write_text("#!/opt/modality-agent/bin/python -I\nfrom agent.cli import main\n\nmain()\n")
    command.chmod(0o755)
    (site / "systemd").symlink_to("/usr/lib/python3/dist-packages/systemd")
    wanted = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["dependencies"]
    machine = foreign.MACHINES[board.architecture]
    run(
        sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", site, "--only-binary=:all:",
        "--python-version", PYTHON, "--implementation", "cp", "--upgrade",
        *(f"--platform=manylinux_{glibc}_{machine}" for glibc in ("2_28", "2_27", "2_17")),
        f"--platform=manylinux2014_{machine}", *wanted, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    shutil.rmtree(site / "pynetdicom/apps", ignore_errors=True)
    for name in ("bin", "pip"):
        shutil.rmtree(site / name, ignore_errors=True)
    for name in ("agent", "drivers"):
        shutil.copytree(TREE / name, site / name, ignore=shutil.ignore_patterns("__pycache__", "demo"))
    for unit in (TREE / "systemd").glob("*.service"):
        shutil.copy(unit, root / "usr/lib/systemd/system")
    (root / "usr/bin/modality-agent").symlink_to("/opt/modality-agent/bin/modality-agent")


def configure(board: Board, root: Path, version: str, epoch: int, trusted: Path) -> None:
    """Make the appliance: our files, units on and off, nobody who can log in, kernel and initrd in /boot."""
    shutil.copytree(HERE / "files", root, dirs_exist_ok=True, symlinks=True)
    run("chown", "-R", "0:0", root / "etc", root / "usr/lib/modality-agent-image")
    (root / "etc/modality-agent").mkdir(exist_ok=True)
    if not (root / "etc/modality-agent/profiles").exists():
        shutil.copytree(TREE / "config/profiles", root / "etc/modality-agent/profiles")
    for folder in ("data", "boot"):
        (root / folder).mkdir(exist_ok=True)
    (root / "etc/hostname").write_text("modality-agent\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost modality-agent\n::1 localhost modality-agent\n")
    (root / "usr/lib/modality-agent-image/version").write_text(f"{version}\n")
    told = root / "etc/rauc/system.conf.in"
    (root / "etc/rauc/system.conf").write_text(told.read_text().replace("@BOARD@", board.name))
    told.unlink()
    shutil.copy(trusted, root / "etc/rauc/keyring.pem")
    _services(root)
    _kernel(board, root)
    _clean(root)
    _nobody_logs_in(root, epoch)
    (root / "etc/machine-id").write_text("uninitialized\n")
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/resolv.conf")


def _services(root: Path) -> None:
    """Switch on what the appliance needs and make impossible what it must not have."""
    off = ("systemd-journald-audit.socket",)
    inside(root, "systemctl", "-q", "enable", *ENABLED)
    units = root / "etc/systemd/system"
    for name in (*MASKED, *off):
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    for wants in units.glob("*.wants/*"):
        if wants.name in MASKED or wants.name.startswith("getty@"):
            wants.unlink()


def _kernel(board: Board, root: Path) -> None:
    (modules,) = (root / "usr/lib/modules").iterdir()
    for folder in PRUNED_MODULES:
        shutil.rmtree(modules / "kernel" / folder, ignore_errors=True)
    run("depmod", "-b", root, modules.name)
    boot = root / "boot"
    kernel = next(boot.glob("vmlinuz-*"))
    kernel.rename(boot / "vmlinuz")
    initrd.make(board, root, modules, boot / "initrd.img")
    for left in [p for p in boot.iterdir() if p.name not in ("vmlinuz", "initrd.img")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    importlib.import_module(board.loader).start(board, boot)
    for name in ("vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old"):
        (root / name).unlink(missing_ok=True)


def _clean(root: Path) -> None:
    for name in REMOVED:
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in ("var/log", "var/log/journal", "var/cache", "var/lib/modality-agent", "var/lib/systemd/timesync"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("passwd-", "shadow-", "group-", "gshadow-", ".pwd.lock"):
        (root / "etc" / name).unlink(missing_ok=True)


def _nobody_logs_in(root: Path, epoch: int) -> None:
    """Lock every account, root included, and take every shell away."""
    shadow = root / "etc/shadow"
    rows = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join([name, "!*", str(epoch // 86400), *rest]) + "\n" for name, _, _, *rest in rows))
    passwd = root / "etc/passwd"
    rows = [line.split(":") for line in passwd.read_text().splitlines()]
    passwd.write_text("".join(":".join([*row[:6], "/usr/sbin/nologin"]) + "\n" for row in rows))


def clamp(root: Path, epoch: int) -> None:
    """Let nothing be younger than the commit that is built: two builds have the same times."""
    for folder, names, files in os.walk(root):
        for name in (*names, *files, ""):
            path = Path(folder, name)
            if os.lstat(path).st_mtime > epoch:
                os.utime(path, (epoch, epoch), follow_symlinks=False)
