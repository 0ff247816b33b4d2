"""Weights from an s3:// URI, with a real server."""

from functools import partial
from importlib import resources

import pytest

from colorworker.errors import WeightsRefused
from colorworker.model.weights import PACKAGED, load, resolve
from colorworker.store.openstore import open_store
from colorworker.store.options import StoreOptions

pytestmark = pytest.mark.integration


def test_weights_load_from_a_bucket_and_are_refused_after_a_change(s3):
    bucket = s3.make_bucket()
    packaged = (resources.files("colorworker.model") / "lite.npz").read_bytes()
    s3.client.put_object(Bucket=bucket, Key="nets/v1/lite.npz", Body=packaged)
    opened = partial(open_store, options=StoreOptions())
    uri = f"s3://{bucket}/nets/v1/lite.npz"

    ref = resolve(f"{uri}#sha256={PACKAGED['lite']}", opened)

    assert (ref.uri, ref.sha256) == (uri, PACKAGED["lite"])
    assert load(ref, opened).bins.shape == (259, 2)
    s3.client.put_object(Bucket=bucket, Key="nets/v1/lite.npz", Body=packaged[:-1])
    with pytest.raises(WeightsRefused, match=r"has SHA-256 .* 1149e9594faf\.\.\. was expected"):
        load(ref, opened)
    with pytest.raises(WeightsRefused, match="there is no such object"):
        resolve(f"s3://{bucket}/nets/v2/lite.npz", opened)
    with pytest.raises(WeightsRefused, match="bucket"):
        resolve("s3://no-such-bucket-here/lite.npz", opened)
