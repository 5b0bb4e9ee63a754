"""Days and instants as they are given on the command line."""

from datetime import UTC, date, datetime, time

from pipemap.errors import UsageError


def moment(text: str, clock: time) -> datetime:
    """An instant, or the beginning or end of a day in this machine's time zone."""
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = datetime.combine(date.fromisoformat(text), clock).astimezone()
    except ValueError as error:
        raise UsageError(f"{text} is neither a day (2026-12-31) nor an instant with its time zone.") from error
    return instant.astimezone(UTC)
