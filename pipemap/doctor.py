"""What is installed, where the database is, and what is wrong with it."""

import shutil
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from importlib.resources import files
from typing import Any

from pipemap.cluster import Cluster, server_binaries
from pipemap.db import Connection, Database, database_url, fetch_one, ping
from pipemap.errors import PipemapError
from pipemap.forked import forked
from pipemap.projects import read_project
from pipemap.sandbox import NO_INTERFACE, NO_PRIVILEGES, NO_SOCKETS, OWN_FOLDER, missing_locks
from pipemap.settings import Settings

ROOMS = ("schemas", "pipemap", "importers", "api", "viewer")


_LOCKS_ZH = {
    NO_INTERFACE: "断开网络接口",
    NO_SOCKETS: "禁用套接字",
    OWN_FOLDER: "限制写入目录",
    NO_PRIVILEGES: "禁止提升权限",
}


@dataclass(frozen=True)
class Symptom:
    """One thing looked at: whether it is well, what was seen, and what to do if it is not; and all three in Chinese."""

    subject: str
    is_well: bool
    seen: str
    remedy: str = ""
    in_chinese: tuple[str, str, str] = ("", "", "")

    @property
    def document(self) -> dict[str, Any]:
        """As the JSON document has it."""
        return {"subject": self.subject, "is_well": self.is_well, "seen": self.seen, "remedy": self.remedy}


def examine(settings: Settings) -> Iterator[Symptom]:
    """Look at everything pipemap leans on, worst dependency first; never raises."""
    yield _packages()
    yield _program(
        "mdb-export",
        "Access databases are read by a slower fallback; install mdbtools.",
        "Access 数据库改用较慢的方式读取；请安装 mdbtools。",
    )
    yield _unpacking()
    yield _reading()
    yield _viewer_bundle()
    yield _server(settings)
    yield from _database(settings)


def _packages() -> Symptom:
    owners = packages_distributions()
    foreign = sorted(room for room in ROOMS if set(owners.get(room, [])) - {"pipemap"})
    listed = ", ".join(foreign)
    seen = f"foreign packages own {listed}" if foreign else "each room belongs to pipemap alone"
    seen_zh = f"{listed} 属于其他软件包" if foreign else "各部分均属 pipemap"
    remedy = "Install pipemap into an environment of its own."
    return Symptom(
        "python packages", not foreign, seen, remedy, ("Python 软件包", seen_zh, "请将 pipemap 装入独立的环境。")
    )


def _program(name: str, remedy: str, remedy_zh: str) -> Symptom:
    path = shutil.which(name)
    told = (name, path or "未安装", "" if path else remedy_zh)
    return Symptom(name, path is not None, path or "not installed", "" if path else remedy, told)


def _unpacking() -> Symptom:
    name = find_library("archive")
    remedy, remedy_zh = "RAR and 7z are not unpacked; install libarchive13.", "不能解压 RAR、7z；请安装 libarchive13。"
    told = ("libarchive", name or "未安装", "" if name else remedy_zh)
    return Symptom("libarchive", name is not None, name or "not installed", "" if name else remedy, told)


def _reading() -> Symptom:
    missing = list(forked(missing_locks))
    seen = f"this system does not know: {', '.join(missing)}" if missing else "files are read behind every lock"
    lacking = "、".join(_LOCKS_ZH[name] for name in missing)
    seen_zh = f"本系统不支持：{lacking}" if missing else "读取进程已全部受限"
    # One of the two keeps a reader from the network.
    is_well = OWN_FOLDER not in missing and not {NO_INTERFACE, NO_SOCKETS} <= set(missing)
    remedy = "Import only files you trust, or use Linux from 5.13 on."
    return Symptom(
        "reading of files",
        is_well,
        seen,
        remedy,
        ("文件读取", seen_zh, "只导入可信的文件，或使用 Linux 5.13 及以上版本。"),
    )


def _viewer_bundle() -> Symptom:
    bundle = files("viewer") / "static" / "vendor" / "deck.min.js"
    found = bundle.is_file()
    told = ("浏览页组件", "deck.gl 已就位" if found else "缺失", "请运行 `make setup`。")
    return Symptom("viewer bundle", found, "deck.gl is in place" if found else "missing", "Run `make setup`.", told)


def _server(settings: Settings) -> Symptom:
    if settings.database_url is not None:
        told = ("数据库服务", "由 PIPEMAP_DATABASE_URL 指定", "")
        return Symptom("server", True, "configured by PIPEMAP_DATABASE_URL", in_chinese=told)
    binaries = server_binaries()
    if binaries is None:
        told = ("数据库服务", "未安装 PostgreSQL", "请安装 postgresql-15-postgis-3。")
        return Symptom("server", False, "PostgreSQL is not installed", "Install postgresql-15-postgis-3.", told)
    state, state_zh = ("running", "运行中") if Cluster(settings.data_dir).is_running() else ("stopped", "已停止")
    told = ("数据库服务", f"私有，位于 {settings.data_dir}，{state_zh}", "")
    return Symptom("server", True, f"private, in {settings.data_dir}, {state}", in_chinese=told)


def _database(settings: Settings) -> Iterator[Symptom]:
    try:
        ping(database_url(settings))
        with Database(database_url(settings)) as database, database.transaction(read_only=True) as connection:
            yield _postgis(connection)
            project = read_project(connection)
            seen = f"{project.name}, EPSG:{project.srid}, {project.vertical_datum}"
            yield Symptom("project", True, seen, in_chinese=("项目", seen, ""))
            for subject, question in _QUESTIONS.items():
                yield question(connection, subject)
    except PipemapError as error:
        told = ("数据库", error.told("zh"), "请运行 `pipemap init`。")
        yield Symptom("database", False, error.message, "Run `pipemap init`.", told)


def _postgis(connection: Connection) -> Symptom:
    row = fetch_one(connection, "SELECT current_setting('server_version') AS server, postgis_lib_version() AS postgis")
    seen = row or {}
    versions = f"PostgreSQL {seen.get('server')}, PostGIS {seen.get('postgis')}"
    return Symptom("postgis", True, versions, in_chinese=("PostGIS", versions, ""))


def _contents(connection: Connection, subject: str) -> Symptom:
    row = fetch_one(
        connection,
        "SELECT (SELECT max(version) FROM pipemap.version) AS version, (SELECT count(*) FROM pipemap.node) AS nodes,"
        " (SELECT count(*) FROM pipemap.pipe_segment) AS segments,"
        " (SELECT count(*) FROM pipemap.changeset WHERE state NOT IN ('published', 'rejected')) AS drafts",
    )
    seen = row or {}
    version, nodes, segments = seen.get("version") or 0, seen.get("nodes"), seen.get("segments")
    words = f"version {version}: {nodes} nodes, {segments} segments; {seen.get('drafts')} open changesets"
    told = f"版本 {version}：管点 {nodes} 个，管段 {segments} 条；未发布的变更集 {seen.get('drafts')} 个"
    return Symptom(subject, True, words, in_chinese=("内容", told, ""))


def _dangling(connection: Connection, subject: str) -> Symptom:
    row = fetch_one(
        connection,
        "SELECT count(*) AS n FROM pipemap.pipe_segment s"
        " LEFT JOIN pipemap.node a ON a.feature_id = s.from_node_id"
        " LEFT JOIN pipemap.node b ON b.feature_id = s.to_node_id"
        " WHERE a.feature_id IS NULL OR b.feature_id IS NULL",
    )
    count = int(row["n"]) if row else 0
    told = ("引用", f"{count} 条管段缺少端点", "请从备份恢复。")
    return Symptom(subject, count == 0, f"{count} segments without an end node", "Restore from a backup.", told)


_QUESTIONS: dict[str, Callable[[Connection, str], Symptom]] = {"contents": _contents, "references": _dangling}
