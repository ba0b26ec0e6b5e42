"""The store as Brian2's ``clear_cache`` and ``check_cache`` see it."""

import os
from pathlib import Path

from saltus import _core, preferences, sources

#: Folders whose files have names and no endings that tell what they are; each is the store's alone.
_FOLDERS = ("tmp", "locks", "quarantine", "toolchains", "texts", "models", sources.FOLDER)


class Cache:
    """Directory and endings of files, both as they are when they are asked for.

    The directory is the folder of the store's layout: what else there is in the directory that a user chose, such as
    the keys that are trusted, stays. It can go at any moment, also while somebody runs kernels of it.
    """

    def __iter__(self):
        preferences.apply()
        folder = _core.store_folder()
        if folder is None:
            return iter((None, ()))
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError:
            # What cannot be made cannot be cleared either, which is found out by whoever tries.
            pass
        return iter((str(folder), Endings(Path(folder))))


class Endings:
    """With what the names of files end that are the store's: asked for each file anew, since others write meanwhile."""

    def __init__(self, folder):
        self.folder = folder
        self.names = set()
        self._look()

    def _look(self):
        for name in _FOLDERS:
            try:
                self.names.update(os.listdir(self.folder / name))
            except OSError:
                # Not there yet, or no more.
                continue

    def __iter__(self):
        yield from (".kernel", "swept")
        self._look()
        yield from self.names
