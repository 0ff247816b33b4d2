"""Connecting to Ray clusters that do not exist."""

import socket

import pytest

from colorworker.errors import UsageError
from colorworker.executors.rayconnect import connect
from tests.ports import free_port


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "[::1]:{}"])
def test_an_address_without_a_cluster_is_refused_at_once_by_name(form):
    address = form.format(free_port())

    with pytest.raises(UsageError, match="no Ray cluster can be reached there") as raised:
        connect(address)

    assert address in str(raised.value)


def test_an_address_that_ray_cannot_parse_is_refused_by_name():
    with pytest.raises(UsageError, match=r"bogus host.*Check RAY_ADDRESS"):
        connect("bogus host")


def test_a_host_that_cannot_be_resolved_is_refused_by_name(monkeypatch):
    def unknown(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)

    with pytest.raises(UsageError, match=r"head:6379.*Name or service"):
        connect("head:6379")
