"""Settings are read from the environment; invalid values are refused by name."""

import pytest

from colorworker.domain.models import ModelChoice
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import UsageError
from colorworker.settings import S3Settings, Settings, load_settings
from colorworker.store.options import S3Options


def test_every_s3_option_can_be_set_and_has_the_same_default():
    assert S3Options(**S3Settings().model_dump()) == S3Options()


def test_every_worker_setting_can_be_set_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("COLORWORKER_MEDIA__MAX_PIXELS", "1000")
    monkeypatch.setenv("COLORWORKER_MEDIA__REPEAT_DAMAGED", "true")
    monkeypatch.setenv("COLORWORKER_MEDIA__NVDEC", "true")
    monkeypatch.setenv("COLORWORKER_RUN__SCRATCH", str(tmp_path))
    monkeypatch.setenv("COLORWORKER_RUN__MIN_FREE_BYTES", "5000")
    monkeypatch.setenv("COLORWORKER_RUN__KEEP_PARTS", "true")
    monkeypatch.setenv("COLORWORKER_RUN__GPU_MEMORY_BYTES", "7000")
    monkeypatch.setenv("COLORWORKER_RUN__VERIFY_PARTS", "false")

    settings = load_settings().worker_settings()

    assert settings == WorkerSettings(
        max_pixels=1000,
        scratch=tmp_path,
        min_free_bytes=5000,
        keep_parts=True,
        verify_parts=False,
        repeat_damaged=True,
        nvdec=True,
        gpu_memory_bytes=7000,
    )


def test_worker_settings_have_the_same_defaults_in_the_environment():
    assert Settings().worker_settings() == WorkerSettings()


def test_s3_options_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("COLORWORKER_S3__ENDPOINT_URL", "https://s3.archive.example:8333")
    monkeypatch.setenv("COLORWORKER_S3__ADDRESSING_STYLE", "path")
    monkeypatch.setenv("COLORWORKER_S3__REQUEST_PAYER", "true")

    options = S3Options(**load_settings().s3.model_dump())

    assert options.endpoint_url == "https://s3.archive.example:8333"
    assert options.addressing_style == "path"
    assert options.request_payer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT_URL", "s3.archive.example"),
        ("KMS_KEY", "key-without-encryption"),
        ("STORAGE_CLASS", "cold storage"),
        ("TAGS", "restoration"),
        ("CHECKSUMS", "never"),
        ("PART_BYTES", "1000"),
        ("ATTEMPTS", "0"),
        ("OUTAGE_SECONDS", "-1"),
    ],
)
def test_an_invalid_value_is_refused_with_the_name_of_its_variable(monkeypatch, name, value):
    monkeypatch.setenv(f"COLORWORKER_S3__{name}", value)

    with pytest.raises(UsageError, match=f"COLORWORKER_S3__{name}"):
        load_settings()


@pytest.mark.parametrize(
    ("model", "vividness"),
    [
        (ModelChoice("lite"), 0.8),
        (ModelChoice("net.onnx"), 1.0),
        (ModelChoice("net.onnx#sha256=" + "0" * 64), 1.0),
        (ModelChoice("s3://nets/saved/"), 1.0),
        (ModelChoice("a.onnx", second="b.keras", share=0.5), 1.0),
        (ModelChoice("a.onnx", second="lite", share=0.5), 0.8),
    ],
)
def test_chroma_of_other_networks_is_not_scaled_unless_vividness_is_set(
    monkeypatch, model, vividness
):
    assert Settings().options(model=model).vividness == vividness
    monkeypatch.setenv("COLORWORKER_MODEL__VIVIDNESS", "0.8")
    assert Settings().options(model=model).vividness == 0.8


def test_networks_can_be_named_in_the_environment(monkeypatch):
    monkeypatch.setenv("COLORWORKER_MODEL__NAME", "net.onnx")
    monkeypatch.setenv("COLORWORKER_MODEL__PROFILE", "ddcolor")

    assert Settings().chosen_model() == ModelChoice("net.onnx", "ddcolor")
    assert Settings().chosen_model(["a.onnx", "lite"], blend=0.5) == ModelChoice(
        "a.onnx", "ddcolor", "lite", 0.5
    )
