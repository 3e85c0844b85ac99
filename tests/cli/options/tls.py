"""Rows of the options about TLS: what was agreed on with a peer, who we were to it, and whom we believed."""

from __future__ import annotations

import functools
import os
import ssl
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from dicomnet.drivers.tls import Recipe, server_context
from dicomnet.keystores import Identity, load_identity, load_trust
from dicomnet.keystores.jks import write_jks
from tests.certificates import Authority
from ups.cli.tls_options import SYSTEM

from .stage import Played, Stage, bad, row

GET = "get S -iuid 1.2"
_FOLDER = tempfile.TemporaryDirectory(prefix="tls-options-")
"""For this process, and gone with it."""


@dataclass(frozen=True)
class Keys:
    """One authority; whom it signed for, in PEM with their keys."""

    folder: Path
    signer: Authority

    @property
    def authority(self) -> Path:
        return self.signer.certificate

    def pem(self, name: str) -> Path:
        return self.folder / f"{name}.joined"

    def identity(self, name: str) -> Identity:
        return load_identity(self.pem(name).read_bytes())

    def key(self, name: str) -> tuple[str, bytes, tuple[bytes, ...]]:
        """As ``write_jks`` takes it."""
        identity = self.identity(name)
        key = serialization.load_pem_private_key(identity.key, None)
        form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return name, key.private_bytes(*form), identity.chain

    def pkcs12(self, name: str, password: str) -> bytes:
        identity = self.identity(name)
        key = serialization.load_pem_private_key(identity.key, None)
        lock = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).build(password.encode())
        certificate = x509.load_der_x509_certificate(identity.chain[0])
        return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, lock)  # type: ignore[arg-type]

    def trust_jks(self, password: str) -> bytes:
        return write_jks(password, trusted=[("ca", *load_trust(self.authority.read_bytes()).certificates)])


@functools.cache
def keys() -> Keys:
    """Made once in this process."""
    folder = Path(_FOLDER.name)
    authority = Authority(folder, "authority")
    for name, host in (("peer", None), ("one", None), ("two", None), ("elsewhere", "elsewhere.invalid")):
        identity = authority.identity(name, host=host)
        joined = folder / f"{name}.joined"
        joined.touch(mode=0o600)
        joined.write_bytes(identity.joined)
    return Keys(folder, authority)


def peer(profile: str | Recipe = "bcp195", *, shows: str = "peer", asks: str = "accept") -> ssl.SSLContext:
    """What the peer secures itself with; it looks at certificates, and takes none as well."""
    return server_context(
        profile,
        certificate=keys().pem(shows),
        trust=keys().authority,
        client_certificates=asks,  # type: ignore[arg-type]
    )


def old_peer() -> ssl.SSLContext:
    """One that has nothing newer than TLS 1.1."""
    context = peer("aes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def play(stage: Stage, words: str, tls: ssl.SSLContext | None = None, *, trust: bool = True, status: int = 0) -> Played:
    """One command with our keys, unless it says others."""
    if trust:
        words = f"{words} -truststore {keys().authority}"
    if "-keystore " not in words and "--keystore " not in words:
        words = f"{words} -keystore {keys().pem('one')}"
    return stage.play(f"{GET} {words}", tls=tls or peer(), status=status)


# -- suites and versions ---------------------------------------------------------------------------------------------


@row("-tls")
def suites(stage: Stage, name: str) -> None:
    assert play(stage, f"{name} AES").secured == "TLSv1.3 TLS_AES_256_GCM_SHA384"
    assert play(stage, f"{name} AES", peer("bcp195-extended")).secured == "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"
    assert play(stage, f"{name} AES", peer("aes")).secured == "TLSv1.2 AES128-SHA"
    played = play(stage, f"{name} NULL", peer("null"))
    assert played.secured == "TLSv1.2 NULL-SHA"
    assert f"warning: {name} NULL: nothing is secret on this connection" in played.err
    play(stage, f"{name} NULL", peer("aes"), status=2)
    play(stage, f"{name} AES", peer("null"), status=2)
    play(stage, f"{name} AES", old_peer(), status=2)
    assert stage.play(GET).secured == ""


bad("-tls", "find S {} BEST", ": 'BEST' is none of NULL, 3DES, AES")
bad("-tls", "find S {} aes", ": 'aes' is none of NULL, 3DES, AES")
bad("-tls", "find S {} AES --tls-profile aes", " and --tls-profile exclude each other")
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers("DES-CBC3-SHA:@SECLEVEL=2")
except ssl.SSLError:
    version = " ".join(ssl.OPENSSL_VERSION.split()[:2])
    bad("-tls", "find S {} 3DES", f" 3DES: this {version} cannot do it; the nearest choice is -tls AES")


@row("--tls-profile")
def profile(stage: Stage, name: str) -> None:
    for chosen, theirs, secured in (
        ("bcp195", "bcp195", "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        ("bcp195-nd", "bcp195-extended", "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"),
        ("bcp195-extended", "bcp195", "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"),
        ("aes", "aes", "TLSv1.2 AES128-SHA"),
        ("null", "null", "TLSv1.2 NULL-SHA"),
    ):
        assert play(stage, f"{name} {chosen}", peer(theirs)).secured == secured
    play(stage, f"{name} bcp195", peer("aes"), status=2)
    played = play(stage, f"{name} aes", old_peer())
    assert played.secured == "TLSv1.1 AES128-SHA"
    assert f"warning: {name} aes: TLS 1.0 and 1.1 are allowed" in played.err


bad("--tls-profile", "find S {} best", ": there is no profile 'best', only bcp195, ")
bad("--tls-profile", "find S -tls1 {} aes", " exclude each other: a profile has versions of its own")


@row("--no-tls")
def no_tls(stage: Stage, name: str) -> None:
    stage.monkeypatch.setenv("DCMUPS_TLS", "AES")
    stage.monkeypatch.setenv("DCMUPS_TRUSTSTORE", str(keys().authority))
    assert play(stage, "", trust=False).secured
    played = stage.play(f"{GET} {name}")
    assert (played.status, played.secured, played.err) == (0, "", "dcmups: get: done\n")


@row("-tls1")
def tls1(stage: Stage, name: str) -> None:
    play(stage, "-tls AES", old_peer(), status=2)
    played = play(stage, f"-tls AES {name}", old_peer())
    assert played.secured == "TLSv1.1 AES128-SHA"
    assert f"warning: {name}: TLS 1.0 and 1.1 are allowed" in played.err
    assert play(stage, f"-tls AES {name}").secured.startswith("TLSv1.3 ")


@row("-ssl3")
def ssl3(stage: Stage, name: str) -> None:
    played = stage.run(f"{GET} -tls AES {name}")
    assert played.status == 1
    assert played.err.startswith(
        f"dcmups: {name}: OpenSSL has no SSLv3 any more; the nearest is -tls1, from TLS 1.0 on\n"
    )


@row("-no_tls1")
def no_tls1(stage: Stage, name: str) -> None:
    assert play(stage, "--tls-profile aes", old_peer()).secured.startswith("TLSv1.1 ")
    play(stage, f"--tls-profile aes {name}", old_peer(), status=2)
    played = play(stage, f"--tls-profile aes {name}", peer("aes"))
    assert played.secured == "TLSv1.2 AES128-SHA"
    assert "TLS 1.0" not in played.err
    assert stage.run(f"{GET} -tls AES -tls1 {name}").err.startswith(f"dcmups: -tls1 and {name} exclude each other\n")


def nothing_to_do(stage: Stage, name: str) -> None:
    """What it forbids is never there; and it excludes its opposite."""
    assert play(stage, f"-tls AES {name}").secured.startswith("TLSv1.3 ")
    assert play(stage, f"-tls AES {name}", peer("aes")).secured.startswith("TLSv1.2 ")
    assert stage.run(f"{GET} -tls AES -ssl3 {name}").err.startswith(f"dcmups: -ssl3 and {name} exclude each other\n")


row("-no_ssl2")(nothing_to_do)
row("-no_ssl3")(nothing_to_do)


# -- who we are ------------------------------------------------------------------------------------------------------


@row("-noclientauth")
def no_client_auth(stage: Stage, name: str) -> None:
    assert play(stage, "-tls AES").shown == "one"
    played = play(stage, f"-tls AES {name} -keystore /nonexistent --key-alias x")
    assert played.shown == ""
    for unused in ("-keystore", "--key-alias"):
        assert f"warning: {unused} has no effect with -noclientauth" in played.err
    play(stage, f"-tls AES {name}", peer(asks="require"), status=2)


@row("-keystore")
def key_store(stage: Stage, name: str) -> None:
    both = keys()
    stores = {"x.pem": both.pem("two").read_bytes(), "x.p12": both.pkcs12("two", "secret")}
    stores["x.jks"] = write_jks("secret", keys=[both.key("two")])
    for content in stores.values():
        path = stage.file("store", content)  # of which the name says nothing
        path.chmod(0o600)
        played = play(stage, f"-tls AES {name} {path}")
        assert played.shown == "two"
        assert played.err == "dcmups: get: done\n"
        path.chmod(0o644)
        assert f"warning: others can read the private key in {path}" in play(stage, f"-tls AES {name} {path}").err
    assert play(stage, f"-tls AES {name} file:{path}").shown == "two"
    # By default, and by its name, it is a test key, whom only its like believe.
    played = play(stage, f"-tls AES {name} resource:tls/test_sys_1.p12", peer(asks="none"))
    folder = f"{os.environ['XDG_DATA_HOME']}/dicomnet/tls"
    assert f"warning: these are test keys, which prove nothing to others: {folder}" in played.err


bad("-keystore", "find S -tls AES {} /nonexistent", ": cannot read /nonexistent: No such file or directory")
bad("-keystore", "find S -tls AES {} /dev/null", ": /dev/null is empty")
bad("-keystore", "find S -tls AES {} /dev/zero", ": /dev/zero is larger than 8388608 bytes")
bad("-keystore", "find S -tls AES {} /etc/passwd", ": /etc/passwd is neither JKS nor PKCS#12 nor PEM")
bad("-keystore", "find S -tls AES {} ftp://x/y", ": ftp://x/y: only file:, http: and https: URLs can be read")
bad("-keystore", "find S -tls AES {} resource:tls/x", ": there is no resource:tls/x, only resource:tls/test_sys_1.p12")


@row("-keystorepw")
def key_store_password(stage: Stage, name: str) -> None:
    path = stage.file("us.p12", keys().pkcs12("two", "pässword"))
    played = play(stage, f"-tls AES -keystore {path} {name} pässword")
    assert played.shown == "two"
    assert f"warning: others can see what is behind {name} in the list of processes; {name} - asks" in played.err
    assert "pässword" not in played.err
    stage.monkeypatch.setenv("DCMUPS_KEYSTORE_PASSWORD", "pässword")
    played = play(stage, f"-tls AES -keystore {path}")
    assert played.shown == "two"
    assert "list of processes" not in played.err


@row("--keystore-password-file")
def key_store_password_file(stage: Stage, name: str) -> None:
    path, word = stage.file("us.p12", keys().pkcs12("two", "geheim")), stage.file("word", "geheim\r\nanother\n")
    word.chmod(0o600)
    path.chmod(0o600)
    played = play(stage, f"-tls AES -keystore {path} {name} {word}")
    assert (played.shown, played.err) == ("two", "dcmups: get: done\n")
    word.chmod(0o640)
    assert f"others can read the password in {word}" in play(stage, f"-tls AES -keystore {path} {name} {word}").err


@row("-keypw")
def key_password(stage: Stage, name: str) -> None:
    path = stage.file("us.jks", write_jks("secret", keys=[keys().key("two")], key_password="geheim"))
    assert play(stage, f"-tls AES -keystore {path} {name} geheim").shown == "two"
    played = stage.run(f"{GET} -tls AES -keystore {path}")
    assert played.status == 1
    assert f"the password of the key 'two' of {path} is wrong; --key-password-file gives it" in played.err


@row("--key-password-file")
def key_password_file(stage: Stage, name: str) -> None:
    path = stage.file("us.jks", write_jks("secret", keys=[keys().key("two")], key_password="geheim"))
    assert play(stage, f"-tls AES -keystore {path} {name} {stage.file('word', 'geheim')}").shown == "two"


@row("--key-alias")
def key_alias(stage: Stage, name: str) -> None:
    path = stage.file("us.jks", write_jks("secret", keys=[keys().key("one"), keys().key("two")]))
    for alias in ("one", "two"):
        assert play(stage, f"-tls AES -keystore {path} {name} {alias}").shown == alias
    played = stage.run(f"{GET} -tls AES -keystore {path}")
    assert f"dcmups: -keystore: {path} has 2 private keys; say which by its alias: 'one', 'two'\n" in played.err


bad("--key-alias", "find S -tls AES {} x", ": resource:tls/test_sys_1.p12 has no private key with the alias 'x'")


# -- whom we believe -------------------------------------------------------------------------------------------------


@row("-truststore")
def trust_store(stage: Stage, name: str) -> None:
    for content in (keys().authority.read_bytes(), keys().trust_jks("secret")):
        path = stage.file("store", content)
        assert play(stage, f"-tls AES {name} {path}", trust=False).secured
    strange = Authority(stage.folder, "strange").certificate
    played = play(stage, f"-tls AES {name} {strange}", trust=False, status=2)
    assert "the certificate of the peer was not accepted: self-signed certificate in certificate chain" in played.err
    played = play(stage, f"-tls AES {name} resource:tls/mesa_certs.jks", trust=False, status=2)
    assert "test keys" in played.err
    play(stage, f"-tls AES {name} {SYSTEM}", trust=False, status=2)
    stage.monkeypatch.setenv("SSL_CERT_FILE", str(keys().authority))
    assert play(stage, f"-tls AES {name} {SYSTEM}", trust=False).secured


bad("-truststore", "find S -tls AES {} /nonexistent", ": cannot read /nonexistent: No such file or directory")
bad("-truststore", "find S -tls AES {} /etc/passwd", ": /etc/passwd is neither JKS nor PKCS#12 nor PEM")
bad(
    "-truststore", "find S -tls AES {} resource:tls/test_sys_1.p12", ": resource:tls/test_sys_1.p12 holds a private key"
)


@row("-truststorepw")
def trust_store_password(stage: Stage, name: str) -> None:
    path = stage.file("ca.jks", keys().trust_jks("changeit"))
    assert play(stage, f"-tls AES -truststore {path} {name} changeit", trust=False).secured
    played = stage.run(f"{GET} -tls AES -truststore {path} -keystore {keys().pem('one')}")
    assert played.status == 1
    assert "somebody has changed the file; --truststore-password-file gives it" in played.err


@row("--truststore-password-file")
def trust_store_password_file(stage: Stage, name: str) -> None:
    path, word = stage.file("ca.jks", keys().trust_jks("changeit")), stage.file("word", "changeit\n")
    assert play(stage, f"-tls AES -truststore {path} {name} {word}", trust=False).secured


@row("--tls-check-name")
def check_name(stage: Stage, name: str) -> None:
    assert play(stage, "-tls AES", peer(shows="elsewhere")).secured
    assert play(stage, f"-tls AES {name}").secured
    played = play(stage, f"-tls AES {name}", peer(shows="elsewhere"), status=2)
    assert "certificate is not valid for '127.0.0.1'" in played.err


for short, file in (
    ("-keystorepw", "--keystore-password-file"),
    ("-truststorepw", "--truststore-password-file"),
    ("-keypw", "--key-password-file"),
):
    unreadable = "cannot read a password from"
    bad(short, f"find S -tls AES {{}} wrong {file} x", f" and {file} exclude each other")
    bad(file, "find S -tls AES {} /nonexistent", f": {unreadable} /nonexistent: No such file or directory")
    bad(file, "find S -tls AES {} /dev/zero", f": {unreadable} /dev/zero: its first line is longer than")
for short, says in (
    ("-keystorepw", ": resource:tls/test_sys_1.p12: the password is wrong, or the file is damaged"),
    ("-truststorepw", ": the password of resource:tls/mesa_certs.jks is wrong, or somebody has changed the file"),
):
    bad(short, "find S -tls AES {} wrong", says)
