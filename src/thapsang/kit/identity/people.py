"""Users who are customers: found and made by their phone."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from thapsang.kit.identity.models import User
from thapsang.kit.privacy import cipher


def customer_user(*, phone: str) -> User:
    """Return the user with this phone (E.164), made at the first sign-in.

    The user's name is the blind index, so that it tells nothing; there is no password to guess.
    """
    index = cipher.blind_index(phone, purpose="phone")
    user = User.objects.filter(phone_index=index).first()
    if user is not None:
        return user
    sealed = cipher.encrypt(phone, purpose="phone")
    user, _ = User.objects.get_or_create(
        phone_index=index,
        defaults={
            "username": f"c-{index.hex()}", "phone_cipher": sealed, "phone_verified": True, "password": "!",
        },
    )  # fmt: skip
    return user


def phone_of(user: User | AnonymousUser) -> str | None:
    """Return the phone (E.164) of a customer who has signed in; None for staff and for nobody."""
    sealed = user.phone_cipher if isinstance(user, User) else None
    return cipher.decrypt(sealed, purpose="phone") if sealed else None


def phone_index_of(user: User | AnonymousUser) -> bytes | None:
    """Return the blind index of a signed-in customer's phone, as contact points carry it; None for others."""
    index = user.phone_index if isinstance(user, User) else None
    return bytes(index) if index is not None else None
