"""The worker: does what waits in the queue, in a process of its own beside the service or alone."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.context import SpawnProcess
from threading import Event, Thread

from procrastinate import App, JobContext

from pipemap.db import Database
from pipemap.forked import end_with_parent
from pipemap.jobs import deliveries, exports
from pipemap.jobs.folders import sweep_folders
from pipemap.jobs.queue import (
    DELIVERY_QUEUE,
    DELIVERY_TASK,
    EXPORT_TASK,
    HOOK_QUEUE,
    HOOK_TASK,
    QUEUE,
    worker_app,
)
from pipemap.settings import Settings
from pipemap.sharing import hooks

_HEARTBEAT_S = 5
# A worker that was not heard of for so long is taken for dead, and its job is done by another.
_DEAD_AFTER_S = 20
_KEEP_FINISHED_H = 24 * 7
# What lies there longer was left by a service that was killed: one under way was opened before.
_LONGEST_DOWNLOAD_S = 3 * 3600
# How often the service looks whether its worker is there.
_LOOK_EVERY_S = 5
_log = logging.getLogger("pipemap.jobs")


def work(settings: Settings, url: str, forever: bool = True, dead_after_s: float = _DEAD_AFTER_S) -> None:
    """Do what waits in the queue; not `forever`: until nothing waits.

    Jobs of a worker that was killed are begun anew; packages whose time is over are deleted.
    """
    with Database(url, max_connections=4) as database:
        asyncio.run(_work(_Worker(settings, worker_app(url), database, dead_after_s), forever))


@contextmanager
def beside(settings: Settings, url: str) -> Iterator[None]:
    """A worker in a process of its own while the block runs; one that is killed is replaced.

    What it leaves undone at the end is done at the next start.
    """
    keeper = _Keeper(settings, url)
    try:
        yield
    finally:
        keeper.end()


class _Keeper:
    """Keeps a worker running, looking after it every few seconds."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._given = settings, url
        self._ended = Event()
        self._process = self._started()
        self._thread = Thread(target=self._keep, name="worker-keeper", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._process.kill()
        self._process.join()

    def _keep(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            if not self._process.is_alive():
                self._replace()

    def _replace(self) -> None:
        _log.error("the worker ended with %s; another takes its place", self._process.exitcode)
        try:
            self._process = self._started()
        except OSError as error:
            # What killed it may leave no room for another yet; the next look tries again.
            _log.error("no worker can be started: %s", error)

    def _started(self) -> SpawnProcess:
        process = get_context("spawn").Process(target=_work_beside, args=self._given, daemon=True)
        process.start()
        return process


def _work_beside(settings: Settings, url: str) -> None:
    # An interrupt is for the service to act on, which ends this process; so does its own end, however it comes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    service = parent_process()
    if service is not None and os.getppid() == service.pid:
        # A service that was ended before this line could not take its worker along.
        work(settings, url)


@dataclass(frozen=True)
class _Worker:
    settings: Settings
    app: App
    database: Database
    dead_after_s: float

    def export(self, context: JobContext, job_id: str) -> None:
        """Make one package."""
        folder, keep_h = self.settings.export_folder, self.settings.export_keep_h
        exports.run(self.database, job_id, folder, keep_h, context.should_abort, self.settings.mark_key_path)

    def bring_in(self, context: JobContext, job_id: str) -> None:
        """Make a draft changeset of one delivery."""
        deliveries.run(self.database, job_id, self.settings, context.should_abort)

    def tell(self, timestamp: int | None = None) -> None:
        """Tell the hosts of agencies what has changed for them."""
        hooks.tell(self.database, hooks.Sender.of(self.settings))

    async def tidy(self, timestamp: int | None = None) -> None:
        """Begin anew what a dead worker has left, and delete what nobody needs any more."""
        queue = self.app.job_manager
        for task in (EXPORT_TASK, HOOK_TASK, DELIVERY_TASK):
            for job in await queue.get_stalled_jobs(task_name=task, seconds_since_heartbeat=self.dead_after_s):
                _log.warning("job %s was left by a worker that is gone; it is done anew", job.id)
                await queue.retry_job(job)
        exports.take_up_again(self.database)
        deliveries.take_up_again(self.database)
        deliveries.sweep(self.database, self.settings.delivery_folder)
        exports.sweep(self.database, self.settings.export_folder)
        sweep_folders(self.settings.download_folder, (), _LONGEST_DOWNLOAD_S)
        await queue.delete_old_jobs(nb_hours=_KEEP_FINISHED_H, include_failed=True)


async def _work(worker: _Worker, forever: bool) -> None:
    app = worker.app
    app.task(name=EXPORT_TASK, queue=QUEUE, pass_context=True)(worker.export)
    app.task(name=DELIVERY_TASK, queue=DELIVERY_QUEUE, pass_context=True)(worker.bring_in)
    app.periodic(cron="* * * * *")(app.task(name="tidy", queue=QUEUE, queueing_lock="tidy")(worker.tidy))
    tell = app.task(name=HOOK_TASK, queue=HOOK_QUEUE, queueing_lock=HOOK_TASK, lock=HOOK_TASK)(worker.tell)
    app.periodic(cron="* * * * *")(tell)
    async with app.open_async():
        await worker.tidy()
        if not forever:
            await asyncio.to_thread(worker.tell)
        beside = [
            asyncio.create_task(_run(worker, queue, forever, has_signals=False))
            for queue in (HOOK_QUEUE, DELIVERY_QUEUE)
        ]
        try:
            await _run(worker, QUEUE, forever, has_signals=forever)
            if not forever:
                await beside[1]
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _run(worker: _Worker, queue: str, forever: bool, has_signals: bool) -> None:
    await worker.app.run_worker_async(
        queues=[queue],
        wait=forever,
        install_signal_handlers=has_signals,
        shutdown_graceful_timeout=_HEARTBEAT_S,
        update_heartbeat_interval=_HEARTBEAT_S,
        stalled_worker_timeout=max(worker.dead_after_s, _DEAD_AFTER_S),
    )
