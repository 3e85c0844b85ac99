"""The stores that -keystore and -truststore name, opened: found, read, unlocked with whatever passwords there are.

Without a word the password is ``secret``, as it was in the tool this one takes the place of; where that does not open a
store and somebody sits at the terminal, it is asked for. ``resource:`` names are the test keys of this user, which are
made when they are first needed. Nothing here knows of connections.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

from dicomnet.keystores import (
    AliasError,
    Identity,
    KeyStoreError,
    PasswordError,
    Trust,
    load_identity,
    load_trust,
    provisional,
    sources,
    validity,
)
from dicomnet.records import dataclass, field
from ups.cli.folders import data_folder
from ups.cli.passwords import Password, ask, is_interactive
from ups.cli.tls_options import TlsWishes
from ups.cli.words import UsageError

__all__ = ["Stores"]

_RESOURCE = "resource:"
_RESOURCES = {f"tls/{name}": name for name in (provisional.KEY_STORE, provisional.TRUST_STORE)}
_DEFAULT = "secret"
_FILE_OPTIONS = {
    "key_store_password": "--keystore-password-file",
    "key_password": "--key-password-file",
    "trust_store_password": "--truststore-password-file",
}

_Which: TypeAlias = Literal["key_store", "trust_store"]
T = TypeVar("T", Identity, Trust)


@dataclass(slots=True)
class Stores:
    """Opens the stores of one command; ``warnings`` are what the user should know of them."""

    wishes: TlsWishes
    warnings: list[str] = field(default_factory=list)

    def identity(self) -> Identity:
        """Our key and its certificates.

        Raises:
            UsageError: the key store cannot be used.
        """
        wishes, where = self.wishes, self.wishes.key_store
        data = self._read("key_store")

        def load(passwords: dict[str, str | None]) -> Identity:
            store, key = passwords["key_store_password"], passwords["key_password"]
            return load_identity(data, where, password=store, key_password=key, alias=wishes.key_alias)

        identity = self._open("key_store", load, {"store": "key_store_password", "key": "key_password"})
        self._check_dates(identity, where)
        return identity

    def trust(self) -> Trust:
        """Whom to believe.

        Raises:
            UsageError: the trust store cannot be used.
        """
        where = self.wishes.trust_store
        data = self._read("trust_store")

        def load(passwords: dict[str, str | None]) -> Trust:
            return load_trust(data, where, password=passwords["trust_store_password"])

        return self._open("trust_store", load, {"store": "trust_store_password"})

    def _open(self, which: _Which, load: Callable[[dict[str, str | None]], T], places: dict[str, str]) -> T:
        """Try with what was given, and the default; then with what somebody at the terminal knows."""
        option = self.wishes.called(which)
        passwords = {place: self._given(place) for place in places.values()}
        if passwords[places["store"]] is None:
            passwords[places["store"]] = _DEFAULT
        asked: set[str] = set()
        while True:
            try:
                return load(passwords)
            except PasswordError as error:
                place = places[error.of]
                if self._password(place) is not None:
                    raise UsageError(f"{self.wishes.called(place)}: {error}") from error
                if place in asked:
                    raise UsageError(f"{option}: {error}") from error
                if not is_interactive():
                    raise UsageError(f"{option}: {error}; {_FILE_OPTIONS[place]} gives it") from error
                asked.add(place)
                whose = "the key in " if error.of == "key" else ""
                passwords[place] = ask(whose + getattr(self.wishes, which))
            except AliasError as error:
                raise UsageError(f"{self.wishes.called('key_alias')}: {error}") from error
            except KeyStoreError as error:
                raise UsageError(f"{option}: {error}") from error

    def _password(self, place: str) -> Password | None:
        found: Password | None = getattr(self.wishes, place)
        return found

    def _given(self, place: str) -> str | None:
        password = self._password(place)
        if password is None:
            return None
        store = self.wishes.trust_store if place.startswith("trust") else self.wishes.key_store
        whose = "the key in " if place == "key_password" else ""
        try:
            text, warnings = password.reveal(whose + store)
        except UsageError as error:
            raise UsageError(f"{self.wishes.called(place)}: {error}") from error
        self.warnings += warnings
        if password.text is not None and f"tls_{place}" in self.wishes.spelling:
            name = self.wishes.called(place)
            self.warnings.append(f"others can see what is behind {name} in the list of processes; {name} - asks for it")
        return text

    def _read(self, which: _Which) -> bytes:
        where: str = getattr(self.wishes, which)
        try:
            if where.startswith(_RESOURCE):
                where = self._resource(where.removeprefix(_RESOURCE))
            elif where.lower().startswith("http:"):
                self.warnings.append(f"{self.wishes.called(which)} {where}: anybody on its way can change what comes")
            data = sources.read(where)
            if which == "key_store":
                self._check_private(where)
        except KeyStoreError as error:
            raise UsageError(f"{self.wishes.called(which)}: {error}") from error
        return data

    def _check_private(self, where: str) -> None:
        if sources.is_remote(where):
            return
        try:
            shared = os.stat(sources.path_of(where)).st_mode & 0o077
        except OSError:  # it has gone since it was read
            return
        if shared:
            self.warnings.append(f"others can read the private key in {where}")

    def _check_dates(self, identity: Identity, where: str) -> None:
        """Peers refuse a certificate that is not good now, and do not always say why."""
        try:
            begin, end = validity(identity.chain[0])
        except ValueError:  # for OpenSSL to refuse
            return
        now = datetime.datetime.now(datetime.UTC)
        if now < begin:
            self.warnings.append(f"our certificate in {where} is not valid before {begin:%Y-%m-%d %H:%M} UTC")
        if now > end:
            self.warnings.append(f"our certificate in {where} expired on {end:%Y-%m-%d %H:%M} UTC")

    def _resource(self, name: str) -> str:
        """The path of a test store, which is made if it is not there."""
        if name not in _RESOURCES:
            known = " and ".join(_RESOURCE + name for name in _RESOURCES)
            raise KeyStoreError(f"there is no {_RESOURCE}{name}, only {known}")
        folder = data_folder() / "tls"
        made = provisional.provide(folder)
        line = f"these are test keys, which prove nothing to others: {folder}{' (just made)' if made else ''}"
        if not any(folder.name in warning and "test keys" in warning for warning in self.warnings):
            self.warnings.append(line)
        return str(folder / _RESOURCES[name])
