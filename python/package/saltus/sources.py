"""Sources of kernels as files, for whoever wants to read what ran: where ``keep_sources`` asks for them."""

import hashlib
import os
from pathlib import Path

from brian2 import prefs
from brian2.utils.logger import get_logger

from saltus import _core

logger = get_logger("saltus")

#: Of the folder of the store's layout.
FOLDER = "sources"


def directory():
    """Where they are, if there is to be a store."""
    folder = _core.store_folder()
    return None if folder is None else Path(folder) / FOLDER


def keep(codeobj):
    """Writes those of a code object that was run: one file for each name and kernel, with what the compiler gets."""
    if not prefs["codegen.runtime.saltus.keep_sources"]:
        return
    place = directory()
    if place is None:
        return
    try:
        for kernel in codeobj.kernels():
            _write(place / f"{codeobj.base}-{kernel.id()}.c", kernel.source("c"))
            versions, current = kernel.versions()
            if current:
                language, text = versions[current - 1]
                digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
                ending = {"c": "c", "rust": "rs"}[language]
                _write(place / f"{codeobj.base}-by-hand-{digest}.{ending}", text)
    except OSError as exc:
        logger.warn(f"Sources of kernels cannot be kept: {exc}", "keep_sources", once=True)


def _write(path, text):
    # The store refuses what others can write to.
    for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.read_text() == text:
        return
    # A reader sees a whole text or none.
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
