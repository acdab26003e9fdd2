"""What a test has Django do with request.session: a list of [name, argument...]; each answers with a value."""

import time
from datetime import datetime, timedelta
from decimal import Decimal

from .gates import gates


def nested_set(session, key, *path_and_value):
    """As a view that changes something inside a value: Django does not notice, see "modified"."""
    *path, last, value = path_and_value
    target = session[key]
    for step in path:
        target = target[step]
    target[last] = value


def set_expiry(session, value):
    """Seconds, null, a moment as ISO 8601 text, or {"seconds": n} for a timedelta."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, dict):
        value = timedelta(**value)
    session.set_expiry(value)


def modified(session):
    session.modified = True


# What no JSON has, but a pickle may.
OBJECTS = {
    "datetime": datetime(2031, 5, 6, 7, 8, 9),
    "decimal": Decimal("1.10"),
    "set": {1, 2},
    "bytes": b"bytes",
    "tuple": (1, 2.0, ("a",)),
}


OPERATIONS = {
    "get": lambda session, key: session.get(key),
    "has": lambda session, key: key in session,
    "set": lambda session, key, value: session.__setitem__(key, value),
    "del": lambda session, key: session.__delitem__(key),
    "pop": lambda session, key: session.pop(key, None),
    "setdefault": lambda session, key, value: session.setdefault(key, value),
    "set_object": lambda session, key, name: session.__setitem__(key, OBJECTS[name]),
    "update": lambda session, values: session.update(values),
    "clear": lambda session: session.clear(),
    "flush": lambda session: session.flush(),
    "cycle_key": lambda session: session.cycle_key(),
    "save": lambda session: session.save(),
    "set_expiry": set_expiry,
    "expiry_age": lambda session: session.get_expiry_age(),
    "expire_at_browser_close": lambda session: session.get_expire_at_browser_close(),
    "nested_set": nested_set,
    "modified": modified,
    "set_test_cookie": lambda session: session.set_test_cookie(),
    "test_cookie_worked": lambda session: session.test_cookie_worked(),
    "delete_test_cookie": lambda session: session.delete_test_cookie(),
    "load": lambda session: len(session.keys()),
    "sleep": lambda session, milliseconds: time.sleep(milliseconds / 1000),
    "gate": lambda session, name: gates[name].pass_through(),
}


def apply(session, operations):
    return [OPERATIONS[name](session, *arguments) for name, *arguments in operations]
