"""The project, its versions and changesets, and what was found in them."""

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, DOUBLE_PRECISION, INTEGER, JSONB, TEXT, TIMESTAMP, UUID

from schemas.tables.base import metadata

project = Table(
    "project",
    metadata,
    Column("one_row", BOOLEAN, primary_key=True, server_default=text("true")),
    Column("name", TEXT, nullable=False),
    Column("srid", INTEGER, nullable=False, comment="EPSG code of the project CRS; 0 when it is a local pipeline."),
    Column("vertical_datum", TEXT, nullable=False),
    CheckConstraint("one_row", name="project_one_row"),
)

dataset = Table(
    "dataset",
    metadata,
    Column("dataset_id", INTEGER, primary_key=True, autoincrement=True),
    Column("name", TEXT, nullable=False, unique=True),
)

source_file = Table(
    "source_file",
    metadata,
    Column("source_file_id", INTEGER, primary_key=True, autoincrement=True),
    Column("name", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("importer", TEXT, nullable=False),
    Column("profile", TEXT, nullable=False),
    Column("columns", JSONB, nullable=False, server_default=text("'[]'")),
    UniqueConstraint("name", "sha256", "importer", "profile", name="source_file_same"),
)

version = Table(
    "version",
    metadata,
    Column("version", INTEGER, primary_key=True, autoincrement=False, comment="Grows by one at each publish."),
    Column("changeset_id", INTEGER, nullable=False, unique=True),
    Column("published_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("author", TEXT, nullable=False),
    Column("message", TEXT, nullable=False),
    Column("counts", JSONB, nullable=False, comment="Inserted, updated and deleted features by kind."),
)

changeset = Table(
    "changeset",
    metadata,
    Column("changeset_id", INTEGER, primary_key=True, autoincrement=True),
    Column("title", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False, comment="import, edit, design or revert."),
    Column("state", TEXT, nullable=False, server_default=text("'draft'")),
    Column("base_version", INTEGER, nullable=False, comment="Version the deltas were made against."),
    Column("author", TEXT, nullable=False),
    Column("reviewer", TEXT),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("checked_at", TIMESTAMP(timezone=True)),
    Column("dataset_id", INTEGER),
    Column("reverts_changeset_id", INTEGER),
    Column("counts", JSONB, nullable=False, server_default=text("'[]'"), comment="Row account of an import."),
    Column("delivery_job_id", UUID, comment="Job of the delivery that it was made of, once."),
    CheckConstraint(
        "state IN ('draft', 'checked', 'submitted', 'approved', 'published', 'rejected')", name="changeset_state"
    ),
    CheckConstraint("reviewer <> author", name="changeset_reviewed_by_another"),
    UniqueConstraint("delivery_job_id", name="changeset_of_one_delivery"),
)

finding = Table(
    "finding",
    metadata,
    Column("finding_id", BIGINT, primary_key=True, autoincrement=True),
    Column("changeset_id", INTEGER, nullable=False, index=True),
    Column("origin", TEXT, nullable=False, comment="import or check; a new check replaces its own findings."),
    Column("rule", TEXT, nullable=False),
    Column("severity", TEXT, nullable=False),
    Column("message_en", TEXT, nullable=False),
    Column("message_zh", TEXT, nullable=False),
    Column("feature_kind", TEXT),
    Column("feature_key", TEXT),
    Column("feature_id", BIGINT),
    Column("class_code", TEXT, comment="Utility class of the feature the finding is about."),
    Column("file", TEXT),
    Column("sheet", TEXT),
    Column("row", INTEGER),
    Column("column", TEXT),
    Column("value", TEXT),
    Column("limit", TEXT),
    Column("x_m", DOUBLE_PRECISION),
    Column("y_m", DOUBLE_PRECISION),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
)

waiver = Table(
    "waiver",
    metadata,
    Column("changeset_id", INTEGER, nullable=False),
    Column("rule", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("waived_by", TEXT, nullable=False),
    PrimaryKeyConstraint("changeset_id", "rule", name="waiver_pkey"),
)
