"""Fixtures of every tier; each module under tests/fixtures owns one kind."""

import pytest

pytest.register_assert_rewrite("tests.fixtures")  # they import each other in any order

pytest_plugins = [
    "tests.plugins.tiers",
    "tests.plugins.canaries",
    "tests.plugins.coverage_gate",
    "tests.fixtures.accounts",
    "tests.fixtures.clock",
    "tests.fixtures.databases",
    "tests.fixtures.audit",
    "tests.fixtures.pki",
    "tests.fixtures.online_pki",
    "tests.fixtures.dss",
    "tests.fixtures.jades",
    "tests.fixtures.broken_tsas",
    "tests.fixtures.tokens",
    "tests.fixtures.rounds",
    "tests.fixtures.keys",
    "tests.fixtures.signers",
    "tests.fixtures.long_term",
    "tests.fixtures.pdfs",
    "tests.fixtures.documents",
    "tests.fixtures.xades",
    "tests.fixtures.sam",
    "tests.fixtures.served_installation",
    "tests.fixtures.signing",
    "tests.fixtures.vault",
    "tests.fixtures.channels",
    "tests.fixtures.service",
    "tests.fixtures.cmd",
    "tests.fixtures.chromium",
    "tests.fixtures.installations",
]
