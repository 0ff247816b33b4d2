"""Shared parts of tests: assertions in them are explained like those of tests."""

import pytest

pytest.register_assert_rewrite("tests.storecontract")
