"""Fixtures of every tier; each module under tests/fixtures owns one kind."""

pytest_plugins = [
    "tests.fixtures.clock",
    "tests.fixtures.databases",
    "tests.fixtures.tokens",
    "tests.fixtures.signers",
    "tests.fixtures.pdfs",
    "tests.fixtures.sam",
]
