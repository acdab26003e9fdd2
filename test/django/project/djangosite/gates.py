"""Places where a request stops until the test lets it go on, so that a race is played in a known order."""

import threading
from collections import defaultdict

SECONDS = 20


class Gate:
    def __init__(self):
        self.arrived = threading.Event()
        self.opened = threading.Event()

    def pass_through(self):
        self.arrived.set()
        if not self.opened.wait(SECONDS):
            raise TimeoutError("nobody opened the gate")

    def wait_for_arrival(self):
        if not self.arrived.wait(SECONDS):
            raise TimeoutError("no request came to the gate")


gates = defaultdict(Gate)
