"""What the command line takes from the machine before a command sees it: words and the disk.

It must never decide what a command means.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from bowline.cli.output import WrongUsage
from bowline.core.errors import BadInput

#: what a person can mend, whatever was being done: errno(3)
_MENDABLE = {
    errno.EACCES: "look at who may read and write there",
    errno.EPERM: "look at who may read and write there",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "name a file, not a folder",
    errno.ELOOP: "a link there leads to itself",
    errno.EIO: "the disk or the file cannot be read: try another",
    errno.EMFILE: "allow more open files: ulimit -n",
    errno.ENFILE: "allow more open files on this machine",
    errno.EADDRINUSE: "choose another port, or end what uses it",
}


def check_words(words: Sequence[str]) -> None:
    """WrongUsage for a word that is no text: nothing could store it, print it or send it."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            said = word.encode(errors="backslashreplace").decode()
            raise WrongUsage(
                f"{said} is not text in this machine's encoding",
                hint="rename the file, or set LANG to the encoding of its name",
            ) from None


def as_mendable(error: OSError) -> BadInput | None:
    """What a disk, a name or a port has against it, as a person can mend it; None for a bug."""
    hint = _MENDABLE.get(error.errno or 0)
    if hint is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return BadInput(f"{where}{error.strerror}", hint=hint)
