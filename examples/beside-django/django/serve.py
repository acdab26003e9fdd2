"""
Makes the tables and the demo user, then serves the site at a port of this machine that the system chooses, and prints that port.
A real site has gunicorn or uWSGI here. The end of the input means that whoever started this is gone, and so is this.
"""

import os
import signal
import sys
import threading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestbook.settings")

import django

django.setup()

from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


def end_with_the_input():
    sys.stdin.read()
    os._exit(0)


def make_demo_user():
    users = get_user_model().objects
    username = os.environ["DEMO_USER"]
    if not users.filter(username=username).exists():
        users.create_superuser(username, password=os.environ["DEMO_PASSWORD"])


class Server(ThreadedWSGIServer):
    daemon_threads = True


if __name__ == "__main__":
    # Ctrl+C reaches every process of the terminal; this one ends after the proxy, not before.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_the_input, daemon=True).start()
    call_command("migrate", verbosity=0, interactive=False)
    make_demo_user()
    server = Server(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    print(server.server_address[1], flush=True)
    server.serve_forever()
