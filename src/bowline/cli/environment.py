"""What the operating system hands to every command: argument encoding, I/O errors.

It must never decide what a command means.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

from bowline.cli.output import WrongUsage
from bowline.core.errors import BadInput

#: errors that the user can correct, with the remedy: errno(3)
_REMEDIES = {
    errno.EACCES: "check the permissions of that path",
    errno.EPERM: "check the permissions of that path",
    errno.EROFS: "choose a path on a writable file system",
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "free some space on the disk",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "name a file, not a folder",
    errno.ELOOP: "a symbolic link there points to itself",
    errno.EIO: "the disk or the file is unreadable: try another",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENFILE: "raise the system-wide limit of open files",
    errno.EADDRINUSE: "choose another port, or stop the process that uses it",
}


def check_arguments(arguments: Sequence[str]) -> None:
    """WrongUsage for an argument that is not valid text: it could not be stored or printed."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            escaped = argument.encode(errors="backslashreplace").decode()
            raise WrongUsage(
                f"{escaped} is not text in this machine's encoding",
                hint="rename the file, or set LANG to the encoding of its name",
            ) from None


def check_empty_arguments(command: Any, arguments: Sequence[str]) -> None:  # noqa: ANN401 - typer's, whose type moves
    """WrongUsage for an empty argument, or an empty value of an option that takes none.

    A shell makes one of a variable that is not set, and as a path it would be the present folder.
    An option whose default is empty may be given empty.
    """
    options = {
        spelling: each
        for each in command.params
        if not getattr(each, "is_flag", False)
        for spelling in each.opts
        if spelling.startswith("-")
    }
    left = iter(arguments)
    for argument in left:
        name, equals, value = argument.partition("=")
        if name in options:
            value = value if equals else next(left, "-")
            if not value and options[name].default != "":
                raise WrongUsage(f"{name} is empty", hint=f"give it a value, or leave {name} out")
        elif not argument:
            raise WrongUsage(
                "an argument is empty",
                hint="name what is meant: a shell variable that is not set is empty",
            )


def as_user_error(error: OSError) -> BadInput | None:
    """An I/O error that the user can correct, with the remedy; None for a bug."""
    hint = _REMEDIES.get(error.errno or 0)
    if hint is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return BadInput(f"{where}{error.strerror}", hint=hint)
