"""Shared parts of tests: assertions in them are explained like those of tests."""

import pytest

pytest.register_assert_rewrite("tests.storecontract")


def pytest_addoption(parser):
    parser.addoption(
        "--rewrite-docs",
        action="store_true",
        help="write tables that tests generate into docs/ instead of only comparing them",
    )
