"""
Sends requests through Django's own WSGI handler and middleware, without a socket.

In: lines of JSON, {"settings", "requests"}. Out: for each line one, a list of {"status", "reason", "setCookies"}.
"""

import base64
import io
import json
import re
import sys

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=sys.argv[1],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    LOGGING_CONFIG=None,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    CSRF_FAILURE_VIEW=__name__ + ".refused",
    APPEND_SLASH=False,
)
django.setup()

import logging

from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse
from django.middleware.csrf import get_token
from django.urls import re_path

# What it says of each refusal comes back as the reason.
logging.disable(logging.CRITICAL)


def page(request):
    if request.path == "/token":
        get_token(request)
    return JsonResponse({"reason": None})


def refused(request, reason=""):
    return JsonResponse({"reason": reason}, status=403)


urlpatterns = [re_path("", page)]


def environ_of(request):
    """As a web server hands a request to WSGI (PEP 3333), by the rules of HTTP for lines of one name (RFC 9110 section 5.3)."""
    scheme = "https" if request["tls"] else "http"
    environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": "/token" if request["asksToken"] else "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request["lines"]:
        # Servers drop these, since `X_Y` would pass for `X-Y`.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key != "CONTENT_TYPE":
            key = "HTTP_" + key
        value = value.strip(" \t")
        between = "; " if key == "HTTP_COOKIE" else ", "
        environ[key] = environ[key] + between + value if key in environ else value
    body = request["body"].encode("latin-1")
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    # WSGI's servers put here where they listen. That it is where the visitor asked for it is what we take for granted.
    forwarded = environ.get("HTTP_X_FORWARDED_HOST") if settings.USE_X_FORWARDED_HOST else None
    host = environ.get("HTTP_HOST", "") if forwarded is None else forwarded
    port = re.fullmatch(r"(?:[a-z0-9.-]+|\[[a-f0-9:.]+\]):([0-9]+)", host.lower())
    environ["SERVER_PORT"] = port[1] if port else {"http": "80", "https": "443"}[scheme]
    return environ


def ask(handler, request):
    head = []
    try:
        body = b"".join(handler(environ_of(request), lambda status, headers: head.extend([status, headers])))
    except Exception:
        # What an application raises is its server's 500.
        return {"status": 500, "reason": None, "setCookies": []}
    status = int(head[0].split()[0])
    return {
        "status": status,
        "reason": json.loads(body)["reason"] if status in (200, 403) and request["method"].upper() != "HEAD" else None,
        "setCookies": [value.strip() for name, value in head[1] if name == "Set-Cookie"],
    }


for line in sys.stdin:
    batch = json.loads(line)
    for name, value in batch["settings"].items():
        setattr(settings, name, value)
    # Its middleware keeps what it has read of the settings, so each batch has a new one.
    handler = WSGIHandler()
    print(json.dumps([ask(handler, request) for request in batch["requests"]]), flush=True)
