"""Lets Brian2 use saltus, by being imported."""

from saltus.activation import activate

activate()
