import json

import pytest

from colorworker.model.architectures import NAMES, Architecture, architecture_from_json
from colorworker.model.layout import array_shapes
from colorworker.model.weights import MAX_FILE_BYTES


def parameters(architecture, bins=259):
    """Return the number of values in a weights file."""
    return sum(
        shape[0] * (shape[1] if len(shape) > 1 else 1) * (shape[2] * shape[3] if shape[3:] else 1)
        for shape in array_shapes(architecture, bins).values()
    )


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(),
        Architecture("efficientnetv2s", width=2.0, backbone="imagenet"),
        Architecture("koala", backbone="s3://b/w.h5", backbone_sha256="ab", embedding_pixels=75),
    ],
)
def test_an_architecture_survives_a_json_round_trip(architecture):
    assert architecture_from_json(architecture.to_json()) == architecture


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not a JSON object"),
        ("{", "Expecting"),
        ('{"name": "vgg"}', "no architecture 'vgg', only lite, efficientnetv2s, koala"),
        ('{"name": 3}', "name is 3, not a str"),
        ('{"width": true}', "width is True, not a float"),
        ('{"width": 1e9}', "width is 1000000000.0, not in"),
        ('{"width": NaN}', "width is nan"),
        ('{"pixels": 225}', "not a multiple of 32"),
        ('{"embedding_pixels": 74}', "embedding_pixels is 74, not in"),
        ('{"depth": 1}', "does not know the field 'depth'"),
    ],
)
def test_invalid_architectures_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        architecture_from_json(text)


def test_only_fields_that_differ_from_the_default_are_written():
    assert json.loads(Architecture().to_json()) == {"name": "lite"}


def test_the_origin_of_a_backbone_does_not_distinguish_networks():
    assert Architecture("lite").matches(Architecture("lite", backbone="lite"))
    assert not Architecture("lite").matches(Architecture("lite", width=0.5))
    assert not Architecture("lite").matches(Architecture("koala"))


def test_koala_networks_differ_by_branch_and_size():
    trained = Architecture("koala", backbone_sha256="ab")

    assert trained.matches(Architecture("koala", backbone="imagenet"))
    assert not trained.matches(Architecture("koala", backbone_sha256="cd"))
    assert not trained.matches(Architecture("koala", pixels=128))


def test_the_table_entry_of_koala_names_an_untrained_branch():
    assert str(Architecture("koala")) == "koala, Inception branch untrained"
    assert str(Architecture("koala", backbone="imagenet")).endswith("branch imagenet")
    assert str(Architecture("lite", width=0.5)) == "lite x0.5"


def test_networks_have_the_published_sizes():
    # 20,331,360 of keras.applications.EfficientNetV2S(include_top=False), less two input channels
    # of the stem; 20,177,504 of them are trainable.
    encoder = {
        name: shape
        for name, shape in array_shapes(Architecture("efficientnetv2s"), 1).items()
        if name.startswith("encoder/")
    }
    count = 0
    for shape in encoder.values():
        size = 1
        for side in shape:
            size *= side
        count += size

    assert count == 20_331_360 - 2 * 9 * 24
    assert parameters(Architecture("koala")) == 4_696_098


def test_the_largest_network_fits_the_size_limit_of_files():
    largest = max(parameters(Architecture(name, width=8.0)) for name in NAMES)

    assert largest * 4 < MAX_FILE_BYTES
