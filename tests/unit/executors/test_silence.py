from colorworker.executors.silence import Silence, stalled


def looks(*times):
    """Return the silence after each look."""
    clock = iter([0.0, *times]).__next__
    silence = Silence(clock)
    return [silence.seconds() for _ in times]


def test_silence_grows_with_time_and_ends_with_a_sign():
    clock = iter([0.0, 1.0, 3.0, 4.0, 4.5]).__next__
    silence = Silence(clock)

    grown = [silence.seconds(), silence.seconds()]
    silence.begin(0.25)

    assert (grown, silence.seconds()) == ([1.0, 3.0], 0.75)


def test_time_in_which_nobody_looked_does_not_count():
    assert looks(1.0, 7201.0, 7202.0) == [1.0, 6.0, 7.0]


def test_a_stall_names_its_bound():
    assert stalled(900.0) == "made no progress for 900 s (COLORWORKER_RUN__UNIT_STALL_SECONDS)"
