"""
What sojourn keeps beside sessions, in its own tables and words: records that are used once, and groups of sessions that
end together. Moments are in milliseconds since 1970.
"""

import hashlib
import json
import math
import time
from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookie
from django.db import IntegrityError, connection, transaction

LINK_KEY = "_sso"
# When a login is over whatever happens, in seconds since 1970.
END_KEY = "_sojourn_end"
# When the user proved who they are, in seconds since 1970.
PROVED_KEY = "_sojourn_auth_time"
# What a ticket says of the hub's session besides, and where a session has it. Django's own expiry is 0 where the session
# ends with the browser.
SAID = {"end": END_KEY, "proved": PROVED_KEY, "expiry": "_session_expiry"}


def now():
    return int(time.time() * 1000)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def record_of(kind, secret):
    return f"{kind}.{sha256(f'{kind}:{secret}')}"


def group_of(kind, *parts):
    return f"{kind}.{sha256(json.dumps(parts, separators=(',', ':'), ensure_ascii=False))}"


def memberships(session):
    """The groups of a session, each with the moment since which it counts as one of them; 0 where an end is for all."""
    link = session.get(LINK_KEY)
    if not isinstance(link, dict):
        return {}
    client = link.get("i"), link.get("c")
    groups = [
        ("gid", [link.get("g")], 0),
        ("sid", [*client, link.get("s")], 0),
        ("sub", [*client, link.get("u")], link.get("t", 0)),
        ("user", [session.get(SESSION_KEY)], link.get("a", 0)),
    ]
    return {group_of(kind, *map(str, parts)): since for kind, parts, since in groups if None not in parts}


def login_of(session):
    """The login over several sites that a session is of, and whose it is; None for either where there is none."""
    link, user = session.get(LINK_KEY), session.get(SESSION_KEY)
    login = link.get("g") if isinstance(link, dict) else None
    # One that is of no group yet gets it by its key, so that two tabs at once give it the same. A signed cookie is no such
    # key: two logins of one second may have the same.
    if not login and user is not None and not isinstance(session, SignedCookie):
        login = sha256(f"gid:{session.session_key}")
    return login, user


def is_over(session):
    """Whether the login that a session belongs to was ended, wherever that was, or has come to its end."""
    if session.get(END_KEY, math.inf) <= time.time():
        return True
    since = {f"tomb.{group}": moment for group, moment in memberships(session).items()}
    if not since:
        return False
    return any(since[name] <= moment for name, (moment, _) in tombs(since).items())


def join(session):
    """
    Stores a session that says which login it is of, and tells its groups before; false where that login was ended
    meanwhile. Whoever ends one marks it first and then looks for its sessions, and here it is the other way round: so
    one of the two sees the other.
    """
    alive = True
    if not isinstance(session, SignedCookie):
        until = math.ceil(now() / 1000) + 2 * session.get_expiry_age()
        for group, since in memberships(session).items():
            put("sojourn_member", {"grp": group, "session_key": session.session_key}, since=since, expires=until * 1000)
        session[LINK_KEY] = {**session[LINK_KEY], "k": session.session_key[:6], "e": until}
        try:
            session.save()
        except UpdateError:
            alive = False
    if alive and not is_over(session):
        return True
    session.flush()
    return False


def end(login):
    """Ends all sessions of a login, on all sites."""
    # What Node's sites store is in the table, also where Django's own sessions are cookies.
    in_cookies = settings.SESSION_ENGINE.endswith("signed_cookies")
    engine = import_module("django.contrib.sessions.backends.db" if in_cookies else settings.SESSION_ENGINE)
    group, moment = group_of("gid", login), now()
    name = f"tomb.{group}"
    # As long as the last of its sessions would have lasted, under whatever key, and no less than was said before.
    ends = [moment + 2 * settings.SESSION_COOKIE_AGE * 1000, *members(group).values()]
    until = int(max(ends + [until for _, until in tombs([name]).values()]))
    put("sojourn_record", {"name": name}, value=f"{moment} {until}", expires=until)
    for key in members(group):
        engine.SessionStore().delete(key)
        leave(group, key)


def leave(group, key):
    execute("DELETE FROM sojourn_member WHERE grp = %s AND session_key = %s", group, key)


def members(group):
    """The keys of a group's sessions, and until when each is there."""
    return dict(rows("SELECT session_key, expires FROM sojourn_member WHERE grp = %s AND expires > %s", group, now()))


def tombs(names):
    """Which of these marks are there: for whom a group is over, and until when that is known."""
    sql = f"SELECT name, value FROM sojourn_record WHERE name IN ({marks(names)}) AND expires > %s"
    return {name: tuple(map(float, text.split())) for name, text in rows(sql, *names, now())}


def take(name):
    """Reads a record and deletes it; None where there is none. Of all who do so at once one gets it: who deletes it."""
    found = rows("SELECT value FROM sojourn_record WHERE name = %s AND expires > %s", name, now())
    return found[0][0] if found and execute("DELETE FROM sojourn_record WHERE name = %s", name) == 1 else None


def put(table, names, **values):
    """Writes a row, in the place of one that has its names."""
    row = {**names, **values}
    try:
        with transaction.atomic():
            execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks(row)})", *row.values())
    except IntegrityError:
        changes, where = ", ".join(f"{name} = %s" for name in values), " AND ".join(f"{name} = %s" for name in names)
        execute(f"UPDATE {table} SET {changes} WHERE {where}", *values.values(), *names.values())


def marks(values):
    return ", ".join(["%s"] * len(values))


def rows(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def execute(sql, *values):
    """How many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount
