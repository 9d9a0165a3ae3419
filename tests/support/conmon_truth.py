# SPDX-License-Identifier: Apache-2.0
"""Which exec sessions there were, told by one who cannot have missed any: the conmon of each.

    truth = Truth()
    with Podman(conmon=truth.conmon) as podman:
        podman.exec("c1", "sh", "-c", "exit 3", "the-third")
        truth.session("the-third")      # Session: .id .container .words .folder
        truth.sessions()                # of all whose last word is a tag: tag -> Session
        truth.all()                     # every one, in no order: also health checks

Podman starts conmon for each exec session, through a few lines of shell that note the session's ID
and its command before they become conmon. So nothing here depends on who looks when; and nothing
is shared with the service, which sees folders and files that come and go. A session whose command
could not be started has been noted, too.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from support import machine

_TAG = re.compile(r"tag-\d+")

# No process but the shell: what is short stays short. The specification is one line without an end.
_SCRIPT = """\
#!/bin/sh
for word; do
    [ "$before" != --exec-process-spec ] || spec=$word
    before=$word
done
if [ -n "$spec" ]; then
    folder=${{spec%/*}}
    IFS= read -r line <"$spec"
    printf '%s\\n' "$folder" "$line" >{folder}/"${{folder##*/}}"
fi
exec {conmon} "$@"
"""


class Session(NamedTuple):
    """An exec session, as it was asked for."""

    id: str
    container: str
    words: list[str]
    folder: Path  # where Podman and conmon keep its files while it lives


class Truth:
    """What the conmons said."""

    def __init__(self) -> None:
        self.folder = machine.folder("truth")
        self.conmon = self.folder / "conmon"
        self.conmon.write_text(_SCRIPT.format(folder=self.folder, conmon=shutil.which("conmon")))
        self.conmon.chmod(0o755)

    def all(self) -> list[Session]:
        """Every session that was begun when this was asked."""
        return [self._read(path) for path in self.folder.iterdir()
                if re.fullmatch("[0-9a-f]{64}", path.name) and path.read_text().endswith("\n")]

    def sessions(self) -> dict[str, Session]:
        """Those whose command ends with a tag, by that; a tag that was given twice fails."""
        found: dict[str, Session] = {}
        for session in self.all():
            tag = session.words[-1]
            if _TAG.fullmatch(tag):
                assert tag not in found, f"{tag} is of two sessions"
                found[tag] = session
        return found

    def session(self, tag: str) -> Session:
        """The one with this tag."""
        return self.sessions()[tag]

    @staticmethod
    def _read(path: Path) -> Session:
        folder, specification = path.read_text().splitlines()
        # Below DRIVER-containers/CONTAINER/userdata.
        return Session(path.name, Path(folder).parent.parent.name,
                       json.loads(specification)["args"], Path(folder))
