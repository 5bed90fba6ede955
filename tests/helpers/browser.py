"""Chromium, headless, spoken to through a pipe: what a page looks like and how it answers, without a network."""

import base64
import io
import itertools
import json
import os
import select
import shutil
import subprocess
from contextlib import contextmanager

from PIL import Image

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-extensions",
    "--disable-component-update", "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page of a browser; `requested` holds the addresses that it asked for, `said` what its console says."""

    def __init__(self, to, back):
        self.to, self.back, self.numbers, self.buffer = to, back, itertools.count(1), b""
        self.requested, self.said, self.session, self.loaded = [], [], None, False
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method, **parameters):
        """Return the answer to a call of Chromium's protocol."""
        number = next(self.numbers)
        call = {"id": number, "method": method, "params": parameters}
        if self.session:
            call["sessionId"] = self.session
        os.write(self.to, json.dumps(call).encode() + b"\0")
        while (answer := self.read()).get("id") != number:
            self.note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def read(self):
        """Return the next message."""
        while b"\0" not in self.buffer:
            assert select.select([self.back], [], [], 60)[0], "the browser does not answer"
            self.buffer += os.read(self.back, 2**20)
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def note(self, event):
        """Keep what the page did."""
        method, what = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(what["request"]["url"])
        elif method in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.said.append(what)
        elif method == "Page.loadEventFired":
            self.loaded = True

    def show(self, path, width, dark, height=900):
        """Load a file in a window of a width, in light or dark."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self("Emulation.setEmulatedMedia", features=scheme)
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.requested, self.said, self.loaded = [], [], False
        self("Page.navigate", url=path.absolute().as_uri())
        while not self.loaded:
            self.note(self.read())

    def value(self, expression):
        """Return a JavaScript expression's value."""
        return self("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def press(self, key, code, text=""):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            given = {"text": text} if text and kind == "keyDown" else {}
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **given)

    def picture(self):
        """Return what the window shows."""
        data = self("Page.captureScreenshot", format="png")["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


@contextmanager
def browser(folder):
    """Give a Browser whose own files are in a folder, and end it."""
    to_it, to = os.pipe()
    back, from_it = os.pipe()
    command = [PROGRAM, *OPTIONS, f"--user-data-dir={folder}"]
    shell = ["bash", "-c", f'exec "$@" 3<&{to_it} 4>&{from_it}', "bash"]  # where Chromium's pipe is
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*shell, *command], pass_fds=(to_it, from_it), **quiet)
    try:
        yield Browser(to, back)
    finally:
        process.terminate()
        process.wait(timeout=30)
        for each in (to_it, to, back, from_it):
            os.close(each)
