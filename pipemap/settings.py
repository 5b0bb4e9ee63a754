"""Settings: read once from the environment by the caller and passed down."""

import ipaddress
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipemap.actors import named
from pipemap.errors import UsageError


def _default_data_dir() -> Path:
    """Where the private database lives: a folder that its own system user can reach."""
    if os.geteuid() == 0:
        return Path("/var/lib/pipemap")
    return Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "pipemap"


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, which no other reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Settings(BaseSettings):
    """Everything that can be set from outside, with the prefix `PIPEMAP_`."""

    model_config = SettingsConfigDict(env_prefix="PIPEMAP_", env_file=".env", env_ignore_empty=True, extra="ignore")

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15+ with PostGIS 3.3+; empty starts a private one in data_dir."
    )
    data_dir: Path = Field(default_factory=_default_data_dir, description="Folder of the private database.")
    database_name: str = Field("pipemap", description="Database inside the private server.")
    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8008, description="Port the service listens on.")
    processes: int = Field(1, ge=1, le=16, description="Processes that answer requests.")
    public_url: str | None = Field(
        None, description="Address others reach the service by, such as https://map.example.cn; links begin with it."
    )
    staff_token: SecretStr | None = Field(
        None, description="Token staff must present; it or oidc_staff is required beyond this machine."
    )
    oidc_issuer: str | None = Field(None, description="Issuer of identity tokens of agencies and staff.")
    oidc_audience: str | None = Field(None, description="Audience such a token must name.")
    oidc_jwks: str | None = Field(None, description="Public keys of the issuer: a file or an https address.")
    oidc_staff: str | None = Field(
        None, description="Claim and value that make a token one of staff, such as realm_access.roles=pipemap-staff."
    )
    oidc_client_id: str | None = Field(None, description="Client that staff sign in under, in a browser.")
    oidc_client_secret: SecretStr | None = Field(None, description="Secret of that client, where it has one.")
    oidc_client_secret_file: Path | None = Field(None, description="File that holds the secret of that client.")
    requests_per_minute: int = Field(6_000, ge=1, description="Most requests a minute of one key.")
    concurrent_requests: int = Field(
        12, ge=1, description="Most requests of one key at the same time: half of what the service answers at once."
    )
    language: Literal["zh", "en"] = Field("zh", description="Language of terminal and report texts: zh or en.")
    user: str = Field(
        default_factory=lambda: os.environ.get("USER") or "root", description="Author written into changesets."
    )
    open_requests: bool = Field(False, description="Take requests for digging and emergencies without a key.")
    hook_hosts: str = Field(
        "", description="Hosts that webhooks may be posted to, by commas; name:port for another port than 443."
    )
    hook_private: bool = Field(False, description="Let those hosts have private and loopback addresses.")
    hook_ca_file: Path | None = Field(None, description="Certificates that vouch for those hosts; empty: the system's.")
    require_approval: bool = Field(False, description="Publish only what someone else has approved.")
    audit_dir: Path = Field(
        default_factory=lambda settings: settings["data_dir"].with_name(settings["data_dir"].name + "-audit"),
        description="Folder, outside the database, of the audit log's anchors and of the secrets of watermarks.",
    )
    audit_anchor_minutes: float = Field(
        10, ge=0, description="Minutes between two anchors of the audit log by the service; 0 writes none."
    )
    crs_file: Path | None = Field(None, description="TOML file that defines the city's own coordinate system.")
    shift_key_file: Path | None = Field(
        None, description="Secret of the coordinate shift; by default shift.key in data_dir, made when first needed."
    )
    max_upload_mb: int = Field(512, description="Largest delivery, unpacked, in MiB.")
    tile_cache_mb: int = Field(256, ge=0, description="Tiles kept in memory, in MiB.")
    statement_timeout_s: int = Field(30, description="Longest a query of the service may run, in seconds.")
    export_dir: Path | None = Field(
        None, description="Folder of export packages and of deliveries until they are read; empty: exports in data_dir."
    )
    export_keep_h: int = Field(24, description="How long an export package is kept, in hours.")

    @field_validator("user")
    @classmethod
    def _plain(cls, name: str) -> str:
        try:
            return named(name)
        except UsageError as error:
            raise ValueError(error.message) from error

    @property
    def asks_staff(self) -> bool:
        """Whether the service asks who is of the staff; where not, everybody who reaches it is."""
        return self.staff_token is not None or self.oidc_staff is not None

    @property
    def mark_key_path(self) -> Path:
        """Where the secret of watermarks is kept."""
        return self.audit_dir / "watermark.key"

    @property
    def hook_key_path(self) -> Path:
        """Where the secret is kept that the secrets of webhooks are made of."""
        return self.audit_dir / "webhook.key"

    @property
    def session_key_path(self) -> Path:
        """Where the secret is kept that seals the sessions of staff who sign in."""
        return self.data_dir / "session.key"

    @property
    def shift_key_path(self) -> Path:
        """Where the secret of the coordinate shift is kept."""
        return self.shift_key_file or self.data_dir / "shift.key"

    @property
    def export_folder(self) -> Path:
        """Folder of export packages, one folder a job."""
        return self.export_dir or self.data_dir / "exports"

    @property
    def delivery_folder(self) -> Path:
        """Folder of deliveries that were handed in, one folder a job."""
        return self.export_folder / "deliveries"

    @property
    def download_folder(self) -> Path:
        """Folder of packages that are made for one download, one folder each."""
        return self.export_folder / "downloads"
