"""A browser for tests: headless Chromium, driven over the WebDriver protocol by chromedriver.

Nothing but the standard library and Debian's chromium and chromium-driver is needed. It has no
network: no name resolves.
"""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE_S = 600  # for one script or page; WebDriver's own 30 s are few on a busy machine


def is_there():
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


class Browser:
    """One window, as a context manager that ends the processes which it began."""

    def __init__(self, width=1280, height=900, dark=False):
        self.home = tempfile.mkdtemp(prefix="browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, start_new_session=True,
                                       env=dict(os.environ, HOME=self.home, TMPDIR=self.home))
        self.session = None
        try:
            self.base = "http://127.0.0.1:%d" % self.read_port()
            self.start()
            self.resize(width, height)
            self.cdp("Emulation.setEmulatedMedia", features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        except BaseException:
            self.close()
            raise

    def read_port(self):
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise OSError("chromedriver does not start")

    def start(self):
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                            "--disable-dev-shm-usage", "--disable-background-networking",
                            "--host-resolver-rules=MAP * ~NOTFOUND",
                            "--user-data-dir=" + os.path.join(self.home, "profile")],
                   "binary": shutil.which("chromium")}
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "timeouts": {"script": PATIENCE_S * 1000, "pageLoad": PATIENCE_S * 1000},
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S + 60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(json.load(e)["value"]["message"]) from None

    def do(self, what, body=None):
        return self.ask("POST", self.session + what, body or {})

    def cdp(self, command, **params):
        return self.do("/goog/cdp/execute", {"cmd": command, "params": params})

    def resize(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)

    def open(self, path):
        self.do("/url", {"url": path if path.startswith("file:") else
                         "file://" + os.path.abspath(path)})

    def run(self, script, *args):
        return self.do("/execute/sync", {"script": script, "args": list(args)})

    def run_async(self, script):
        """What the script hands to the function that is its only argument."""
        return self.do("/execute/async", {"script": script, "args": []})

    def click(self, element):
        self.do("/element/%s/click" % element[ELEMENT])

    def type(self, element, keys):
        self.do("/element/%s/value" % element[ELEMENT], {"text": keys})

    def press(self, key):
        self.do("/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def back(self):
        self.do("/back")

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.cdp("Page.captureScreenshot")["data"]))

    def complaints(self):
        """What the console said since the last call, warnings and errors."""
        return [e["message"] for e in self.do("/se/log", {"type": "browser"})
                if e["level"] in ("WARNING", "SEVERE")]

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(30)
            shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
