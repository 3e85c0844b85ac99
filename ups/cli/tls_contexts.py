"""TLS contexts of what the user wants: what each choice means, and that it is exactly what was asked for.

What OpenSSL cannot do here is refused in one line that names the nearest choice, before anything is sent.
"""

from __future__ import annotations

import ssl

from dicomnet.drivers.tls import (
    RECIPES,
    ClientCertificates,
    Profile,
    Recipe,
    TlsSetupFailed,
    client_context,
    server_context,
)
from dicomnet.keystores import Identity, Trust
from dicomnet.records import dataclass, replace
from ups.cli.console import Console
from ups.cli.stores import Stores
from ups.cli.tls_options import KEY_PLACES, SYSTEM, TRUST_PLACES, TlsWishes
from ups.cli.words import UsageError

__all__ = ["SUITES", "Material", "make_contexts", "open_stores", "recipe_of"]

_V1_0, _V1_2, _V1_3 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
# Level 2 refuses weak certificates. TLS 1.0 and NULL exist at level 0 only.
_AES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:AES128-SHA"
)
SUITES = {
    "AES": Recipe(f"{_AES}:@SECLEVEL=2", _V1_2, _V1_3),
    "NULL": Recipe("NULL-SHA:@SECLEVEL=0", _V1_2, _V1_2),
    "3DES": Recipe("DES-CBC3-SHA:@SECLEVEL=2", _V1_2, _V1_2),
}


@dataclass(frozen=True, slots=True)
class Material:
    """What contexts are made of; ``trust`` None is whom the system trusts, ``identity`` None nobody's certificate."""

    wishes: TlsWishes
    recipe: Recipe
    identity: Identity | None
    trust: Trust | None

    def client(self) -> ssl.SSLContext:
        """A context for the connections we open.

        Raises:
            UsageError: OpenSSL cannot use what the stores hold.
        """
        wishes = self.wishes
        shown = self.identity if wishes.client_auth else None
        try:
            return client_context(self.recipe, trust=self.trust, certificate=shown, check_hostname=wishes.check_name)
        except TlsSetupFailed as error:
            raise _unusable(wishes, error) from error

    def server(self) -> ssl.SSLContext:
        """A context for the connections we accept.

        Raises:
            UsageError: OpenSSL cannot use what the stores hold.
        """
        if self.identity is None:
            raise ValueError("a server has to show something")
        wishes = self.wishes
        asks: ClientCertificates = "require" if wishes.client_auth and self.trust is not None else "none"
        try:
            context = server_context(self.recipe, certificate=self.identity, trust=self.trust, client_certificates=asks)
        except TlsSetupFailed as error:
            raise _unusable(wishes, error) from error
        if wishes.client_auth and self.trust is None:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def open_stores(wishes: TlsWishes, *, calls: bool, listens: bool) -> tuple[Material, list[str]]:
    """What a command that calls or listens needs, and warnings.

    Raises:
        UsageError: something that was asked for cannot be had.
    """
    recipe = recipe_of(wishes)
    stores = Stores(wishes)
    identity = stores.identity() if wishes.client_auth or listens else None
    believes = calls or wishes.client_auth
    trust = stores.trust() if believes and wishes.trust_store != SYSTEM else None
    unused = [*(KEY_PLACES if identity is None else ()), *(() if believes else TRUST_PLACES)]
    idle = [
        f"{wishes.spelling[place]} has no effect with -noclientauth" for place in unused if place in wishes.spelling
    ]
    return Material(wishes, recipe, identity, trust), [*idle, *_weaknesses(wishes, recipe), *stores.warnings]


def make_contexts(
    wishes: TlsWishes, console: Console, *, calls: bool, listens: bool
) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """Contexts for the connections we open and for those we accept; warnings go to the console.

    Raises:
        UsageError: something that was asked for cannot be had.
    """
    material, warnings = open_stores(wishes, calls=calls, listens=listens)
    contexts = material.client() if calls else None, material.server() if listens else None
    console.warn(*warnings)
    return contexts


def recipe_of(wishes: TlsWishes) -> Recipe:
    """What the choice means in OpenSSL's terms.

    Raises:
        UsageError: there is no choice, or this OpenSSL cannot do it.
    """
    choice = wishes.choice
    if choice is None:
        raise UsageError("there is no TLS without -tls or --tls-profile")
    recipe = RECIPES[Profile(choice.profile)] if choice.profile else SUITES[choice.suites or "AES"]
    if wishes.versions == "tls1":
        recipe = Recipe(recipe.suites.rpartition("@")[0] + "@SECLEVEL=0", _V1_0, recipe.highest)
    elif wishes.versions == "no_tls1" and recipe.lowest < _V1_2:
        recipe = replace(recipe, lowest=_V1_2)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(recipe.suites)
    except ssl.SSLError as error:
        version = " ".join(ssl.OPENSSL_VERSION.split()[:2])
        raise UsageError(
            f"{wishes.called('choice')} {choice}: this {version} cannot do it; the nearest choice is -tls AES"
        ) from error
    return recipe


def _weaknesses(wishes: TlsWishes, recipe: Recipe) -> list[str]:
    choice = f"{wishes.called('choice')} {wishes.choice}"
    lines = []
    if "NULL" in recipe.suites:
        lines.append(f"{choice}: nothing is secret on this connection; everybody on its way can read it")
    if recipe.lowest < _V1_2:
        who = wishes.called("versions") if wishes.versions == "tls1" else choice
        lines.append(f"{who}: TLS 1.0 and 1.1 are allowed, which are broken, and weak certificates with them")
    return lines


def _unusable(wishes: TlsWishes, error: TlsSetupFailed) -> UsageError:
    """Which option it is about: only the two stores are left that OpenSSL had not seen before."""
    place = "trust_store" if "trusted" in str(error) else "key_store"
    return UsageError(f"{wishes.called(place)} {getattr(wishes, place)}: {error}")
