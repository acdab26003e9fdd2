"""
Migrates, then serves the project on a port of 127.0.0.1 that the system chooses, a thread for each request.

Speaks with the test by lines of JSON. First out: {"port", "version"}. After that in: {"id", "code", "args"}, Python to run
in this process; out: {"id", "printed"} or {"id", "error"}. The end of the input means that the test is gone, and so is this.
"""

import fcntl
import functools
import io
import json
import os
import sys
import threading
import traceback

os.environ["DJANGO_SETTINGS_MODULE"] = "djangosite.settings"

import django
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections

given = json.loads(os.environ["SOJOURN_DJANGO"])
out_lock = threading.Lock()


class Server(ThreadedWSGIServer):
    request_queue_size = 128
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def tell(message):
    with out_lock:
        print(json.dumps(message), flush=True)


def run(command):
    out = io.StringIO()
    try:
        names = {"__name__": "test", "args": command["args"], "print": functools.partial(print, file=out)}
        exec(compile(command["code"], "test", "exec"), names)
        tell({"id": command["id"], "printed": out.getvalue()})
    except Exception:
        tell({"id": command["id"], "error": traceback.format_exc()})
    finally:
        connections.close_all()


def obey():
    for line in sys.stdin:
        threading.Thread(target=run, args=[json.loads(line)], daemon=True).start()
    os._exit(0)


def migrate():
    """Servers that start at once on one database take turns. The table of sessions may have been made by sojourn."""
    with open(given["lock"], "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("migrate", verbosity=0, interactive=False, fake_initial=True)
        connections.close_all()


def with_nonce(application):
    """At /.nonce, what the test gave at the start: only its own server can know it."""

    def respond(environ, start_response):
        if environ["PATH_INFO"] != "/.nonce":
            return application(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [given["nonce"].encode()]

    return respond


if __name__ == "__main__":
    application = get_wsgi_application()
    migrate()
    server = Server(("127.0.0.1", 0), QuietHandler)
    server.set_app(with_nonce(application))
    threading.Thread(target=obey, daemon=True).start()
    tell({"port": server.server_address[1], "version": django.get_version()})
    server.serve_forever()
