"""The verdicts that weir keeps of a plugin's `@weir.series`, for a plugin that decides by something else beside labels and configuration,
a table that it fetches, say: `from weir import verdicts`, at the top of the module, so that the build sees it.
"""

from __future__ import annotations

from . import host


def forget() -> None:
    """What `@weir.series` has said no longer holds: weir asks again about every series and every log stream of the pipeline.

    Usable from a `@weir.tick`, for it costs the pipeline a start from the beginning; anywhere else it does nothing. It counts only if the
    call succeeds.
    """
    host.connection.verdicts_forget()
