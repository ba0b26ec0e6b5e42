"""How programs of peers talk to the bench.

A program first says what it is, or what it lacks, then answers every line that it reads with one measurement. Each line
that it writes is a JSON object. What a simulator prints goes to standard error, or nowhere.
"""

import importlib
import json
import os
import sys


def claim_output():
    """Keeps standard output for answers: what else is written there, by libraries and child processes too, is dropped."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return answers


def say(answers, **fields):
    """One line for the bench."""
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


def require(answers, module):
    """The module, or a line that says that it is missing, and the end."""
    try:
        return importlib.import_module(module)
    except ImportError:
        say(answers, missing=module)
        sys.exit(0)


def serve(answers, version, measure):
    """Answers each line with what `measure` gives, until there are no more."""
    say(answers, ready=version)
    for _ in sys.stdin:
        say(answers, **measure())
