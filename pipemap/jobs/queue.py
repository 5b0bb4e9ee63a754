"""The queue of background work: procrastinate's tables in the schema `pipemap_jobs` of the map's own database."""

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from pipemap.db import Connection

QUEUE = "exports"
EXPORT_TASK = "export"
# Apart from exports, so that a long one holds no message and no delivery up.
HOOK_QUEUE = "hooks"
HOOK_TASK = "tell"
DELIVERY_QUEUE = "deliveries"
DELIVERY_TASK = "bring-in"
_SEARCH_PATH = "pipemap_jobs, public"


def worker_app(url: str) -> App:
    """The queue as a worker sees it."""
    return App(
        connector=PsycopgConnector(
            conninfo=url,
            kwargs={"options": f"-c search_path={_SEARCH_PATH.replace(' ', '')}", "application_name": "pipemap"},
            min_size=1,
            max_size=4,
        )
    )


def enqueue_export(connection: Connection, job_id: str) -> None:
    """Put an export into the queue in the caller's transaction: it stands there when the job does."""
    _enqueue(connection, EXPORT_TASK, QUEUE, job_id)


def enqueue_delivery(connection: Connection, job_id: str) -> None:
    """Put a delivery into the queue likewise."""
    _enqueue(connection, DELIVERY_TASK, DELIVERY_QUEUE, job_id)


def _enqueue(connection: Connection, task: str, queue: str, job_id: str) -> None:
    app = App(connector=SyncPsycopgConnector())
    before = connection.execute("SELECT current_setting('search_path') AS path").fetchone()
    connection.execute("SELECT set_config('search_path', %s, true)", [_SEARCH_PATH])
    app.configure_task(task, queue=queue, connection=connection, allow_unknown=True).defer(job_id=job_id)
    connection.execute("SELECT set_config('search_path', %s, true)", [before["path"] if before else "public"])
