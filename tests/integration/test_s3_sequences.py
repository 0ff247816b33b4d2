"""Image sequences from one bucket to another."""

from contextlib import ExitStack, closing

from colorworker.domain.options import Options
from colorworker.inputs.listing import list_entries, open_sources
from colorworker.store.openstore import open_store
from tests.jobharness import run_toy_job
from tests.sequences import write_sequence


def test_frames_in_a_bucket_become_frames_in_a_bucket_and_lost_ones_come_back(s3, tmp_path):
    source, target = s3.make_bucket(), s3.make_bucket()
    write_sequence(tmp_path / "in", 12)
    for path in (tmp_path / "in").iterdir():
        s3.client.put_object(Bucket=source, Key=f"reel/{path.name}", Body=path.read_bytes())
    options = Options(sequences="frames", segment_frames=4)

    def run():
        with ExitStack() as stack, closing(open_store(f"s3://{target}")) as destination:
            sources = open_sources(stack, [f"s3://{source}/reel/"], (), (), (), open_store)
            entries = list_entries(sources, options)
            lines = run_toy_job(tmp_path / "in", destination, options, entries=entries)
            return next(iter(lines.values()))

    def frames():
        listed = s3.client.list_objects_v2(Bucket=target, Prefix="scan_")["Contents"]
        return {each["Key"]: each["ETag"] for each in listed}

    first, whole = run(), frames()
    again = run()
    s3.client.delete_object(Bucket=target, Key="scan_0007.png")
    third = run()

    assert [line.error for line in (first, again, third)] == ["", "", ""]
    assert (first.resumed, again.resumed, third.resumed) == (False, True, False)
    assert len(whole) == 12
    assert frames() == whole
