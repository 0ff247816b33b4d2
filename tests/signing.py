"""Certificates and keys for C2PA manifests, as an archive makes them for itself."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Signing:
    """Paths of a certificate with its chain, and of its key."""

    certificate: Path
    key: Path

    @property
    def settings(self):
        return {"c2pa_certificate": self.certificate, "c2pa_key": self.key}


def make_signing(folder):
    """Write a certificate of an own authority, and its key, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Town Archive Root", root_key, "Town Archive Root", root_key)
    leaf = _certificate("Town Archive", key, "Town Archive Root", root_key)
    pem = serialization.Encoding.PEM
    made = Signing(folder / "chain.pem", folder / "key.pem")
    made.certificate.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    made.key.write_bytes(private_pem(key))
    return made


def private_pem(key, password=None):
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    # The older of the two forms, which C2PA itself does not read.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def _name(text):
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Town Archive")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key):
    is_root = subject == issuer
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(_name(issuer), _name(subject), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 30 * DAY)
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(_usage(is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not is_root:
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(is_root):
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
