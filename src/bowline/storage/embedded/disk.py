"""Why a disk takes nothing: the cause in words, from what the system says of a place.

It writes nothing, and never raises for what it finds.
"""

from __future__ import annotations

import os
from pathlib import Path

#: below this a store cannot grow by a page and its log
_SCARCE_BYTES = 256 * 1024


def disk_trouble(path: Path) -> str:
    """What keeps anything from being written at `path`: full, read-only, no right; else nothing."""
    place = path if path.is_dir() else path.parent
    try:
        found = os.statvfs(place)
    except OSError as error:
        return f"folder {place}: {error.strerror}"
    if found.f_flag & os.ST_RDONLY:
        return "its disk is read-only"
    if found.f_bavail * found.f_frsize < _SCARCE_BYTES or (found.f_files and not found.f_favail):
        return "its disk is full"
    for each in (path, place):
        if each.exists() and not os.access(each, os.W_OK):
            return f"this user may not write to {each}"
    return ""
