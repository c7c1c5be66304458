"""One run of the box: starts the rooms in order, watches their progress, stops them in reverse.

With `assembly` and `host` the composition root: the only place that reads clocks and draws random numbers. A
worker that ends by an unexpected error ends the process; the service manager starts it again (ruling 14).
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent import clearing
from agent.assembly import Ground, House
from agent.audit import keep_anchor, stand
from agent.audit_anchor import Anchor
from agent.card_speed import CardSpeed
from agent.config.load import load
from agent.config.schema import Configuration
from agent.config_change import GOOD_AFTER_S, ConfigChange
from agent.errors import AgentError, AnotherWriter, ConfigurationError, DatabaseDamaged, DiskFull, StorageError
from agent.host import SystemClock, boot_id, chacha_configuration, kill_steps, no_core_dumps, own_key, utc_now
from agent.ops import journal, manager, serving
from agent.ops.board import board
from agent.ops.clock_sync import kernel_offset_s
from agent.ops.progress import Progress
from agent.ops.wear import life_used
from agent.peers import Peers
from agent.rebuild import Rebuild, set_aside
from agent.recovery import BootReport, BootScan, lock_data_folder
from agent.service import Service
from agent.slots import WORDS as UPDATE_WORDS
from agent.spawned import launcher_of
from agent.spool import FRAME, Spool
from agent.store import Store
from agent.store.transition import Stamp
from agent.tally import SYNC, Tally
from agent.update_record import words_at
from agent.updating import ALARM, SUBJECT

DATABASE = "agent.sqlite3"
_MIGRATE_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 4.0
_WATCH_S = 2.0
_FULL_S = 2.0
EXIT_OK, EXIT_AGAIN, EXIT_BROKEN, EXIT_ANOTHER = 0, 10, 70, 75
"""`EXIT_AGAIN`: the configuration changed; whoever watches this process starts it again, as after any end."""


class Supervisor:
    """One run of the box."""

    def __init__(self, configuration: Configuration, change: ConfigChange) -> None:
        self._configuration, self._change = configuration, change
        self._root = Path(configuration.box.data_dir)
        self._run_id = uuid.uuid4().hex
        self._clock = SystemClock(configuration.box.timezone, host_is_trusted=configuration.box.clock == "host")
        self._tally = Tally()
        self._card = CardSpeed(self._clock.monotonic, partial(self._tally.took, SYNC))
        self._stop = threading.Event()
        self._status = EXIT_OK
        self._ended = ""
        self._late: tuple[str, ...] = ()
        self._threads: list[threading.Thread] = []

    def run(self, stop: threading.Event | None = None) -> int:
        """Run until a signal, `stop` or a broken disk; return the exit status.

        Ready is announced after the boot scan and once the page and the control socket are bound.
        """
        self._stop = stop or self._stop
        lock_fd = lock_data_folder(self._root, AnotherWriter)
        self._key = own_key(self._root)
        self._anchor = Anchor(self._root, self._key)
        try:
            store = self._open_store()
            try:
                self._run_with(store)
            finally:
                self._end_run(store)
        finally:
            os.close(lock_fd)
            if self._ended:
                serving.say_last(serving.folder(os.environ), self._ended)
        if self._status in (EXIT_OK, EXIT_AGAIN):
            self._change.stopped()
        return self._status

    def _open_store(self) -> Store:
        """Open the database; a damaged or missing one is built anew from the files of the pictures."""
        path, spool = self._root / DATABASE, Spool(self._root / "spool")
        lost = not path.exists() and any((self._root / "spool" / "frames").glob(f"*{FRAME}"))
        try:
            self._migrate()
            store = self._store_at(path, spool)
        except DatabaseDamaged as e:
            lost = True
            journal.say(logging.CRITICAL, "the database is damaged; building it anew", code=e.code)
            serving.say_last(serving.folder(os.environ), e.code)
            set_aside(path, self._run_id)
            self._migrate()
            store = self._store_at(path, spool)
        self._stand(store)
        if lost:
            rebuilt = Rebuild(store, spool, self.stamp()).run()
            journal.say(logging.CRITICAL, "database rebuilt", exams=rebuilt.exams, pictures=rebuilt.frames)
        return store

    def _store_at(self, path: Path, spool: Spool) -> Store:
        return Store(path, on_broken=self._broken, make_room=spool.drop_ballast, synced=self._card.synced)

    def _stand(self, store: Store) -> None:
        """Let the audit trail stand on its anchor; after a reset its first row says who did it."""
        reset = clearing.under_way(self._change.config)
        stand(store, self._anchor, self.stamp(), reset_by=reset.told.who if reset else "")
        if reset is not None:
            clearing.told(self._change.config)

    def _migrate(self) -> None:
        argv = [sys.executable, "-P", "-m", "agent.store.migrations", str(self._root / DATABASE)]
        try:
            done = subprocess.run(argv, check=False, timeout=_MIGRATE_TIMEOUT_S, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as e:
            raise StorageError("The database could not be brought up to date in time.") from e
        if done.returncode == 4:
            raise DatabaseDamaged
        if done.returncode not in (0, 3):  # 3: newer schema, refused in words when the store opens
            raise StorageError("The database could not be brought up to date.")

    def _run_with(self, store: Store) -> None:
        spool = Spool(self._root / "spool", steps=kill_steps(), synced=self._card.synced)
        spool.hold_ballast()
        clean = store.records.begin_run(boot_id(), self.stamp())
        report = BootScan(store, spool, self.stamp()).run()
        _tell_report(report, clean=clean)
        _tell_update(store, self.stamp())
        launcher = launcher_of(os.environ)
        peers = Peers(launcher, chacha=chacha_configuration())
        progress = Progress(self._clock.monotonic)
        ground = Ground(
            configuration=self._configuration,
            root=self._root,
            run_id=self._run_id,
            store=store,
            spool=spool,
            clock=self._clock,
            launcher=launcher,
            peers=peers,
            progress=progress,
            stamp=self.stamp,
            steps=kill_steps(),
            on_broken=self._broken,
            boot_id=boot_id(),
            vouch=self._clock.vouch,
            key=self._key,
            anchor=self._anchor,
            config_change=self._change,
            restart=self._restart,
            clock_offset_s=kernel_offset_s,
            life_used=life_used,
            board=board,
            card_slow_s=self._card.slow_s,
            tally=self._tally,
        )
        if store.dates.clock_confirmed(boot_id()):
            self._clock.vouch()
        try:
            self._serve(House(ground), progress)
        finally:
            peers.close()
            launcher.close()

    def _serve(self, house: House, progress: Progress) -> None:
        page = serving.hold(serving.folder(os.environ))
        try:
            house.server.start()
            house.service.box.page = house.server.address
            self._start(house.workers())
            manager.tell(f"READY=1\nSTATUS=Page: {house.server.address}")
            journal.say(logging.INFO, "ready", page=house.server.address, run=self._run_id)
            self._watch(house.service, progress)
        finally:
            manager.tell("STOPPING=1")
            self._stop.set()
            house.interrupt()
            house.server.stop()
            serving.let_go(page)
            self._join()

    def stamp(self, who: str = "") -> Stamp:
        """Return this instant in this run."""
        now = self._clock.now()
        return Stamp(
            at=now.isoformat(timespec="milliseconds"),
            unix=now.timestamp(),
            run_id=self._run_id,
            who=who,
            boottime_ns=self._clock.boottime_ns(),
        )

    # --- running --------------------------------------------------------------------------------------------

    def _start(self, workers: dict[str, Callable[[threading.Event], None]]) -> None:
        for name, work in workers.items():
            thread = threading.Thread(target=self._guard, args=(name, work), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _guard(self, name: str, work: Callable[[threading.Event], None]) -> None:
        try:
            while not self._worked(name, work):
                self._stop.wait(_FULL_S)
        except Exception as e:  # noqa: BLE001 - a thread's root: the process ends and is started again
            code = e.code if isinstance(e, AgentError) else type(e).__name__
            journal.say(logging.CRITICAL, "a worker ended", worker=name, code=code, where=_where(e))
            self._ended_by(code)

    def _worked(self, name: str, work: Callable[[threading.Event], None]) -> bool:
        """Run one worker to its end; False: the disk was full meanwhile, it begins anew in a moment."""
        try:
            work(self._stop)
        except DiskFull as e:  # what needs no room goes on, and room may come: retention, or IT
            journal.say(logging.ERROR, "a worker found the disk full", worker=name, code=e.code)
            return self._stop.is_set()
        return True

    def _broken(self, error: AgentError) -> None:
        journal.say(logging.CRITICAL, "the disk does not keep its word; restarting", code=error.code)
        self._ended_by(error.code)

    def _ended_by(self, code: str) -> None:
        self._status = EXIT_BROKEN
        self._ended = code
        self._stop.set()

    def _restart(self) -> None:
        journal.say(logging.INFO, "the configuration changed; restarting")
        self._status = EXIT_AGAIN
        self._stop.set()

    def _watch(self, service: Service, progress: Progress) -> None:
        interval = manager.watchdog_interval_s()
        good_at, proven = self._clock.monotonic() + GOOD_AFTER_S, False
        while not self._stop.wait(min(_WATCH_S, interval or _WATCH_S)):
            late = progress.late()
            if late:
                journal.say(logging.ERROR, "no progress", workers=",".join(late))
            elif interval is not None:
                manager.tell("WATCHDOG=1")
            if not proven and not late and self._clock.monotonic() >= good_at:
                proven = self._change.stayed_up()
            manager.tell(f"STATUS={_status_line(service)}")

    def _join(self) -> None:
        until = self._clock.monotonic() + _STOP_TIMEOUT_S
        for thread in self._threads:
            thread.join(timeout=max(0.1, until - self._clock.monotonic()))
        self._late = tuple(thread.name for thread in self._threads if thread.is_alive())

    def _end_run(self, store: Store) -> None:
        try:
            if self._status in (EXIT_OK, EXIT_AGAIN):
                store.records.end_run(self.stamp())
                keep_anchor(store, self._anchor)
        finally:
            self._leave(store)

    def _leave(self, store: Store) -> None:
        """Close the database, but never under a worker that still uses it: then the process ends as it stands.

        Everything that was told to be durable is; what the late worker was at is as after a crash.
        """
        if self._late:
            journal.say(logging.WARNING, "workers did not end in time", workers=",".join(self._late))
            os._exit(self._status)
        store.close()


def _status_line(service: Service) -> str:
    unsent = service.box.unsent()
    return "Everything is sent" if unsent == 0 else f"Unsent objects: {unsent}"


def _tell_report(report: BootReport, *, clean: bool) -> None:
    journal.say(
        logging.INFO if clean else logging.WARNING,
        "boot scan",
        after_crash=int(not clean),
        unfinished_removed=report.unfinished_removed,
        adopted=len(report.adopted),
        set_aside=len(report.set_aside),
        missing=len(report.missing),
        leases_returned=report.leases_returned,
    )


def _tell_update(store: Store, stamp: Stamp) -> None:
    """Raise, or clear, the alarm about an update of the appliance that did not come about."""
    words = words_at(UPDATE_WORDS)
    if words:
        store.records.raise_alarm(ALARM, SUBJECT, words, stamp)
    else:
        store.records.clear_alarm(ALARM, SUBJECT, stamp)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def _configured(path: Path) -> tuple[Configuration, ConfigChange]:
    """Return the configuration, after a change that did not come up was given back."""
    change = ConfigChange(path, kill_steps(), restarted=manager.is_there())
    change.begin()
    try:
        return load(path), change
    except ConfigurationError:
        if not change.refused():
            raise
    return load(path), change


def _was_cleared(config_path: Path) -> bool:
    """Bring a reset or an erase that was cut off to its end; True: there is no configuration any more."""
    begun = clearing.under_way(config_path)
    if begun is None:
        return False
    lock_fd = lock_data_folder(Path(begun.root), AnotherWriter)
    try:
        clearing.finish(config_path, utc_now, kill_steps())
    finally:
        os.close(lock_fd)
    journal.say(logging.WARNING, "patients and accounts were removed", act=begun.kind)
    return not config_path.exists()


def run(config_path: Path, stop: threading.Event | None = None) -> int:
    """Run the box with the configuration at `config_path` until SIGTERM or SIGINT; return the exit status.

    Raises `ConfigurationError`, `AnotherWriter`, `SchemaTooNew` or `StorageError` before anything started.
    """
    no_core_dumps()
    journal.start()
    try:
        return _run(config_path, stop)
    except AgentError as e:
        serving.say_last(serving.folder(os.environ), e.code)
        raise
    except Exception:
        serving.say_last(serving.folder(os.environ), AgentError.code)
        raise


def _run(config_path: Path, stop: threading.Event | None) -> int:
    if _was_cleared(config_path.absolute()):
        return EXIT_OK
    supervisor = Supervisor(*_configured(config_path.absolute()))
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
    return supervisor.run(stop)
