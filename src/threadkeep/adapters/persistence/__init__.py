"""Seed 002: a persistence adapter over tables that the app made, and the same on our own store."""

from __future__ import annotations

from threadkeep.adapters.persistence.ddl import persistence_ddl, sqlalchemy_model
from threadkeep.adapters.persistence.native import NativePersistence
from threadkeep.adapters.persistence.postgres import PostgresPersistence
from threadkeep.adapters.persistence.records import ChatMessage, PersistenceAdapter, SessionRecord
from threadkeep.adapters.persistence.survey import Problem, SchemaReport, TablesMismatchError

__all__ = [
    "ChatMessage",
    "NativePersistence",
    "PersistenceAdapter",
    "PostgresPersistence",
    "Problem",
    "SchemaReport",
    "SessionRecord",
    "TablesMismatchError",
    "persistence_ddl",
    "sqlalchemy_model",
]
