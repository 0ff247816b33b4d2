"""Predictions in another process; here its service runs on a thread, with a toy colorizer."""

import socket
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.errors import PlaceFailed, WeightsRefused
from colorworker.executors.remotecolorizer import ColorizerService, RemoteColorizers
from colorworker.pipeline.unitprogress import UnitProgress
from tests.toycolorizer import ToyColorizer

SETTINGS = Options().prediction_settings
LIGHTNESS = np.linspace(0, 100, 2 * 32 * 48, dtype=np.float32).reshape(2, 32, 48)


@contextmanager
def service(answering, make=lambda _: ToyColorizer()):
    serving = ColorizerService(make, UnitProgress())
    thread = threading.Thread(target=serving.serve, args=(answering,))
    thread.start()
    yield
    answering.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def sockets():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with pair[0], pair[1]:
        yield pair


def test_a_remote_colorizer_predicts_like_the_one_it_stands_for(sockets):
    asking, answering = sockets
    wanted = []
    colorizer = RemoteColorizers(asking, UnitProgress(), lambda: wanted.append(1))(SETTINGS)

    with service(answering):
        shape = colorizer.working_shape(480, 640)
        chroma = colorizer.predict(LIGHTNESS)

    assert shape == ToyColorizer().working_shape(480, 640)
    np.testing.assert_array_equal(chroma, ToyColorizer().predict(LIGHTNESS))
    assert wanted == [1]


def test_errors_of_the_network_are_raised_in_the_worker(sockets, caplog):
    asking, answering = sockets
    errors = iter([WeightsRefused("lite", "cannot be read"), ZeroDivisionError("oops")])

    def make(_):
        raise next(errors)

    colorizer = RemoteColorizers(asking, UnitProgress(), lambda: None)(SETTINGS)
    with service(answering, make):
        with pytest.raises(WeightsRefused, match="lite: cannot be read"):
            colorizer.predict(LIGHTNESS)
        with pytest.raises(RuntimeError, match="ZeroDivisionError: oops"):
            colorizer.predict(LIGHTNESS)

    assert "a prediction failed" in caplog.text


def die(answering, *, begun):
    """Take a request like a process that then dies."""
    _, (descriptor,), _, _ = socket.recv_fds(answering, 1, 1)
    from multiprocessing.connection import Connection

    with Connection(descriptor) as connection:
        connection.recv()
        if begun:
            connection.send("begun")


def test_a_request_that_was_not_begun_is_sent_to_the_next_process(sockets):
    asking, answering = sockets
    wanted = []
    colorizer = RemoteColorizers(asking, UnitProgress(), lambda: wanted.append(1))(SETTINGS)
    dying = threading.Thread(target=die, args=(answering,), kwargs={"begun": False})
    dying.start()
    answers = []
    asking_thread = threading.Thread(target=lambda: answers.append(colorizer.predict(LIGHTNESS)))
    asking_thread.start()
    dying.join()
    with service(answering):
        asking_thread.join()

    np.testing.assert_array_equal(answers[0], ToyColorizer().predict(LIGHTNESS))
    assert wanted == [1, 1]


def test_a_prediction_that_kills_the_process_is_not_repeated(sockets):
    asking, answering = sockets
    colorizer = RemoteColorizers(asking, UnitProgress(), lambda: None)(SETTINGS)
    dying = threading.Thread(target=die, args=(answering,), kwargs={"begun": True})
    dying.start()

    with pytest.raises(PlaceFailed, match="its process died"):
        colorizer.predict(LIGHTNESS)
    dying.join()
