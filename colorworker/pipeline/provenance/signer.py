"""Certificate and key for C2PA manifests, and the library that signs with them."""

import ctypes
import json
from pathlib import Path
from typing import Any, BinaryIO

from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import DependencyMissing, PlaceUnfit, UsageError

_JUMBF = b"application/c2pa"


def sign_detached(builder: Any, signer: Any, output: BinaryIO) -> bytes:
    """Return a manifest that is bound to all bytes of a file of any format.

    The Python package only signs formats that it can embed in. Its C library has these two
    functions for the others (`c2pa.h`).
    """
    from c2pa import c2pa as native

    pointer = ctypes.POINTER(ctypes.c_ubyte)
    handle, void = ctypes.cast(builder._handle, ctypes.c_void_p), ctypes.c_void_p
    reserve = native._lib.c2pa_builder_data_hashed_placeholder
    reserve.restype = ctypes.c_int64
    reserve.argtypes = [void, ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(pointer)]
    sign = native._lib.c2pa_builder_sign_data_hashed_embeddable
    sign.restype = ctypes.c_int64
    sign.argtypes = [void, void, ctypes.c_char_p, ctypes.c_char_p, void, ctypes.POINTER(pointer)]
    found = pointer()
    size = reserve(handle, signer.reserve_size(), _JUMBF, ctypes.byref(found))
    if size < 0:
        raise library().C2paError(native._read_native_error() or "")
    native._lib.c2pa_free(found)
    binding = {"exclusions": [], "name": "jumbf manifest", "alg": "sha256", "hash": "", "pad": []}
    with native.Stream(output) as stream:
        size = sign(
            handle,
            ctypes.cast(signer._handle, void),
            json.dumps(binding).encode(),
            _JUMBF,
            ctypes.cast(stream._stream, void),
            ctypes.byref(found),
        )
    if size < 0:
        raise library().C2paError(native._read_native_error() or "")
    data = ctypes.string_at(found, size)
    native._lib.c2pa_free(found)
    return data


def open_signer(settings: WorkerSettings) -> Any:
    """Return the signer of this machine.

    Raises:
        UsageError: If certificate or key is missing or cannot be used.
    """
    c2pa = library()
    chain = _read("COLORWORKER_C2PA__CERTIFICATE", settings.c2pa_certificate)
    key, algorithm = _private_key(_read("COLORWORKER_C2PA__KEY", settings.c2pa_key))
    url = settings.c2pa_timestamp_url
    info = c2pa.C2paSignerInfo(
        getattr(c2pa.C2paSigningAlg, algorithm), chain, key, url.encode() if url else None
    )
    try:
        return c2pa.Signer.from_info(info)
    except c2pa.C2paError as error:
        seen = f"C2PA does not accept it ({error})"
        raise unfit("COLORWORKER_C2PA__CERTIFICATE", seen) from error


def _private_key(data: bytes) -> tuple[bytes, str]:
    """Return a key as PKCS #8, which C2PA requires, and its algorithm. Errors name no bytes of it.

    Raises:
        PlaceUnfit: If it is encrypted, or of a kind that C2PA does not allow.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    name = "COLORWORKER_C2PA__KEY"
    try:
        key = serialization.load_pem_private_key(data, None)
    except (TypeError, ValueError):
        # The cause is left out: its text may repeat a part of the file.
        raise unfit(name, "is not an unencrypted private key in PEM") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in {256, 384, 521}:
        algorithm = {256: "ES256", 384: "ES384", 521: "ES512"}[key.key_size]
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ED25519"
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm = "PS256"
    else:
        raise unfit(name, "is of a kind that C2PA does not allow")
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, algorithm


def _read(name: str, path: Path | None) -> bytes:
    if path is None:
        raise UsageError("--c2pa", f"{name} is not set", "Set it to the path of a PEM file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise unfit(name, f"{path} cannot be read ({error.strerror})") from error


def unfit(name: str, seen: str) -> PlaceUnfit:
    """Return the error of a machine that cannot sign."""
    return PlaceUnfit(name, seen, "See docs/provenance.md for what C2PA requires")


def library() -> Any:
    """Return the package `c2pa`.

    Raises:
        DependencyMissing: If it is not installed or does not load.
    """
    try:
        import c2pa
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        raise DependencyMissing(
            "c2pa",
            "is not installed" if missing else f"does not load ({error})",
            "Install it: pip install 'colorworker[c2pa]'",
        ) from error
    return c2pa
