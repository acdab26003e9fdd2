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
from django.db import DatabaseError, IntegrityError, connection, transaction

LINK_KEY = "_sso"
# When a login is over whatever happens, in seconds since 1970.
END_KEY = "_sojourn_end"
# When the user proved who they are, in seconds since 1970.
PROVED_KEY = "_sojourn_auth_time"
# What a ticket says of the hub's session besides, and where a session has it. Django's own expiry is 0 where the session
# ends with the browser.
SAID = {"end": END_KEY, "proved": PROVED_KEY, "expiry": "_session_expiry"}
# How keys begin that groups have for sessions in cookies.
IN_A_COOKIE = "-."


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
    # One that was copied from a site where they do not last as long.
    if isinstance(session, SignedCookie) and (session.get(LINK_KEY) or {}).get("e", math.inf) <= time.time():
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
    alive, is_cookie = True, isinstance(session, SignedCookie)
    until = math.ceil(now() / 1000) + 2 * age_of(session)
    # A cookie has no key that stays: what the groups have to know is how long it may live, and each copy of it.
    key = f"{IN_A_COOKIE}{int(session[LINK_KEY]['a'])}.{until}" if is_cookie else session.session_key
    for group, since in memberships(session).items():
        put("sojourn_member", {"grp": group, "session_key": key}, since=since, expires=until * 1000)
    session[LINK_KEY] = {**session[LINK_KEY], **({} if is_cookie else {"k": key[:6]}), "e": until}
    if not is_cookie:
        try:
            session.save()
        except UpdateError:
            alive = False
    if alive and not is_over(session):
        return True
    session.flush()
    return False


def renew(session):
    """A session that is to be stored or sent anew, and may last longer then than its groups know."""
    link = session.get(LINK_KEY) if session.modified or settings.SESSION_SAVE_EVERY_REQUEST else None
    if isinstance(link, dict) and link.get("e", 0) < time.time() + age_of(session):
        join(session)


def age_of(session):
    """Seconds that a session lasts from now. Of a cookie Django looks at the signature's age alone."""
    return settings.SESSION_COOKIE_AGE if isinstance(session, SignedCookie) else session.get_expiry_age()


def end(login):
    """Ends all sessions of a login, on all sites."""
    # What Node's sites store is in the table, also where Django's own sessions are cookies.
    in_cookies = settings.SESSION_ENGINE.endswith("signed_cookies")
    engine = import_module("django.contrib.sessions.backends.db" if in_cookies else settings.SESSION_ENGINE)
    group, moment = group_of("gid", login), now()
    mark(f"tomb.{group}", moment, moment + 2 * settings.SESSION_COOKIE_AGE * 1000)
    over = members(group)
    # As long as the last of its sessions would have lasted, under whatever key.
    mark(f"tomb.{group}", moment, max(over.values(), default=0))
    for key in over:
        if not key.startswith(IN_A_COOKIE):
            engine.SessionStore().delete(key)
        leave(group, key)


def mark(name, moment, until):
    """
    Says that a group is over, and until when that is known. Of two marks the later moment counts, and the later end,
    whichever was made first: one is replaced only by whoever has seen it, who else looks again.
    """
    for _ in range(100):
        found = rows("SELECT value FROM sojourn_record WHERE name = %s", name)
        known = [int(said) for said in found[0][0].split()] if found else [0, 0]
        ends = max(until, known[1])
        said = f"{max(moment, known[0])} {ends}"
        if not found and add("sojourn_record", name=name, value=said, expires=ends):
            return
        sql = "UPDATE sojourn_record SET value = %s, expires = %s WHERE name = %s AND value = %s"
        if found and execute(sql, said, ends, name, found[0][0]) == 1:
            return
    raise DatabaseError("The mark of a logout is changed by others all the time.")


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
    if not add(table, **names, **values):
        changes, where = ", ".join(f"{name} = %s" for name in values), " AND ".join(f"{name} = %s" for name in names)
        execute(f"UPDATE {table} SET {changes} WHERE {where}", *values.values(), *names.values())


def add(table, **row):
    """Writes a row; False where one is there that has its names."""
    try:
        with transaction.atomic():
            return execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks(row)})", *row.values()) == 1
    except IntegrityError:
        return False


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
