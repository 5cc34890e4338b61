"""Failures of whatever the exporter runs on, told in one line. Plain Python."""

from __future__ import annotations

import os
import traceback
from contextlib import contextmanager


class ExportError(Exception):
    """One line: where, what was found, what to do."""


@contextmanager
def blaming(where: str, advice: str):
    """Whatever goes wrong while it lasts ends as an ExportError, also an exit: any code may run in it."""
    try:
        yield
    except ExportError:
        raise
    except (Exception, SystemExit) as cause:
        said = happened(cause)
        raise ExportError(f"{'' if said.startswith(where) else f'{where}: '}{said}; {advice}") from cause


def happened(cause: BaseException) -> str:
    """What an exception says, with its kind, and with its place where it says nothing, as of `assert`."""
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.filename}: {cause.strerror}" if cause.filename else cause.strerror
    said = str(cause).strip()
    if not said:
        place = traceback.extract_tb(cause.__traceback__)[-1]
        said = f"at {os.path.basename(place.filename)}:{place.lineno}"
    return f"{type(cause).__name__}: {said}"
