"""What passes between the browser, a member and the hub: tickets, and what a browser has begun."""

import base64
import hashlib
import json
import re
import secrets

from django.core import signing
from django.utils.crypto import constant_time_compare

from . import links

PREFIX = "__Host-sso-"
SALT = "sojourn_sso.transaction"
# Seconds that a login may take.
LASTS = 600
# Logins that a browser may have begun at once, one in each tab; the one that began first gives way.
MOST = 5
# Tickets that may be under way of one session, and the milliseconds that each is good for.
MOST_TICKETS = 30
TICKET_LASTS = 30_000


def is_random(text):
    """Whether it looks like what `secrets.token_urlsafe(32)` makes."""
    return re.fullmatch(r"[A-Za-z0-9_-]{43}", text or "") is not None


def challenge_of(verifier):
    """RFC 7636 section 4.2, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def issue(session, ticket):
    """None where too many of this session are under way."""
    secret = secrets.token_urlsafe(32)
    name, expires = links.record_of("tk", secret), links.now() + TICKET_LASTS
    group = links.record_of("tks", session.session_key)
    # Counted with itself in it, so that however many come at once there are never more.
    links.put("sojourn_member", {"grp": group, "session_key": name[-40:]}, since=0, expires=expires)
    if len(links.members(group)) > MOST_TICKETS:
        links.leave(group, name[-40:])
        return None
    links.put("sojourn_record", {"name": name}, value=json.dumps(ticket), expires=expires)
    return secret


def take(secret):
    """Uses a ticket up, whatever becomes of it; None where it is none, is over or was used."""
    text = links.take(links.record_of("tk", secret)) if is_random(secret) else None
    return None if text is None else json.loads(text)


def begin(audience, path):
    """A login that a browser begins here, to come to a page of this site."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    return {"state": state, "verifier": verifier, "next": path, "of": audience, "at": links.now()}


def remember(request, response, begun):
    """In the browser alone: nothing is stored for a visitor who may never come back."""
    value = signing.dumps(begun, salt=SALT)
    response.set_cookie(cookie_of(begun["state"]), value, max_age=LASTS, secure=True, httponly=True, samesite="Lax")
    others = [name for name in request.COOKIES if name.startswith(PREFIX)]
    others.sort(key=lambda name: (opened(request.COOKIES[name]) or {"at": 0})["at"], reverse=True)
    for name in others[MOST - 1 :]:
        forget(response, name)


def begun_here(request, audience, state):
    """What this browser began under a state; None where it has begun nothing of the kind."""
    begun = opened(request.COOKIES.get(cookie_of(state))) if is_random(state) else None
    is_this = begun is not None and begun["of"] == audience and constant_time_compare(begun["state"], state)
    return begun if is_this else None


def forget(response, name):
    response.delete_cookie(name, samesite="Lax")


def opened(value):
    try:
        return signing.loads(value or "", salt=SALT, max_age=LASTS)
    except signing.BadSignature:
        return None


def cookie_of(state):
    return PREFIX + links.sha256(state)[:8]
