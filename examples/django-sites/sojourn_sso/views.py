"""
One login for several sites, of which this is one: the routes of `sojourn/sites`, for a Django as a member (begin,
callback) and as the hub (begin, grant), and logout everywhere. The checks and their order are those of sojourn's own.
"""

import logging
import re
import secrets
from functools import wraps
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from . import links, tickets

logger = logging.getLogger("sojourn_sso")

NAME, HUB, MEMBERS = (settings.SOJOURN_SITES[name] for name in ("self", "hub", "members"))
IS_HUB = NAME == "hub"


def audience_of(url):
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


AUDIENCE = audience_of(HUB if IS_HUB else MEMBERS[NAME])


# Where a page is for a frame, by what browsers say of it.
FRAMES = {"iframe", "frame", "fencedframe", "embed", "object"}
# Characters of a path that is kept in a cookie: of each of five logins that a browser may have begun.
LONGEST_PATH = 768


class SeeOther(HttpResponseRedirect):
    status_code = 303


def step(view):
    """Nothing of a login is cached, framed, told to the next page, or given to a browser that loads ahead."""

    @transaction.non_atomic_requests  # others must see each write at once
    @wraps(view)
    def answer(request):
        purpose = f"{request.headers.get('Sec-Purpose')} {request.headers.get('Purpose')}"
        if re.search(r"\b(prefetch|prerender)\b", purpose, re.IGNORECASE):
            response = HttpResponse("Not ahead of time.", status=503)
        elif request.method == "GET" and request.headers.get("Sec-Fetch-Dest") in FRAMES:
            # Browsers hold no redirect to its frame-ancestors, and a login is little else.
            response = refused("frame")
        else:
            response = view(request)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        return response

    return answer


def given(request, name):
    """What the query says; a name that is given twice counts as not given."""
    values = request.GET.getlist(name)
    return values[0] if len(values) == 1 else None


def refused(reason):
    logger.warning("login refused: %s", reason)
    return HttpResponse("This login did not succeed. Please log in once more.", status=400, content_type="text/plain")


# A member.


@require_GET
@step
def begin(request):
    path = given(request, "next")
    is_here = url_has_allowed_host_and_scheme(path, {request.get_host()}, require_https=request.is_secure())
    if not is_here or len(path) > LONGEST_PATH:
        path = resolve_url(settings.LOGIN_REDIRECT_URL)
    if IS_HUB:
        return redirect_to_login(path)
    begun = tickets.begin(AUDIENCE, path)
    query = {"site": NAME, "state": begun["state"], "challenge": tickets.challenge_of(begun["verifier"])}
    response = SeeOther(f"{HUB}grant?{urlencode(query)}")
    tickets.remember(request, response, begun)
    return response


@require_GET
@step
def callback(request):
    # Used up before anything else is looked at: what fails here may be found in a log, and must be worth nothing then.
    ticket = tickets.take(given(request, "ticket"))
    state = given(request, "state")
    response = redeem(request, ticket, tickets.begun_here(request, AUDIENCE, state))
    if tickets.is_random(state):
        tickets.forget(response, tickets.cookie_of(state))
    return response


def redeem(request, ticket, begun):
    if begun is None:
        return refused("transaction")
    if given(request, "iss") != HUB:
        return refused("issuer")
    if ticket is None:
        return refused("ticket")
    if ticket["aud"] != AUDIENCE:
        return refused("audience")
    if not constant_time_compare(tickets.challenge_of(begun["verifier"]), ticket["challenge"]):
        return refused("verifier")
    user = user_of(ticket)
    if not user.is_authenticated:
        return refused("user")
    again = is_same_login(request, user, ticket)
    if not again:
        auth.login(request, user, ticket["backend"])
    request.session[links.LINK_KEY] = {**ticket.get("provider", {}), "g": ticket["gid"], "a": ticket["at"]}
    for name, key in links.SAID.items():
        if name in ticket:
            request.session[key] = ticket[name]
        elif name != "expiry":
            request.session.pop(key, None)
    if not again:
        request.session.cycle_key()  # login() keeps the key where the same user was here before
    return SeeOther(begun["next"]) if links.join(request.session) else refused("ended")


def is_same_login(request, user, ticket):
    """Another tab has come back before: its pages are under way with the key that the session has."""
    link = request.session.get(links.LINK_KEY)
    is_same = isinstance(link, dict) and link.get("g") == ticket["gid"]
    return is_same and request.user == user and request.session.get(links.PROVED_KEY) == ticket.get("proved")


def user_of(ticket):
    """As Django finds the user of a session: who may still log in, and has the password that they logged in with."""
    asking = HttpRequest()
    asking.session = links.SignedCookie()  # stored nowhere
    asking.session[auth.SESSION_KEY] = ticket["user"]
    asking.session[auth.BACKEND_SESSION_KEY] = ticket["backend"]
    asking.session[auth.HASH_SESSION_KEY] = ticket["hash"]
    return auth.get_user(asking)


# The hub.


@require_GET
@step
def grant(request):
    member = MEMBERS.get(given(request, "site"))
    state, challenge = given(request, "state"), given(request, "challenge")
    if member is None or not tickets.is_random(state) or not tickets.is_random(challenge):
        return refused("wish")

    def answer(**said):
        return SeeOther(f"{member}callback?{urlencode({**said, 'state': state, 'iss': HUB})}")

    if given(request, "prompt") == "login":
        # The page is shown to whoever is to prove anew who they are, and then counts as shown.
        query = request.GET.copy()
        del query["prompt"]
        return redirect_to_login(f"{request.path}?{query.urlencode()}")
    if not request.user.is_authenticated and given(request, "prompt") == "none":
        return answer(error="login_required")
    if not request.user.is_authenticated or not joined(request.session):
        return redirect_to_login(request.get_full_path())
    session = request.session
    link = session[links.LINK_KEY]
    # By what a provider that logged the user in here finds the login.
    provider = {name: link[name] for name in "icsut" if name in link}
    ticket = tickets.issue(
        session,
        {
            "aud": audience_of(member),
            "challenge": challenge,
            "user": session[auth.SESSION_KEY],
            "backend": session[auth.BACKEND_SESSION_KEY],
            "hash": session[auth.HASH_SESSION_KEY],
            "at": link["a"],
            "gid": link["g"],
            **({"provider": provider} if "i" in link else {}),
            **{name: session[key] for name, key in links.SAID.items() if key in session},
        },
    )
    return HttpResponse("Too many logins at once.", status=429) if ticket is None else answer(ticket=ticket)


def joined(session):
    session[links.LINK_KEY] = {"a": links.now(), **(session.get(links.LINK_KEY) or {}), "g": group_of_login(session)}
    return links.join(session)


def group_of_login(session):
    return links.login_of(session)[0] or links.sha256(secrets.token_urlsafe())


# Both.


def note_login(request, **_):
    """
    Whoever was at this browser before is not any more: their login ends on all sites. At the hub the new one is found by its
    user from its beginning on, and says when they proved who they are.
    """
    session = getattr(request, "session", {})
    if auth.SESSION_KEY not in session:
        return
    before, user = getattr(request, "sojourn_login", (None, None))
    if before and user != session[auth.SESSION_KEY]:
        # Where the page is one transaction, others see none of it before it is over.
        transaction.on_commit(lambda: links.end(before))
    if IS_HUB:
        if session.session_key is None and not isinstance(session, links.SignedCookie):
            session.create()
        session.setdefault(links.LINK_KEY, {"a": links.now()})
        session[links.PROVED_KEY] = links.now() // 1000
        links.join(session)


auth.user_logged_in.connect(note_login)


@require_POST
@csrf_protect
@step
def logout(request):
    # The others first: if that fails the visitor is still here, and can try again.
    if auth.SESSION_KEY in request.session:
        links.end(group_of_login(request.session))
    auth.logout(request)
    return SeeOther(resolve_url(settings.LOGOUT_REDIRECT_URL or "/"))
